package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

func (m *memory) Refunds(ctx context.Context, b payment.BusinessID, p payment.RefundPage) ([]payment.Refund, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []payment.Refund
	for id, r := range m.refunds {
		if r.Business == b && (p.Request == "" || r.Request == p.Request) && (p.After == "" || id < p.After) && (p.Before == "" || id > p.Before) {
			list = append(list, copied(r))
		}
	}
	slices.SortFunc(list, func(a, b payment.Refund) int { return strings.Compare(string(b.ID), string(a.ID)) })
	if extra := len(list) - p.Limit; extra > 0 && p.Before != "" && p.After == "" {
		return list[extra:], ctx.Err()
	}
	return list[:min(p.Limit, len(list))], ctx.Err()
}

func rupiah(n int64) *payment.Money { return &payment.Money{Minor: 100 * n, Currency: "IDR"} }

// taken captures 10000 rupiah in one message.
func (s *scene) taken() payment.RequestID {
	s.t.Helper()
	return s.bring(s.session(), payment.Succeeded).id
}

// captured captures a part of a hold of 10000 rupiah.
func (s *scene) captured(n int64) payment.RequestID {
	s.t.Helper()
	id := s.heldOn(visa)
	if _, err := s.Capture(ctx, shop, s.at(ticket{id: id}).Payment, *rupiah(n), nil); err != nil {
		s.t.Fatalf("not captured: %v", err)
	}
	return id
}

// heldOn holds 10000 rupiah of a stored card.
func (s *scene) heldOn(token payment.TokenID) payment.RequestID {
	s.t.Helper()
	made, err := s.CreateRequest(ctx, flow.NewRequest{
		Business: shop, ReferenceID: fmt.Sprintf("hold-%d", len(s.memory.requests)), Amount: *rupiah(10000), Country: "ID", Token: token,
		Terms: payment.Terms{Type: payment.Pay, CaptureMethod: payment.CaptureManual, SkipThreeDS: true},
	})
	if err != nil || made.Case.Request.State != payment.Authorized {
		s.t.Fatalf("not held: %v", err)
	}
	return made.Case.Request.ID
}

// back asks for money back; nil asks for all that is left.
func (s *scene) back(id payment.RequestID, amount *payment.Money) (payment.Refund, error) {
	c, err := s.CreateRefund(ctx, flow.NewRefund{Business: shop, Request: id, Amount: amount, Reason: "OTHERS"})
	if err != nil {
		return payment.Refund{}, err
	}
	return *c.Refund, nil
}

func (s *scene) refund(id payment.RefundID) payment.Refund {
	s.t.Helper()
	c, err := s.Refund(ctx, shop, id)
	if err != nil {
		s.t.Fatalf("%s: %v", id, err)
	}
	return *c.Refund
}

// pendingRefund is one that is with a host which does not answer.
func (s *scene) pendingRefund(answer payment.Answer) payment.Refund {
	s.t.Helper()
	s.host.acknowledge = func(payment.Advice) payment.Answer { return answer }
	r, err := s.back(s.taken(), nil)
	if err != nil || r.Status != payment.RefundPending {
		s.t.Fatalf("%s, %v", r.Status, err)
	}
	return r
}

// refunds are the messages about a refund that left.
func (h *host) refunds() (sent []payment.Advice) {
	for _, a := range h.advices {
		if a.Kind == payment.RefundAdvice {
			sent = append(sent, a)
		}
	}
	return sent
}

const exceeded = "Refund amount specified in refund request must be less than or equal to unrefunded capture amount."

