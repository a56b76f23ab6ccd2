package flow

import (
	"context"
	"errors"
	"time"

	"reprise/internal/payment"
)

// askAgain is when an AReq without an answer counts as lost with the node that sent it: the time-out of an
// AReq and a margin.
const askAgain = 12 * time.Second

// Attempt reads the attempt whose page a browser shows.
func (f *Flow) Attempt(ctx context.Context, page string) (payment.Case, error) {
	return f.o.Store.Case(ctx, payment.Lookup{Page: page})
}

// PageOf finds the page of an attempt whose challenge brings a browser home, by the names that both sides gave the
// transaction: only the bank and the browser know both. Empty where there is none.
func (f *Flow) PageOf(ctx context.Context, id payment.ServerTransID, acs string) string {
	if id == "" || acs == "" {
		return ""
	}
	c, err := f.o.Store.Case(ctx, payment.Lookup{ServerTransID: id})
	if err != nil || c.Request.Authentication == nil || c.Request.Authentication.ServerTransID != id || c.Request.Authentication.ACSTransID != acs {
		return ""
	}
	return c.Request.Page
}

// Open begins the authentication of an attempt, once the page's script has shown that a browser is there.
// It finds out where the 3DS Method runs; an attempt that is open already is returned as it is.
func (f *Flow) Open(ctx context.Context, page string) (payment.Case, error) {
	l := payment.Lookup{Page: page}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil || c.Request.State != payment.Submitted && c.Request.State != payment.SteppingUp {
		return c, err
	}
	at, err := f.enrolment(ctx, c.Token)
	if err != nil {
		return c, err
	}
	return f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		a := at.authentication(c, f.newServerTransID())
		now := f.o.Now()
		events := []payment.Event{{Kind: payment.Open, At: now, Authentication: &a}}
		if !at.enrolled {
			a.TransStatus = "U"
			verdict, _ := a.Decide(c.Token.Brand, c.Merchant)
			events = append(events, payment.Event{Kind: payment.Ask, At: now}, payment.Event{Kind: verdict.Event(), At: now})
		}
		return applyAll(c, events...)
	})
}

// enrolment is what the directory servers say of a card.
type enrolment struct {
	enrolled                      bool
	directory, version, methodURL string
}

func (f *Flow) enrolment(ctx context.Context, t payment.Token) (enrolment, error) {
	pan, err := f.o.Vault.OpenPAN(t.SealedPAN, t.Business, t.ID)
	if err != nil {
		return enrolment{}, err
	}
	directory, version, methodURL, err := f.o.ThreeDS.Range(ctx, pan)
	if errors.Is(err, payment.ErrNotFound) {
		return enrolment{}, nil
	}
	return enrolment{true, directory, version, methodURL}, err
}

// authentication is a new one, of what the case's attempt is about to authorise.
func (e enrolment) authentication(c payment.Case, id payment.ServerTransID) payment.Authentication {
	return payment.Authentication{
		ServerTransID: id, Directory: e.directory, Version: e.version, MethodURL: e.methodURL,
		NonPayment: c.Request.Type == payment.Save, StepUp: c.Request.SoftDecline != nil || c.Session.StepUp,
		Amount: c.Request.Amount, Merchant: c.Request.Business, Token: c.Request.Token,
	}
}

// Authenticate asks the bank, once: an attempt that is past this, or is being asked for by someone else, is
// returned as it is. methodCompleted is threeDSCompInd.
func (f *Flow) Authenticate(ctx context.Context, page string, b Browser, methodCompleted string) (payment.Case, error) {
	ctx, done := f.through(ctx) // an AReq that was sent is seen through, whoever still listens
	defer done()
	l := payment.Lookup{Page: page}
	var asked payment.Authentication
	completed := methodCompleted
	c, err := f.o.Store.Change(ctx, l, nil, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		again := c.Request.State == payment.Authenticating && now.Sub(c.Request.Authentication.Asked) >= askAgain
		if c.Request.State != payment.Opened && !again {
			return payment.Changes{}, &payment.ErrNotNow{State: c.Request.State, Event: payment.Ask}
		}
		asked = *c.Request.Authentication
		asked.Asked, asked.Preference = now, asked.Prefer(c.Merchant)
		if completed = methodCompleted; again {
			asked.ServerTransID = f.newServerTransID()
		}
		if again || !first(*c.Request) {
			completed = "N" // whatever ran, ran for a transaction before (EMV 3DS 2.2 §5.8.1)
		}
		return payment.Apply(c, payment.Event{Kind: payment.Ask, At: now, Authentication: &asked})
	})
	if notNow(err) {
		return f.o.Store.Case(ctx, l)
	} else if err != nil {
		return c, err
	}

	answered, verdict := f.inquire(ctx, c, asked, b, completed)
	ctx, written := f.through(ctx) // the bank may have been asked twice, and what it said is written down all the same
	defer written()
	return f.change(ctx, l, func(c payment.Case) (payment.Changes, error) {
		if a := c.Request.Authentication; a == nil || a.ServerTransID != answered.ServerTransID {
			return payment.Changes{}, nil // asked anew meanwhile: this answer is not used
		}
		return payment.Apply(c, payment.Event{Kind: verdict.Event(), At: f.o.Now(), Authentication: &answered})
	})
}

