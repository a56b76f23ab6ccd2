package app

import (
	"sync"
	"testing"

	"reprise/internal/payment"
)

// atOnce lets so many happen at the same time and returns what came of each.
func atOnce[result any](n int, do func(i int) result) []result {
	results := make([]result, n)
	start := make(chan struct{})
	var tasks sync.WaitGroup
	for i := range n {
		tasks.Go(func() { <-start; results[i] = do(i) })
	}
	close(start)
	tasks.Wait()
	return results
}

// TestOnePurchaseOfManySubmissions: twenty at once for a session without 3-D Secure make one payment.
func TestOnePurchaseOfManySubmissions(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.manySubmissions(20)
	w.balanced()
}

func (w *town) manySubmissions(n int) {
	w.t.Helper()
	before := len(w.bank.ledger())
	session := w.newSession(visaChallenge, skipping)
	answers := atOnce(n, func(int) answer {
		a, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		if err != nil {
			w.t.Error(err)
		}
		return a
	})
	var taken []answer
	for _, a := range answers {
		switch {
		case a.status == 200:
			taken = append(taken, a)
		case a.status == 503 && a.header.Get("Retry-After") != "": // the payment was on its way
		case a.status == 422 && a.body["error_code"] == "INVALID_SESSION_STATUS": // it was made already
		default:
			w.t.Errorf("%d %v", a.status, a.body)
		}
	}
	if len(taken) != 1 {
		w.t.Fatalf("%d of %d submissions were taken", len(taken), n)
	}
	w.succeeded(session, taken[0].body)
	if booked := len(w.bank.ledger()) - before; booked != 1 {
		w.t.Errorf("%d ledger entries, want 1: nothing was even sent twice", booked)
	}
}

// TestSharesOfOneAttempt: submissions before the page opens belong to one attempt, each with a share of its
// own. Any of them pays, once.
func TestSharesOfOneAttempt(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.sharesOfOneAttempt()
	w.balanced()
}

func (w *town) sharesOfOneAttempt() {
	w.t.Helper()
	before := w.escrow()
	session := w.newSession(visaChallenge)
	const submits = payment.MaxSubmits
	answers := atOnce(submits, func(int) answer {
		a, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		if err != nil || a.status != 200 {
			w.t.Errorf("%v %v", a, err)
		}
		return a
	})
	pages, shares := map[string]bool{}, map[string]bool{}
	var visitors []*visitor
	for _, a := range answers {
		p := w.visitor(a.body)
		pages[p.page], shares[p.share] = true, true
		visitors = append(visitors, p)
	}
	if len(pages) != 1 || len(shares) != submits || w.escrow()-before != submits {
		w.t.Fatalf("%d pages, %d shares, %d escrow rows", len(pages), len(shares), w.escrow()-before)
	}

	// Two tabs open the page: the bank is asked once.
	steps := atOnce(2, func(i int) step { s, _ := visitors[i].act("open", looking("U")); return s })
	for _, s := range steps {
		if s["do"] != "authenticate" {
			w.t.Errorf("%v", s)
		}
	}
	atOnce(submits, func(i int) error { _, err := visitors[i].act("authenticate", looking("N")); return err })
	p := visitors[0]
	s := p.must(p.look())
	if err := p.challenge(s, rightOTP); err != nil {
		w.t.Fatal(err)
	}

	// A share that is nobody's opens nothing and changes nothing.
	for _, share := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"} {
		if s, err := p.act("pay", map[string]any{"share": share}); err != nil || s["do"] != "retype" {
			w.t.Errorf("share %q: %v %v", share, s, err)
		}
	}
	booked := len(w.bank.ledger())
	outcomes := map[string]int{}
	for _, s := range atOnce(2*submits, func(i int) step { // each share twice
		s, err := visitors[i%submits].confirm()
		if err != nil {
			w.t.Error(err)
		}
		return s
	}) {
		outcomes[s["do"].(string)]++
	}
	if outcomes["retype"] != 0 || outcomes["confirm"] != 0 || outcomes["done"]+outcomes["pending"] != 2*submits || outcomes["done"] == 0 {
		w.t.Errorf("%v", outcomes)
	}
	if n := len(w.bank.ledger()) - booked; n != 1 {
		w.t.Errorf("%d ledger entries, want 1", n)
	}
	if n := w.escrow() - before; n != 0 {
		w.t.Errorf("%d escrow rows are left", n)
	}
	w.succeeded(session, answers[0].body)
}