func TestRefund(t *testing.T) {
	s := newScene(t)
	for name, id := range map[string]payment.RequestID{"of a purchase": s.taken(), "of a capture": s.captured(10000)} {
		before := len(s.told())
		part, err := s.back(id, rupiah(2500))
		if err != nil || part.Status != payment.RefundSucceeded || part.Amount != *rupiah(2500) {
			t.Fatalf("%s: %+v, %v", name, part, err)
		}
		rest, err := s.back(id, nil)
		if err != nil || rest.Status != payment.RefundSucceeded || rest.Amount != *rupiah(7500) {
			t.Fatalf("%s: %+v, %v", name, rest, err)
		}
		for _, amount := range []*payment.Money{nil, rupiah(1)} {
			_, err = s.back(id, amount)
			refused(t, err, "REFUND_AMOUNT_EXCEEDED", exceeded)
		}
		if told := s.told()[before:]; !slices.Equal(told, []payment.NoticeKind{payment.NoticeRefundSucceeded, payment.NoticeRefundSucceeded}) {
			t.Errorf("%s: told %v", name, told)
		}
		if about := s.memory.notices[before].c.Refund; about.ID != part.ID || about.Status != payment.RefundSucceeded {
			t.Errorf("%s: told of %+v", name, about)
		}
		for _, r := range []payment.Refund{part, rest} {
			a := s.memory.advices[r.Advice]
			if a.Status != payment.AdviceDone || a.Refund != r.ID || a.Original != *s.at(ticket{id: id}).Trace || a.Trace.Amount != fmt.Sprintf("%012d", r.Amount.Minor) {
				t.Errorf("%s: %+v", name, a)
			}
		}
	}
	if n := len(s.memory.due()); n != 0 || len(s.host.refunds()) != 4 {
		t.Errorf("%d messages, %d pieces of work left", len(s.host.refunds()), n)
	}
}

// TestRefundsInParallel: together they never exceed what was captured, of a part neither.
func TestRefundsInParallel(t *testing.T) {
	for name, silence := range map[string]bool{"answered": false, "not answered": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			if silence {
				s.host.acknowledge = func(a payment.Advice) payment.Answer {
					if a.Kind == payment.RefundAdvice {
						return unknown
					}
					return acknowledged("00")
				}
			}
			id := s.captured(4000)
			s.memory.between = meet(20) // all have seen it untouched
			asked := make([]func() error, 20)
			for i := range asked {
				asked[i] = func() error { return second(s.back(id, rupiah(int64(300+100*(i%3))))) }
			}
			for _, err := range together(asked...) {
				if err != nil {
					refused(t, err, "REFUND_AMOUNT_EXCEEDED", exceeded)
				}
			}
			s.memory.between = nil
			var sum int64
			for _, r := range s.memory.refunds {
				sum += r.Amount.Minor
			}
			if q := s.at(ticket{id: id}); sum != q.Refunded || sum > q.Capture.Amount.Minor || q.Capture.Amount.Minor-sum >= 30000 {
				t.Errorf("%d of %d given back, counted %d", sum, q.Capture.Amount.Minor, q.Refunded)
			}
			if len(s.host.refunds()) != len(s.memory.refunds) {
				t.Errorf("%d messages of %d refunds", len(s.host.refunds()), len(s.memory.refunds))
			}
		})
	}
}

// TestRefundIsRepeatedUntilItIsHeard: money that was promised is never given up, and never promised twice.
func TestRefundIsRepeatedUntilItIsHeard(t *testing.T) {
	s := newScene(t)
	r := s.pendingRefund(unknown)
	s.host.acknowledge = silent
	if got, want := s.tries(s.clock.now(), 3*time.Minute), seconds(10, 20, 30, 40, 50, 60, 120, 180); !slices.Equal(got, want) {
		t.Errorf("sent at %v, want %v", got, want)
	}
	s.pass(24 * time.Hour)
	before := len(s.host.refunds())
	s.pass(48 * time.Hour)
	if n := len(s.host.refunds()) - before; n < 47 || n > 49 {
		t.Errorf("sent %d times in two days", n)
	}
	for i, a := range s.host.refunds() {
		if a.Trace != s.host.refunds()[0].Trace || a.Tries != i {
			t.Fatalf("try %d: %+v", i, a)
		}
	}
	if _, err := s.back(r.Request, rupiah(1)); err == nil {
		t.Error("given back twice")
	}
	_, err := s.CancelRefund(ctx, shop, r.ID, nil)
	refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", withAcquirer)
	if got := s.refund(r.ID); got.Status != payment.RefundPending || slices.Contains(s.told(), payment.NoticeRefundFailed) {
		t.Errorf("an unknown outcome was guessed: %+v", got)
	}
	if !strings.Contains(s.log.String(), "advice not confirmed for a day") {
		t.Error("the operator was not told")
	}
	s.host.acknowledge = nil
	s.pass(time.Hour)
	if got := s.refund(r.ID); got.Status != payment.RefundSucceeded || !slices.Contains(s.told(), payment.NoticeRefundSucceeded) {
		t.Errorf("%+v", got)
	}
}

