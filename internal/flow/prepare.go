package flow

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Preparation is what a payer's browser does while the payer types, so that the bank can be asked within the call
// that submits. Both are empty where there is nothing to do.
type Preparation struct {
	ID     string // goes back with the submit; it names the transaction that the Method runs for, to us alone
	Method *Form  // to be posted into a hidden frame (EMV 3DS 2.2 §5.8.1)
}

// preparationLife is how long the 3DS Method counts that ran for a preparation: as long as an attempt.
const preparationLife = payment.AttemptLife

// Prepare says how a payer's browser gets ready to pay a session with its stored card. Nothing is kept: the
// transaction's id goes out under a seal of the house, and any node takes it back. Of the card nothing is told but
// where its bank wants to look at the browser; a session that cannot be paid so has nothing to prepare, and the submit
// says why.
func (f *Flow) Prepare(ctx context.Context, b payment.BusinessID, id payment.SessionID) (Preparation, error) {
	c, err := f.o.Store.Case(ctx, payment.Lookup{Business: b, Session: id})
	if err != nil {
		return Preparation{}, sessionError(err)
	}
	now := f.o.Now()
	if c.Session.Unasked() || c.Session.Token == "" || c.Token.ID != c.Session.Token || c.AcceptsSubmit(now) != nil {
		return Preparation{}, nil
	}
	at, err := f.enrolment(ctx, c.Token)
	if err != nil || at.methodURL == "" {
		return Preparation{}, err
	}
	transaction := f.newServerTransID()
	form := f.methodForm(payment.Authentication{ServerTransID: transaction, Version: at.version, MethodURL: at.methodURL})
	return Preparation{ID: f.sealPreparation(id, transaction, now.Unix()), Method: &form}, nil
}

// sealPreparation writes a transaction's id and when it was drawn, with a hash by which the house knows its own, for
// one session. Whoever made ids up could have the bank asked about a browser that it never saw.
func (f *Flow) sealPreparation(s payment.SessionID, id payment.ServerTransID, at int64) string {
	text := fmt.Sprintf("%s.%d", id, at)
	sum := f.o.Vault.Keyed("preparation", []byte(string(s)+"."+text))
	return text + "." + base64.RawURLEncoding.EncodeToString(sum[:16])
}

// prepared takes the transaction's id out of a preparation; empty where it is not one of the session, or too old.
func (f *Flow) prepared(s payment.SessionID, preparation string) payment.ServerTransID {
	id, rest, _ := strings.Cut(preparation, ".")
	drawn, _, _ := strings.Cut(rest, ".")
	at, err := strconv.ParseInt(drawn, 10, 64)
	transaction := payment.ServerTransID(id)
	if err != nil || !hmac.Equal([]byte(f.sealPreparation(s, transaction, at)), []byte(preparation)) {
		return ""
	}
	if f.o.Now().Sub(time.Unix(at, 0)) >= preparationLife {
		return ""
	}
	return transaction
}

// errPage reports that the payer has to go to the attempt's page, although the browser's data is here: the bank wants
// to look at the browser first, and has not. Nothing has changed.
var errPage = errors.New("flow: the payer's page is needed")

// submitAsking asks the bank within the call that submits. Of the CVN nothing rests while the bank is asked: a bank that
// authenticates without a challenge has it sent to the acquirer at once, and only a challenge, during which the payer is
// away for minutes, seals it. A node that dies before the ARes is written leaves an attempt without a CVN, which the next
// submit supersedes, or its deadline ends.
func (f *Flow) submitAsking(ctx context.Context, l payment.Lookup, seen sight, s Submission, p pick) (Submitted, error) {
	at, err := f.enrolment(ctx, p.token)
	if err != nil {
		return Submitted{}, errPage // where it is tried again and again
	}
	transaction := f.prepared(s.Session, s.Preparation)
	if transaction == "" {
		if at.methodURL != "" {
			return Submitted{}, errPage
		}
		transaction = f.newServerTransID()
	}
	var asked payment.Authentication
	c, err := f.changeSeen(ctx, seen, l, s.Once, func(c payment.Case) (payment.Changes, error) {
		now := f.o.Now()
		before, c, err := f.newAttempt(c, p, now)
		if err != nil {
			return before, err
		}
		asked = at.authentication(c, transaction)
		asked.Asked, asked.Preference = now, asked.Prefer(c.Merchant)
		ch, err := applyAll(c,
			payment.Event{Kind: payment.Begin, At: now},
			payment.Event{Kind: payment.Open, At: now, Authentication: &asked},
			payment.Event{Kind: payment.Ask, At: now})
		return before.Then(ch), err
	})
	if errors.Is(err, payment.ErrTaken) { // a preparation is good for one submit
		return Submitted{}, errPage
	} else if err != nil {
		return Submitted{}, err
	}

	answered, verdict := f.inquireOnce(ctx, c, asked, s, at.enrolled)
	if verdict == payment.VerdictAuthorise {
		return f.payAtOnce(ctx, c, p.cvn, answered)
	}
	return f.leave(ctx, c, p.cvn, answered, verdict)
}

