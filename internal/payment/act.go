package payment

import "time"

// bench is where a move is carried out: the rows it may change, and the effects it has had so far.
type bench struct {
	request Request
	session Session
	token   Token
	event   Event

	sessionChanged, tokenChanged bool
	effects                      []Effect
}

func (b *bench) add(effects ...Effect) { b.effects = append(b.effects, effects...) }

// carry turns an act into effects, and into a change of the attempt, the session or the card where it is about
// that.
func (b *bench) carry(a act) {
	r, e := &b.request, b.event
	switch a {
	case keepCVN:
		r.Submits++
		b.add(KeepCVN{*e.Sealed})
	case keepHanded:
		if e.Sealed != nil {
			b.carry(keepCVN)
		}
	case forgetCVN:
		if e.Verifier != nil {
			b.add(TakeCVN{r.ID, e.Verifier})
		} else {
			b.add(ForgetCVN{r.ID})
		}
	case note:
		b.add(NoteAuthentication{r.ID, e.Authentication.ServerTransID})
	case noteTrace:
		value := ""
		if proof := r.Proof(); proof != nil {
			value = proof.Value
		}
		b.add(NoteTrace{r.ID, *e.Trace, value})
	case takeTry:
		if !r.WithoutCVN {
			r.Tried = e.At.UTC().Format(time.DateOnly)
			b.add(TakeTry{CardDay{b.token.Fingerprint, r.Tried}})
		}
	case giveTry:
		if r.Tried != "" && (e.Answer == nil || !e.Answer.Mismatch()) {
			b.add(GiveTryBack{CardDay{b.token.Fingerprint, r.Tried}})
			r.Tried = ""
		}
	case wake:
		switch r.Deadline = r.Expires; r.State {
		case Authorizing:
			r.Deadline = e.Deadline
		case Authorized:
			r.Deadline = e.At.Add(HoldLife)
		}
		b.add(Wake{attemptWork(*r), r.Deadline})
	case demand:
		if b.session.ID != "" {
			b.session.StepUp = true
			b.sessionChanged = true
		}
	case rest:
		r.Deadline = time.Time{}
		b.add(Rest{attemptWork(*r)})
	case reverse:
		b.advise(e.Reversal, e.At)
	case claim:
		b.advise(e.Advice, e.Deadline) // whoever claims makes the first try
	case giveBack:
		if e.Reversal != nil { // else all of it was captured
			b.advise(e.Reversal, e.At)
		}
	case storeCard:
		b.storeCard()
	case dropCard:
		b.dropCard()
	case letCardGo:
		if b.token.Status == TokenOneOff {
			b.add(Wake{tokenWork(b.token), e.At.Add(NumberKept)})
		}
	case count:
		b.count()
	case holdSession, complete, releaseSession, free:
		b.turnSession(a)
	case tellCaptured:
		b.add(Tell{NoticeCapture})
	case tellHeld:
		b.add(Tell{NoticeAuthorization})
	case tellFailed:
		if r.Type != Save {
			b.add(Tell{NoticeFailure})
		}
	case tellExpired:
		b.add(Tell{NoticeExpired})
	case tellUnpaid:
		if r.Type != Save {
			b.add(Tell{NoticeRequestExpired})
		}
	default:
		panic("payment: no such act: " + string(a))
	}
}

// advise writes an advice and has it sent at a time.
func (b *bench) advise(a *Advice, at time.Time) {
	b.add(SaveAdvice{*a}, Wake{Work{WorkAdvice, string(a.ID)}, at})
}

// turnSession does what an act is about in the session; an attempt without one has nothing to hold.
func (b *bench) turnSession(a act) {
	s, r, e := &b.session, b.request, b.event
	if s.ID == "" {
		return
	}
	b.sessionChanged = true
	switch a {
	case holdSession:
		s.Open = r.ID
		s.Attempts++
	case releaseSession:
		s.Open = ""
	case free:
		s.Open = ""
		if s.Status == SessionActive && !e.At.Before(s.Expires) {
			s.Status = SessionExpired
			b.add(Rest{sessionWork(*s)}, Tell{NoticeSessionExpired})
		}
	case complete:
		s.Status, s.Open = SessionCompleted, ""
		if r.Stores() {
			s.Saved = r.Token
		}
		if r.Type != Save {
			s.Request, s.Payment = r.ID, r.Payment
		}
		b.add(Rest{sessionWork(*s)}, Tell{NoticeSessionCompleted})
	}
}

// count counts a failed authorisation against the session, and against the card what speaks against it.
func (b *bench) count() {
	e := b.event
	if b.session.ID != "" {
		b.session.Failures++
		b.sessionChanged = true
	}
	if e.Kind == Decline {
		b.add(CountDecline{CardDay{b.token.Fingerprint, e.At.UTC().Format(time.DateOnly)}})
	}
	if e.Answer.Authorization.Stops(b.token.Brand) && !b.token.Stopped {
		b.token.Stopped = true
		b.tokenChanged = true
	}
}

// storeCard: the authorisation that was to store the card was approved. Whatever the card is, the network's id
// of its first use is kept with it: later uses refer to it.
func (b *bench) storeCard() {
	t, answered := &b.token, b.event.Answer.Authorization
	if t.OnFile.NetworkTransactionID == "" && answered.NetworkTransactionID != "" {
		t.OnFile.NetworkTransactionID = answered.NetworkTransactionID
		b.tokenChanged = true
	}
	switch t.Status {
	case TokenPending:
		t.Status = TokenActive
		b.tokenChanged = true
		b.add(Tell{NoticeTokenActivated}, Wake{tokenWork(*t), t.Ends()})
	case TokenOneOff:
		b.add(Wake{tokenWork(*t), b.event.At.Add(RefundPeriod)})
	}
}

// dropCard: the card is not stored. Its number is looked at again once no late answer can need it.
func (b *bench) dropCard() {
	t := &b.token
	switch t.Status {
	case TokenPending:
		t.Status, t.Failure = TokenFailed, tokenFailure(b.request.Failure)
		if b.request.State == Canceled {
			t.Status, t.Failure = TokenCanceled, ""
		}
		b.tokenChanged = true
		if b.request.State != Canceled {
			b.add(Tell{NoticeTokenFailed})
		}
	case TokenOneOff:
	default:
		return // it was stored before
	}
	at := b.event.At
	if b.request.Sent() {
		at = at.Add(NumberKept)
	}
	b.add(Wake{tokenWork(*t), at})
}

// NumberKept is how long the number of a card that was not stored stays for late answers and reversals.
const NumberKept = 48 * time.Hour

// tokenFailures maps a payment's failure code to a payment token's, which knows fewer
// (https://docs.xendit.co/apidocs/create-payment-token).
var tokenFailures = map[FailureCode]FailureCode{
	AuthenticationFailed: AuthenticationFailed, CardDeclined: CardDeclined, InsufficientBalance: InsufficientBalance,
	IssuerUnavailable: IssuerUnavailable, ChannelUnavailable: ChannelUnavailable,
	InvalidCVN: "INVALID_ACCOUNT_DETAILS", ExpiredCard: "INVALID_ACCOUNT_DETAILS",
	PartnerTimeout: IssuerUnavailable, ServerError: ChannelUnavailable, ProcessorError: ChannelUnavailable,
	PaymentRequestExpired: AuthenticationFailed, Timeout: AuthenticationFailed, UserDeclined: AuthenticationFailed,
	"": AuthenticationFailed,
}

func tokenFailure(code FailureCode) FailureCode {
	if f, ok := tokenFailures[code]; ok {
		return f
	}
	return CardDeclined
}