const withAcquirer = "Feature is not allowed for the refund because of its current status: it is with the acquirer, or over."

// TestRefundIsRefused: it has failed, and can be asked for again.
func TestRefundIsRefused(t *testing.T) {
	for code, want := range map[string]payment.RefundFailure{"12": "REFUND_FAILED", "51": "INSUFFICIENT_BALANCE"} {
		s := newScene(t)
		id := s.taken()
		s.host.acknowledge = func(payment.Advice) payment.Answer { return acknowledged(code) }
		r, err := s.back(id, rupiah(9000))
		if err != nil || r.Status != payment.RefundFailed || r.Failure != want {
			t.Errorf("%s: %+v, %v", code, r, err)
		}
		if told := s.told(); told[len(told)-1] != payment.NoticeRefundFailed {
			t.Errorf("%s: told %v", code, told)
		}
		_, err = s.CancelRefund(ctx, shop, r.ID, nil)
		refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", withAcquirer)
		s.host.acknowledge = nil
		if r, err = s.back(id, nil); err != nil || r.Status != payment.RefundSucceeded || r.Amount != *rupiah(10000) {
			t.Errorf("%s, and again: %+v, %v", code, r, err)
		}
	}
}

// TestRefundOfWhatTheHostNeverSaw: asked three times, a minute apart, as for a reversal.
func TestRefundOfWhatTheHostNeverSaw(t *testing.T) {
	s := newScene(t)
	r := s.pendingRefund(acknowledged("25"))
	s.pass(10 * time.Minute)
	if got := s.refund(r.ID); got.Status != payment.RefundFailed || len(s.host.refunds()) != 3 || s.memory.advices[r.Advice].Status != payment.AdviceNoTrace {
		t.Errorf("after %d messages: %+v", len(s.host.refunds()), got)
	}
}

// TestUnsentRefundIsCalledOff: as long as not one byte left.
func TestUnsentRefundIsCalledOff(t *testing.T) {
	s := newScene(t)
	r := s.pendingRefund(unsent)
	s.pass(30 * time.Second) // tried again, in vain
	if _, err := s.CancelRefund(ctx, stranger, r.ID, nil); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("called off by another: %v", err)
	}
	c, err := s.CancelRefund(ctx, shop, r.ID, nil)
	if err != nil || c.Refund.Status != payment.RefundCancelled || c.Request.Refunded != 0 {
		t.Fatalf("%+v, %v", c.Refund, err)
	}
	s.host.acknowledge = nil
	before := len(s.host.refunds())
	if err := s.Advise(ctx, r.Advice); err != nil { // of a worker who had taken it up before
		t.Error(err)
	}
	s.pass(time.Hour)
	if n := len(s.host.refunds()) - before; n != 0 || len(s.memory.work) != 0 || s.memory.advices[r.Advice].Status != payment.AdviceDropped {
		t.Errorf("%d messages afterwards; work: %v", n, s.memory.work)
	}
	_, err = s.CancelRefund(ctx, shop, r.ID, nil)
	refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", withAcquirer)
	if again, err := s.back(r.Request, nil); err != nil || again.Amount != *rupiah(10000) {
		t.Errorf("%+v, %v", again, err)
	}
}

// TestUnsentRefundLeavesLater: what once could not leave is sent as a first message, and can then not be called
// off.
func TestUnsentRefundLeavesLater(t *testing.T) {
	s := newScene(t)
	r := s.pendingRefund(unsent)
	s.host.acknowledge = silent
	s.pass(10 * time.Second)
	if last := s.host.refunds()[1]; last.Tries != 0 {
		t.Errorf("a repeat of what never left: %+v", last)
	}
	s.host.acknowledge = func(payment.Advice) payment.Answer { return unsent } // and then the line is down for long
	s.pass(time.Minute)
	if last := s.host.refunds(); last[len(last)-1].Tries == 0 {
		t.Error("a message that may have left was forgotten")
	}
	_, err := s.CancelRefund(ctx, shop, r.ID, nil)
	refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", withAcquirer)
	s.host.acknowledge = nil
	s.pass(time.Minute)
	if got := s.refund(r.ID); got.Status != payment.RefundSucceeded {
		t.Errorf("%+v", got)
	}
}