// TestSupersededAttempt: a payer who comes back from the bank's page and starts again makes a new attempt.
func TestSupersededAttempt(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	first := w.submitted(session, "123")
	old := w.visitor(first)
	bank := old.meetBank(old.must(old.arrive()))

	second := w.submitted(session, "123")
	if first["payment_request_id"] == second["payment_request_id"] {
		t.Fatal("an attempt that is at the bank was joined")
	}
	if w.escrow() != 1 {
		t.Errorf("%d escrow rows, want the new one", w.escrow())
	}
	if err := bank.enter(rightOTP); err != nil { // in the old tab, too late
		t.Fatal(err)
	}
	for _, what := range []func() (step, error){old.look, old.confirm} {
		if s := old.must(what()); s["outcome"] != "canceled" {
			t.Errorf("the old page says %v", s)
		}
	}
	if end := w.visitor(second).pay(rightOTP); end["outcome"] != "succeeded" {
		t.Errorf("%v", end)
	}
	w.succeeded(session, second)
	if got := w.attempt(first["payment_request_id"].(string)); got["status"] != "CANCELED" {
		t.Errorf("%v", got)
	}
	if told := w.about("", first["payment_request_id"].(string)); len(told) != 0 {
		t.Errorf("the merchant was told of an attempt that was superseded: %s", told[0].Body)
	}
	w.balanced()
}

// TestLostShare: the page asks for the CVN again and pays with the proof already obtained.
func TestLostShare(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	accepted := w.submitted(session, "123")
	p := w.visitor(accepted)
	if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
		t.Fatal(err)
	}
	if s := p.must(p.look()); s["do"] != "confirm" {
		t.Fatalf("%v", s)
	}
	w.ask("POST", "/pay/"+p.page+"/cvn", "", map[string]any{"cvn": "12"}).
		refuses(t, refusal{400, "API_VALIDATION_ERROR", "", "/body/cvn"})
	outcomes := atOnce(4, func(int) step { s, _ := p.act("cvn", map[string]any{"cvn": "123"}); return s })
	for _, s := range outcomes {
		if s["do"] != "done" && s["do"] != "pending" {
			t.Errorf("%v", s)
		}
	}
	data := w.succeeded(session, accepted)
	if details(data, "authentication_data")["flow"] != "CHALLENGE" {
		t.Errorf("%v", data)
	}
	if n := w.escrow(); n != 0 {
		t.Errorf("%d escrow rows are left", n)
	}
	w.balanced()
}

// TestNothingBorrowed: shares and pages of one attempt do nothing for another.
func TestNothingBorrowed(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	mine, theirs := w.newSession(visaFrictionless), w.newSession(visaFrictionless)
	p, other := w.visitor(w.submitted(mine, "123")), w.visitor(w.submitted(theirs, "123"))
	p.must(p.arrive())
	other.must(other.arrive())
	stolen := &visitor{w.front, other.page, p.share}
	if s := stolen.must(stolen.confirm()); s["do"] != "retype" {
		t.Errorf("another attempt's share: %v", s)
	}
	if n := len(w.bank.ledger()); n != 0 || w.escrow() != 2 {
		t.Errorf("%d ledger entries, %d escrow rows", n, w.escrow())
	}
	nobody := &visitor{w.front, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", p.share}
	if s, err := nobody.confirm(); err == nil {
		t.Errorf("an unknown page: %v", s)
	}
	for _, p := range []*visitor{p, other} {
		if s := p.must(p.confirm()); s["outcome"] != "succeeded" {
			t.Errorf("%v", s)
		}
	}
	w.balanced()
}
