package payment

import (
	"fmt"
	"time"
)

// NoticeKind is what a merchant is told of: the event names of the v3 API.
type NoticeKind string

const (
	NoticeCapture          NoticeKind = "payment.capture"
	NoticeAuthorization    NoticeKind = "payment.authorization"
	NoticeFailure          NoticeKind = "payment.failure"
	NoticeExpired          NoticeKind = "payment.expiry"
	NoticeRequestExpired   NoticeKind = "payment_request.expiry"
	NoticeTokenActivated   NoticeKind = "payment_token.activation"
	NoticeTokenFailed      NoticeKind = "payment_token.failure"
	NoticeTokenExpired     NoticeKind = "payment_token.expiry"
	NoticeRefundSucceeded  NoticeKind = "refund.succeeded"
	NoticeRefundFailed     NoticeKind = "refund.failed"
	NoticeSessionCompleted NoticeKind = "payment_session.completed"
	NoticeSessionExpired   NoticeKind = "payment_session.expired"
)

// NoticeKinds are all kinds of notice.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{
		NoticeCapture, NoticeAuthorization, NoticeFailure, NoticeExpired, NoticeRequestExpired,
		NoticeTokenActivated, NoticeTokenFailed, NoticeTokenExpired, NoticeRefundSucceeded, NoticeRefundFailed,
		NoticeSessionCompleted, NoticeSessionExpired,
	}
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

// Subject is the object that a notice is about, with its version.
func (kind NoticeKind) Subject(c Case) (object string, sequence int64, err error) {
	switch kind {
	case NoticeSessionCompleted, NoticeSessionExpired:
		object, sequence = string(c.Session.ID), c.Session.Version
	case NoticeTokenActivated, NoticeTokenFailed, NoticeTokenExpired:
		object, sequence = string(c.Token.ID), c.Token.Version
	case NoticeRefundSucceeded, NoticeRefundFailed:
		if c.Refund != nil {
			object, sequence = string(c.Refund.ID), c.Refund.Version
		}
	case NoticeRequestExpired:
		if c.Request != nil {
			object, sequence = string(c.Request.ID), c.Request.Version
		}
	case NoticeCapture, NoticeAuthorization, NoticeFailure, NoticeExpired:
		if c.Request != nil {
			object, sequence = string(c.Request.Payment), c.Request.Version
		}
	default:
		return "", 0, fmt.Errorf("payment: nobody knows what %s is about", kind)
	}
	if object == "" {
		err = fmt.Errorf("payment: %s about nothing", kind)
	}
	return object, sequence, err
}