// inquireOnce sees an AReq through, whoever still listens. About a card that no directory server knows nobody is asked.
func (f *Flow) inquireOnce(ctx context.Context, c payment.Case, asked payment.Authentication, s Submission, enrolled bool) (payment.Authentication, payment.Verdict) {
	if !enrolled {
		asked.TransStatus = "U"
		verdict, _ := asked.Decide(c.Token.Brand, c.Merchant)
		return asked, verdict
	}
	ctx, done := f.through(ctx)
	defer done()
	completed := s.MethodCompleted
	if completed != "Y" {
		completed = "N"
	}
	return f.inquire(ctx, c, asked, *s.Browser, completed)
}

// still says whether an attempt waits for the answer to this AReq: a later submit may have superseded it, and a page
// that waited too long may have asked anew.
func still(c payment.Case, asked payment.Authentication) bool {
	return c.Request.State == payment.Authenticating && c.Request.Authentication.ServerTransID == asked.ServerTransID
}

// payAtOnce authorises what the bank has just proved: the proof and the trace are one commit.
func (f *Flow) payAtOnce(ctx context.Context, c payment.Case, cvn card.CVN, proof payment.Authentication) (Submitted, error) {
	attempt := c.Request.ID
	c, err := f.payProved(ctx, c, cvn, nil, func(c payment.Case, now time.Time) (payment.Changes, payment.Case, error) {
		if !still(c, proof) {
			return payment.Changes{}, c, &payment.ErrNotNow{State: c.Request.State, Event: payment.Prove}
		}
		ch, err := payment.Apply(c, payment.Event{Kind: payment.Prove, At: now, Authentication: &proof})
		return ch, c.After(ch), err
	})
	if err != nil {
		f.unusable(ctx, attempt, proof, err)
	}
	return f.onward(c, nil, err)
}

// unusable ends an attempt whose bank has let the payer pass, and which is not authorised all the same: the card has been
// guessed at meanwhile, or nothing can be sent. Nobody knows its page, so it would hold the session until its deadline. One
// that was sent after all, for a commit may be told as failed that was not, is past this.
func (f *Flow) unusable(ctx context.Context, attempt payment.RequestID, proof payment.Authentication, why error) {
	ctx, done := f.through(ctx)
	defer done()
	failure := payment.ServerError
	if _, refused := errors.AsType[*payment.Error](why); refused {
		failure = payment.DeclinedByProcessor
	}
	_, err := f.change(ctx, payment.Lookup{Request: attempt}, func(c payment.Case) (payment.Changes, error) {
		if !still(c, proof) {
			return payment.Changes{}, nil
		}
		proof.Value = "" // it is never shown
		return payment.Apply(c, payment.Event{Kind: payment.Disprove, At: f.o.Now(), Authentication: &proof, Failure: failure})
	})
	if err != nil {
		f.o.Log.Warn("attempt left to its deadline", "payment_request", attempt, "error", err)
	}
}

// leave writes an answer that pays nothing yet, or not at all: a challenge, for which the CVN is sealed now, or a no.
func (f *Flow) leave(ctx context.Context, c payment.Case, cvn card.CVN, answered payment.Authentication, verdict payment.Verdict) (Submitted, error) {
	ctx, done := f.through(ctx)
	defer done()
	var share []byte
	c, err := f.change(ctx, payment.Lookup{Request: c.Request.ID}, func(c payment.Case) (payment.Changes, error) {
		card.Wipe(share) // of a race that was lost
		if share = nil; !still(c, answered) {
			return payment.Changes{}, nil
		}
		e := payment.Event{Kind: verdict.Event(), At: f.o.Now(), Authentication: &answered}
		if e.Kind == payment.Challenge && !cvn.IsZero() {
			sealed, fresh, err := f.o.Vault.SealCVN(cvn, binding(c))
			if err != nil {
				return payment.Changes{}, err
			}
			share, e.Sealed = fresh, &sealed
		}
		return payment.Apply(c, e)
	})
	defer card.Wipe(share)
	return f.onward(c, share, err)
}