// TestCallingOffAgainstSending: of the two one wins, and what left is never called off.
func TestCallingOffAgainstSending(t *testing.T) {
	for range 50 {
		s := newScene(t)
		r := s.pendingRefund(unsent)
		before := len(s.host.refunds())
		s.host.acknowledge = nil
		s.memory.between = meet(2)
		errs := together(
			func() error { return second(s.CancelRefund(ctx, shop, r.ID, nil)) },
			func() error { return s.Advise(ctx, r.Advice) },
		)
		s.memory.between = nil
		s.pass(time.Hour)
		got, left := s.refund(r.ID), len(s.host.refunds())-before
		switch {
		case errs[1] != nil:
			t.Error(errs[1])
		case got.Status == payment.RefundCancelled && errs[0] == nil && left == 0:
		case got.Status == payment.RefundSucceeded && errs[0] != nil && left == 1:
			refused(t, errs[0], "INELIGIBLE_TRANSACTION_STATUS", withAcquirer)
		default:
			t.Errorf("%s, called off: %v, sent %d times", got.Status, errs[0], left)
		}
	}
}

// TestRefundTriedByTwo: a try that took so long that a worker made the next one does not tell that nothing left.
func TestRefundTriedByTwo(t *testing.T) {
	s := newScene(t)
	id := s.taken()
	overtaken := false
	s.host.acknowledge = func(a payment.Advice) payment.Answer {
		if overtaken {
			return unknown
		}
		overtaken = true
		if err := s.Advise(ctx, a.ID); err != nil {
			t.Error(err)
		}
		return unsent
	}
	r, err := s.back(id, nil)
	if err != nil || r.Status != payment.RefundPending || !r.Sent {
		t.Fatalf("%+v, %v", r, err)
	}
	_, err = s.CancelRefund(ctx, shop, r.ID, nil)
	refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", withAcquirer)
	s.host.acknowledge = nil
	s.pass(time.Minute)
	if got := s.refund(r.ID); got.Status != payment.RefundSucceeded {
		t.Errorf("%+v", got)
	}
}

// TestRefundSurvivesFailures: whichever commit fails, or loses its answer, one message is sent, or its repeats,
// and the refund ends as the host said.
func TestRefundSurvivesFailures(t *testing.T) {
	for _, how := range []failure{notWritten, answerLost} {
		for number := 1; number <= 3; number++ {
			s := newScene(t)
			id := s.taken()
			commits := 0
			s.memory.fail = func(payment.Changes) failure {
				if commits++; commits == number {
					return how
				}
				return none
			}
			r, err := s.back(id, nil)
			if (err != nil) != (number == 1) || number > 1 && r.Status != payment.RefundPending {
				t.Errorf("commit %d ends with %d: %s, %v", number, how, r.Status, err)
			}
			s.pass(5 * time.Minute)
			want := 1
			if number == 1 && how == notWritten {
				want = 0
			}
			if len(s.memory.refunds) != want || s.at(ticket{id: id}).Refunded != int64(want)*rupiah(10000).Minor {
				t.Errorf("commit %d ends with %d: %d refunds", number, how, len(s.memory.refunds))
			}
			for _, kept := range s.memory.refunds {
				if kept.Status != payment.RefundSucceeded {
					t.Errorf("commit %d ends with %d: %s", number, how, kept.Status)
				}
			}
			firsts := 0
			for _, a := range s.host.refunds() {
				if a.Trace != s.host.refunds()[0].Trace {
					t.Errorf("commit %d ends with %d: another message", number, how)
				}
				if a.Tries == 0 {
					firsts++
				}
			}
			if firsts > want {
				t.Errorf("commit %d ends with %d: %d first messages", number, how, firsts)
			}
		}
	}
}

