package app

import (
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
)

// TestSettledByTheOperator: a reversal that the bank said it knew no purchase for, though it keeps one, is found by
// the comparison of the books and told again; a refund that was refused is closed by hand. Whatever may still change
// by itself is neither.
func TestSettledByTheOperator(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	office := w.office()
	refuses := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	list := func(statuses ...string) []Advice {
		t.Helper()
		list, err := office.Advices(t.Context(), statuses)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	began := w.outside.Now()

	session := w.newSession(visaChallenge, skipping)
	w.bank.turn(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":"decline","code":"25","times":3}}`)
	request, done := w.held(session)
	w.eventually("booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
	w.forward(answerTimeout)
	w.eventually("opened", func() bool { return len(w.advices()) == 1 })
	id := string(w.advices()[0].ID)
	refuses(office.CloseAdvice(t.Context(), id, "agreed"), "it is OPEN")
	refuses(office.RetryAdvice(t.Context(), id), "it is OPEN")
	if open := list("OPEN"); len(open) != 1 || len(list()) != 0 {
		t.Errorf("open: %+v, ended: %+v", open, list())
	}
	for n := range 2 {
		w.eventually("a try is over", func() bool { return w.advices()[0].NoTrace == n+1 })
		w.forward(time.Minute)
	}
	w.failed(session, done(), "PARTNER_TIMEOUT_ERROR")

	found := w.reconciled(w.bank.settlement(), payment.Window{})
	if len(found.Findings) != 1 || found.Differences != 1 {
		t.Fatalf("%+v", found.Findings)
	}
	if f := found.Findings[0]; f.Kind != payment.KeptThere || string(f.Request) != request || string(f.Advice) != id || f.AdviceIs != payment.AdviceNoTrace || !strings.HasPrefix(f.Theirs, "purchase kept") {
		t.Errorf("%+v", f)
	}
	if ended := list(); len(ended) != 1 || string(ended[0].ID) != id {
		t.Errorf("ended: %+v", ended)
	}
	refuses(office.CloseAdvice(t.Context(), id, " "), "it needs a reason")
	if err := office.RetryAdvice(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	w.eventually("reversed", func() bool { return w.advices()[0].Status == payment.AdviceDone })
	w.agrees()
	refuses(office.RetryAdvice(t.Context(), id), "it is DONE")
	refuses(office.CloseAdvice(t.Context(), id, "agreed"), "it is DONE")
	if got := w.attempt(request); got["status"] != "FAILED" || w.webhooks("payment.failure", request) != 1 {
		t.Errorf("the merchant's: %v", got)
	}

	paid := w.paid10000()
	w.bank.turn(`{"next_advice":{"behaviour":"decline","code":"51"}}`)
	w.refundEnds(w.back(paid)["id"], "FAILED")
	refund := string(list("REFUSED")[0].ID)
	refuses(office.RetryAdvice(t.Context(), refund), "it has to be asked for anew")
	refuses(office.RetryAdvice(t.Context(), "nobody"), "there is no advice nobody")
	var tasks sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		tasks.Go(func() {
			errs[i] = office.CloseAdvice(t.Context(), refund, "the acquirer pays it by transfer, says Ani")
		})
	}
	tasks.Wait()
	closed := 0
	for _, err := range errs {
		if err == nil {
			closed++
		} else if !strings.Contains(err.Error(), "somebody else was faster") && !strings.Contains(err.Error(), "it is CLOSED") {
			t.Error(err)
		}
	}
	if closed != 1 || len(list()) != 0 || len(list("CLOSED", "DONE")) != 2 {
		t.Errorf("closed %d times; %+v", closed, list())
	}
	if _, err := office.Advices(t.Context(), []string{"LOST"}); err == nil {
		t.Error("a status that there is not")
	}
	after := w.agrees()
	if len(after.Findings) != 1 || !strings.HasSuffix(after.Findings[0].Ours, "says Ani") {
		t.Errorf("%+v", after.Findings)
	}
	var acts []string
	all, err := office.Audits(t.Context(), began)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Actor == payment.Operator("alice") && a.Business == sandboxBusiness {
			acts = append(acts, a.Act+" "+a.Object)
		}
	}
	if got := strings.Join(acts, "|"); got != "advice.retry "+id+"|advice.close "+refund {
		t.Errorf("audited: %s", got)
	}
}

// TestRetryWithoutNumber: what cannot be told any more is not opened again.
func TestRetryWithoutNumber(t *testing.T) {
	a := payment.Advice{Kind: payment.Reversal, Status: payment.AdviceGivenUp}
	if _, err := payment.RetryAdvice(payment.Case{}, a, time.Now()); err == nil || !strings.Contains(err.Error(), "number is erased") {
		t.Error(err)
	}
	c := payment.Case{Token: payment.Token{SealedPAN: []byte{1}}}
	if again, err := payment.RetryAdvice(c, a, time.Unix(7, 0)); err != nil || again.Status != payment.AdviceOpen || !again.Opened.Equal(time.Unix(7, 0)) {
		t.Errorf("%+v %v", again, err)
	}
}