// inquire sends the AReq of an attempt whose commit says so, reads the ARes, and says what that leads to; where the
// version is refused it asks once more in a lower one, by another transaction. A bank that cannot be asked has not
// authenticated anybody: transStatus U. One that was not asked because of what the AReq says is another matter: the
// payer's browser says some of it.
func (f *Flow) inquire(ctx context.Context, c payment.Case, asked payment.Authentication, b Browser, methodCompleted string) (payment.Authentication, payment.Verdict) {
	answered, err := f.ask(ctx, c, asked, b, methodCompleted)
	if to, ok := errors.AsType[*LowerVersion](err); ok {
		ctx, done := f.through(ctx) // it may take as long as the first
		defer done()
		lower, lowered := f.lower(ctx, c, asked, to)
		if err = lowered; err == nil {
			asked = lower
			answered, err = f.ask(ctx, c, asked, b, "N") // what the 3DS Method found out was for the one before
		}
	}
	if err != nil {
		f.o.Log.Warn("authentication not possible", "payment_request", c.Request.ID, "error", err)
		answered = asked
		answered.TransStatus = "U"
		answered.Refused = !errors.Is(err, payment.ErrUnanswered) && !errors.Is(err, payment.ErrNotFound)
	}
	verdict, why := answered.Decide(c.Token.Brand, c.Merchant)
	if err == nil {
		f.tell(c.Request.ID, answered, verdict, why)
	}
	return answered, verdict
}

// lower puts a transaction in a lower version in the place of one that was refused for its version, before it is asked
// for: the result of its challenge must find it. payment.ErrNotNow means that another is there by now, or that the
// attempt is over.
func (f *Flow) lower(ctx context.Context, c payment.Case, refused payment.Authentication, to *LowerVersion) (payment.Authentication, error) {
	var asked payment.Authentication
	_, err := f.o.Store.Change(ctx, payment.Lookup{Request: c.Request.ID}, nil, func(c payment.Case) (payment.Changes, error) {
		if !still(c, refused) {
			return payment.Changes{}, &payment.ErrNotNow{State: c.Request.State, Event: payment.Ask}
		}
		asked = *c.Request.Authentication
		asked.ServerTransID, asked.Version, asked.MethodURL, asked.Asked = f.newServerTransID(), to.Version, to.MethodURL, f.o.Now()
		asked.Preference = asked.Prefer(c.Merchant) // which the lower version may have no word for
		return payment.Apply(c, payment.Event{Kind: payment.Ask, At: asked.Asked, Authentication: &asked})
	})
	if err == nil {
		f.o.Log.Info("asked again in a lower version of 3-D Secure", "payment_request", c.Request.ID, "version", to.Version, "refused", refused.Version)
	}
	return asked, err
}

func (f *Flow) ask(ctx context.Context, c payment.Case, a payment.Authentication, b Browser, methodCompleted string) (payment.Authentication, error) {
	pan, err := f.o.Vault.OpenPAN(c.Token.SealedPAN, c.Token.Business, c.Token.ID)
	if err != nil {
		return a, err
	}
	if a.MethodURL == "" {
		methodCompleted = "U"
	}
	merchant, ok := c.Merchant.For(c.Token.Brand, c.Request.MIDLabel)
	if !ok {
		return a, unknownAccount()
	}
	return f.o.ThreeDS.Authenticate(ctx, AuthenticationRequest{
		Authentication: a, Merchant: merchant, PAN: pan, Expiry: expiryOf(c.Token), Cardholder: c.Token.Cardholder,
		OnFile:  c.Request.OnFile,
		Browser: b, MethodCompleted: methodCompleted, NotificationURL: f.o.PublicURL + "/3ds/challenge",
		Challenge: a.Preference, At: f.o.Now(),
	})
}

// errEarly reports a result whose ARes has not been read yet: the one cannot be compared with the other. The directory
// server may say it again.
var errEarly = errors.New("flow: the result came before the answer to the AReq")

