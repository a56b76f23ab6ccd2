package payment

import "time"

// NoticeKind is what a merchant is told of: the event names of the v3 API.
type NoticeKind string

const (
	NoticeCapture          NoticeKind = "payment.capture"
	NoticeFailure          NoticeKind = "payment.failure"
	NoticeSessionCompleted NoticeKind = "payment_session.completed"
	NoticeSessionExpired   NoticeKind = "payment_session.expired"
)

// NoticeKinds are all kinds of notice.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeCapture, NoticeFailure, NoticeSessionCompleted, NoticeSessionExpired}
}

// Notice is one thing the merchant is told, once per change of state. Its body is made when the change is
// committed and never changes; only the time of the delivery attempt does.
type Notice struct {
	ID       EventID
	Business BusinessID
	Kind     NoticeKind
	Object   string // id of the payment or session it is about
	Sequence int64  // rises with every change of the object, so that a receiver can order what it gets
	Data     []byte // JSON of the envelope's data
	Created  time.Time

	// Test marks a sample that somebody asked for: nothing has happened. It is not kept.
	Test bool
}