func TestNotRefundable(t *testing.T) {
	s := newScene(t)
	const notCaptured = "Feature is not allowed for the payment because of its current status: nothing of it is captured."
	for _, state := range []payment.State{payment.Submitted, payment.Challenging, payment.Reversing, payment.Failed} {
		id := s.bring(s.session(), state).id
		for _, amount := range []*payment.Money{nil, rupiah(1)} {
			_, err := s.back(id, amount)
			refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", notCaptured)
		}
	}
	held := s.heldOn(visa)
	_, err := s.back(held, rupiah(1))
	refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", notCaptured)
	s.host.acknowledge = silent // the capture is on its way
	if _, err := s.Capture(ctx, shop, s.at(ticket{id: held}).Payment, *rupiah(10000), nil); err != nil {
		t.Fatal(err)
	}
	_, err = s.back(held, rupiah(1))
	refused(t, err, "INELIGIBLE_TRANSACTION_STATUS", notCaptured)
	s.host.acknowledge = nil

	id := s.taken()
	_, err = s.back(id, rupiah(0))
	refused(t, err, "INVALID_VALUE_ERROR", "Refund amount must be greater than zero.")
	_, err = s.back(id, &payment.Money{Minor: rupiah(10000).Minor + 1, Currency: "IDR"})
	refused(t, err, "REFUND_AMOUNT_EXCEEDED", exceeded)
	_, err = s.CreateRefund(ctx, flow.NewRefund{Business: shop, Request: id, Currency: "USD"})
	refused(t, err, "INVALID_VALUE_ERROR", "Refund currency must be the payment's.")
	for _, n := range []flow.NewRefund{{Business: stranger, Request: id}, {Business: shop, Request: "pr-none"}} {
		if _, err := s.CreateRefund(ctx, n); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	s.clock.pass(payment.RefundPeriod)
	if r, err := s.back(id, rupiah(1)); err != nil || r.Status != payment.RefundSucceeded {
		t.Errorf("on the last day: %+v, %v", r, err)
	}
	s.clock.pass(time.Second)
	_, err = s.back(id, rupiah(1))
	refused(t, err, "REFUND_NOT_SUPPORTED", "The payment is too old to be refunded: the time for it is 365 days.")
	if n := len(s.memory.refunds); n != 1 {
		t.Errorf("%d refunds", n)
	}
}

// TestRefundOfTheLastMomentHasItsNumber: the card's number is there until the refund has left and was heard.
func TestRefundOfTheLastMomentHasItsNumber(t *testing.T) {
	s := newScene(t)
	id := s.taken()
	if _, err := s.CancelToken(ctx, shop, visa, nil); err != nil {
		t.Fatal(err)
	}
	s.clock.pass(payment.RefundPeriod)
	s.host.acknowledge = silent
	r, err := s.back(id, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.clock.pass(72 * time.Hour)
	if err := s.TokenDue(ctx, visa); err != nil {
		t.Fatal(err)
	}
	if s.memory.tokens[visa].SealedPAN == nil {
		t.Fatal("the number is erased while a refund needs it")
	}
	s.host.acknowledge = nil
	s.pass(time.Hour)
	if got := s.refund(r.ID); got.Status != payment.RefundSucceeded {
		t.Errorf("%+v", got)
	}
	s.pass(48 * time.Hour)
	if s.memory.tokens[visa].SealedPAN != nil {
		t.Error("the number is still there")
	}
}

// TestRefundOnce: a repeated command is carried out once, also where it could be again.
func TestRefundOnce(t *testing.T) {
	s := newScene(t)
	id := s.taken()
	once := func() *payment.Once {
		return &payment.Once{Business: shop, Endpoint: "POST /refunds", Key: "k", Answer: func(c payment.Case) (int, []byte, error) {
			body, err := json.Marshal(c.Refund.Status)
			return 200, body, err
		}}
	}
	for i := range 3 {
		_, err := s.CreateRefund(ctx, flow.NewRefund{Business: shop, Request: id, Amount: &payment.Money{Minor: 1, Currency: "IDR"}, Once: once()})
		if (i == 0) != (err == nil) || i > 0 && !errors.Is(err, payment.ErrRepeated) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if kept := s.memory.answers[command{shop, "POST /refunds", "k"}]; string(kept.body) != `"SUCCEEDED"` || len(s.host.refunds()) != 1 {
		t.Errorf("kept: %s, after %d messages", kept.body, len(s.host.refunds()))
	}
}