// Result takes the directory server's word on a challenge. It is answered as often as it comes, and acted
// on once: a result for an AReq that was replaced, or for an attempt that has ended, changes nothing.
// payment.ErrNotFound means that no such transaction is known, or not to this directory server; as a *payment.OtherError it
// says what differs.
func (f *Flow) Result(ctx context.Context, r payment.Result) error {
	ctx, done := f.through(ctx)
	defer done()
	l := payment.Lookup{ServerTransID: r.ServerTransID}
	c, err := f.o.Store.Case(ctx, l)
	if err != nil {
		return err
	}
	if !c.Request.AskedOf(r.Directory) {
		return payment.ErrNotFound
	}
	a := c.Request.Authentication
	if a == nil || a.ServerTransID != r.ServerTransID {
		return nil // of an AReq that was replaced, or answered long ago
	}
	if c.Request.State == payment.Authenticating {
		return errEarly
	}
	if a.ACSTransID == "" {
		return nil // we gave up before the ARes came: answered, and not acted on
	}
	if err := a.Issued(r); err != nil {
		return err
	}
	if a.Version != r.Version {
		return payment.ErrOtherVersion
	}
	var concluded payment.Authentication
	var verdict payment.Verdict
	var why string
	c, err = f.o.Store.Change(ctx, l, nil, func(c payment.Case) (payment.Changes, error) {
		verdict = ""
		if now := c.Request.Authentication; c.Request.State != payment.Challenging || now.ServerTransID != r.ServerTransID {
			return payment.Changes{}, nil
		}
		concluded = c.Request.Authentication.Conclude(r)
		verdict, why = concluded.Decide(c.Token.Brand, c.Merchant)
		after := concluded
		if verdict == payment.VerdictAgain {
			after = f.anew(concluded)
		}
		return payment.Apply(c, payment.Event{Kind: verdict.Event(), At: f.o.Now(), Authentication: &after})
	})
	if err == nil {
		f.tell(c.Request.ID, concluded, verdict, why)
	}
	return err
}

// tell logs what does not lead to a payment, by the codes in which the bank says it (EMV 3DS 2.2 table A.1, transStatus,
// transStatusReason, challengeCancel), which an operator can ask the bank about. Who breaks the protocol is warned of.
func (f *Flow) tell(id payment.RequestID, a payment.Authentication, v payment.Verdict, why string) {
	about := []any{
		"payment_request", id, "status", a.TransStatus, "reason", a.Reason, "cancel", a.Cancel,
		"directory", a.Directory, "ds_transaction", a.DSTransID,
	}
	switch v {
	case payment.VerdictFail:
		f.o.Log.Info("not authenticated by the bank", about...)
	case payment.VerdictAgain:
		f.o.Log.Info("a challenge never began", about...)
	case payment.VerdictRefuse:
		f.o.Log.Warn("result refused", append(about, "eci", a.ECI, "why", why)...)
	}
}

// anew is an authentication for the same, to be asked for after a challenge that came to nothing.
func (f *Flow) anew(was payment.Authentication) payment.Authentication {
	return payment.Authentication{
		ServerTransID: f.newServerTransID(), Directory: was.Directory, Version: was.Version, MethodURL: was.MethodURL, Restarts: was.Restarts + 1,
		NonPayment: was.NonPayment, StepUp: was.StepUp, Amount: was.Amount, Merchant: was.Merchant, Token: was.Token,
	}
}

// Restart gives up a challenge that the bank's page broke off with an error, and goes back to before the
// AReq. The CVN stays in the escrow. A bank whose page always breaks is not asked for ever. round is how many
// challenges had broken before: a page that is late does not break the challenge that another began.
func (f *Flow) Restart(ctx context.Context, page string, round int) (payment.Case, error) {
	return f.change(ctx, payment.Lookup{Page: page}, func(c payment.Case) (payment.Changes, error) {
		if c.Request.State != payment.Challenging || c.Request.Authentication.Restarts != round {
			return payment.Changes{}, nil
		}
		was := *c.Request.Authentication
		if was.Restarts >= payment.MaxRestarts {
			was.TransStatus = "U"
			return payment.Apply(c, payment.Event{Kind: payment.Disprove, At: f.o.Now(), Authentication: &was})
		}
		a := f.anew(was)
		return payment.Apply(c, payment.Event{Kind: payment.Restart, At: f.o.Now(), Authentication: &a})
	})
}

// GiveUp ends an attempt because its payer does not want to pay. One that is with the acquirer, or over, is returned as
// it is.
func (f *Flow) GiveUp(ctx context.Context, page string) (payment.Case, error) {
	return f.change(ctx, payment.Lookup{Page: page}, func(c payment.Case) (payment.Changes, error) {
		return payment.Apply(c, payment.Event{Kind: payment.GiveUp, At: f.o.Now()})
	})
}

// first says whether the attempt's transaction is its first. The 3DS Method runs for that one only: a browser may repeat
// what it said of one when there is another already, and nobody could tell which it meant.
func first(r payment.Request) bool { return r.Authentication.Restarts == 0 && r.SoftDecline == nil }

// MethodForm is what the payer's browser posts to let the bank look at it, before the AReq; nil where the
// attempt is not at that point or the bank does not want to.
func (f *Flow) MethodForm(c payment.Case) *Form {
	if c.Request.State != payment.Opened || c.Request.Authentication.MethodURL == "" || !first(*c.Request) {
		return nil
	}
	form := f.methodForm(*c.Request.Authentication)
	return &form
}

func (f *Flow) methodForm(a payment.Authentication) Form {
	return f.o.ThreeDS.MethodForm(a, f.o.PublicURL+"/3ds/method")
}

// ChallengeForm is what the payer's browser posts to talk with the bank, in a frame of the size that window
// says; nil where there is no challenge.
func (f *Flow) ChallengeForm(c payment.Case, window string) *Form {
	if c.Request.State != payment.Challenging {
		return nil
	}
	form := f.o.ThreeDS.ChallengeForm(*c.Request.Authentication, window)
	return &form
}
