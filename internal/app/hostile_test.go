package app

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// faced is a payer on the page of an attempt whose purchase meets what the knobs say.
type faced struct {
	*visitor
	w        *town
	session  map[string]any
	accepted map[string]any
	request  string
	tasks    sync.WaitGroup
}

// faces has a payer pay without friction, and returns when the purchase is on its way.
func (w *town) faces(knobs string, change ...func(map[string]any)) *faced {
	w.t.Helper()
	w.ready()
	f := &faced{w: w, session: w.newSession(visaFrictionless, change...)}
	f.accepted = w.submitted(f.session, "123")
	f.request = f.accepted["payment_request_id"].(string)
	f.visitor = w.visitor(f.accepted)
	if s := f.must(f.arrive()); s["do"] != "confirm" {
		w.t.Fatalf("not authenticated: %v", s)
	}
	w.bank.turn(knobs)
	before := w.bank.passed("0200")
	f.tasks.Go(func() {
		if _, err := f.confirm(); err != nil {
			w.t.Error(err)
		}
	})
	w.eventually("the purchase is on its way", func() bool { return w.bank.passed("0200") > before })
	return f
}

// ready waits until the house is, after what the one before has met.
func (w *town) ready() {
	w.t.Helper()
	w.eventually("the house is ready", func() bool { return len(w.problems(w.t.Context())) == 0 })
}

// sees is what the page shows now.
func (f *faced) sees() step { f.t.Helper(); return f.must(f.look()) }

// unknown holds what everybody sees while nobody knows how the payment ends.
func (f *faced) unknown() {
	f.w.t.Helper()
	if s := f.sees(); s["do"] != "pending" {
		f.w.t.Errorf("the page: %v", s)
	}
	f.w.pending(f.session, f.request)
}

// ends lets time pass until the page says how the payment ended.
func (f *faced) ends() (outcome any) {
	f.w.t.Helper()
	for range 60 {
		for end := time.Now().Add(200 * time.Millisecond); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if s := f.sees(); s["do"] == "done" {
				f.tasks.Wait()
				return s["outcome"]
			}
		}
		f.w.forward(4 * time.Second)
	}
	f.w.t.Fatal("the payment never ends")
	return nil
}

// wasReversed holds that the payment failed for want of an answer, and that nothing of it is kept.
func (f *faced) wasReversed(purchases int) {
	f.w.t.Helper()
	if outcome := f.ends(); outcome != "failed" {
		f.w.t.Errorf("the payment %v", outcome)
	}
	f.w.failed(f.session, f.accepted, "PARTNER_TIMEOUT_ERROR")
	f.isBooked(slices.Repeat([]string{"purchase reversed", "reversal kept"}, purchases)...)
	if n := len(f.w.about("", f.request)); n != 1 {
		f.w.t.Errorf("the merchant is told %d times", n)
	}
	f.again()
}

// again shows that the session is free: its payer pays with a new CVN.
func (f *faced) again() {
	f.w.t.Helper()
	accepted := f.w.submitted(f.session, "123")
	if end := f.w.visitor(accepted).pay(); end["outcome"] != "succeeded" {
		f.w.t.Errorf("the next try: %v", end)
	}
	f.w.succeeded(f.session, accepted)
}

// isBooked holds what the issuer has of an attempt.
func (f *faced) isBooked(want ...string) {
	f.w.t.Helper()
	var got []string
	f.w.eventually("booked", func() bool {
		got = nil
		_, entries := f.w.booking(f.request)
		for _, e := range entries {
			got = append(got, e.Kind+" "+e.State)
		}
		return len(got) >= len(want) && (len(got) == 0 || got[0] == want[0])
	})
	if !slices.Equal(got, want) {
		f.w.t.Errorf("the issuer has %q, want %q", got, want)
	}
}

// TestAnswersThatAreNone: whatever comes instead of an answer, the payment is pending until its reversal is
// acknowledged, and then it has failed and nothing of it is kept.
func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for behaviour, line := range map[string]string{
		"garbled": "stays", "other_stan": "stays", "silence": "stays",
		"wrong_length": "breaks", "half_answer": "breaks", "drop_connection": "breaks", "reconnect": "breaks",
		"half_open": "is deaf",
	} {
		t.Run(behaviour, func(t *testing.T) {
			w := town.in(t)
			connections := w.bank.connections()
			f := w.faces(`{"next_acquirer":{"behaviour":"` + behaviour + `"}}`)
			if line != "breaks" || behaviour == "wrong_length" {
				f.unknown()
			}
			f.wasReversed(1)
			if again := w.bank.connections() > connections; again == (line == "stays") {
				t.Errorf("the line was connected anew: %t", again)
			}
		})
	}
	town.balanced()
}

// TestReversalBeforeItsPurchase: the acquirer answers 25 to reversals of a purchase that is still on its way to the
// issuer, which approves it afterwards.
func TestReversalBeforeItsPurchase(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	t.Run("before the first", func(t *testing.T) {
		w := town.in(t)
		f := w.faces(`{"next_acquirer":{"behaviour":"after_reversal"}}`)
		f.unknown()
		f.wasReversed(1) // by the repeat, a minute later
		if n := len(w.advices()); n != 1 || w.advices()[0].NoTrace != 1 {
			t.Errorf("%d reversals, the first %+v", n, w.advices()[0])
		}
	})
	t.Run("when it is given up", func(t *testing.T) {
		w := town.in(t)
		f := w.faces(`{"next_acquirer":{"behaviour":"after_reversal","reversals":3}}`)
		// The approval comes while the third 25 is being written down, or after that: then by a reversal of its own.
		f.wasReversed(1)
		w.eventually("acknowledged", func() bool {
			all := w.advices()
			return all[len(all)-1].Status == payment.AdviceDone
		})
	})
	town.balanced()
}

// TestAnswerOverAnotherConnection: what the house asked over one connection is answered over the next.
func TestAnswerOverAnotherConnection(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	f := w.faces(`{"next_acquirer":{"behaviour":"other_connection"}}`)
	f.unknown()
	f.isBooked("purchase kept")
	w.unplug()
	w.plug()
	f.wasReversed(1)
	w.balanced()
}

// TestHostThatDoesNotRead: the reversal waits behind its purchase, and both are carried out.
func TestHostThatDoesNotRead(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	f := w.faces(`{"next_acquirer":{"behaviour":"stall","delay_ms":20000}}`)
	f.unknown()
	f.wasReversed(1)
	w.balanced()
}

// TestReversalsThatMeetTrouble: whatever becomes of the answers to a reversal, it is repeated until one is an
// acknowledgement, and carried out once.
func TestReversalsThatMeetTrouble(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: waits for fifteen reversals")
	}
	t.Parallel()
	town := openTown(t)
	for _, fault := range []string{
		`"silence","times":3`, `"lost","times":2`, `"decline","code":"25","times":2`, `"decline","code":"96"`, `"twice"`,
		`"garbled"`, `"wrong_length"`, `"half_answer","times":2`, `"other_stan"`, `"other_connection"`, `"reconnect"`,
		`"drop_connection","times":2`, `"half_open"`, `"stall","delay_ms":7000`, `"late","delay_ms":7000`,
	} {
		t.Run(strings.Trim(strings.Split(fault, ",")[0], `"`), func(t *testing.T) {
			w := town.in(t)
			f := w.faces(`{"next_acquirer":{"behaviour":"silence"},"next_advice":{"behaviour":` + fault + `}}`)
			f.wasReversed(1)
		})
	}
	town.balanced()
}

// TestHostThatLetsNobodyIn: without a connection no payment begins, nothing is kept of the submission, and the
// house says that it is not ready; with the next connection the same session is paid.
func TestHostThatLetsNobodyIn(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, knobs := range map[string]string{
		"connection reset":   `{"next_connection":{"behaviour":"refuse","times":3}}`,
		"connection is deaf": `{"next_connection":{"behaviour":"half_open"}}`,
		"sign-on refused":    `{"next_sign_on":{"behaviour":"decline","code":"91","times":2}}`,
		"sign-on unanswered": `{"next_sign_on":{"behaviour":"silence"}}`,
		"sign-on dropped":    `{"next_sign_on":{"behaviour":"drop_connection","times":2}}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			session := w.newSession(visaFrictionless, skipping)
			w.bank.turn(knobs)
			w.wires.cut(w.world.Kit().Acquirer)
			w.eventually("the line is down", func() bool { return len(w.problems(t.Context())) > 0 })
			before := len(w.requests())
			w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).
				refuses(t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
			if n := len(w.requests()) - before; n != 0 || w.escrow() != 0 {
				t.Errorf("kept of what was refused: %d attempts, %d sealed CVNs", n, w.escrow())
			}
			w.plug()
			w.payAgain(session)
		})
	}
	town.balanced()
}

// TestEchoUnanswered: a line that has died without a sign is found by an echo, and laid anew.
func TestEchoUnanswered(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	before := w.bank.connections()
	w.bank.turn(`{"next_echo":{"behaviour":"silence"}}`)
	w.eventually("the line is laid anew", func() bool {
		if w.bank.connections() == before {
			w.clock.forward(3 * time.Second)
		}
		return w.bank.connections() > before && len(w.problems(t.Context())) == 0
	})
	w.payAgain(w.newSession(visaFrictionless, skipping))
	w.balanced()
}

// TestAnswerAtAnotherNode: the acquirer answers over the connection of a node that did not ask. That node concludes
// the payment; the one that waits finds it concluded.
func TestAnswerAtAnotherNode(t *testing.T) {
	if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
		t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
	}
	t.Parallel()
	s := openStreet(t, 2, newDatabase(t))
	token := s.store("4000000000001000")
	if err := s.world.Turn(func(k *simulator.Knobs) { k.NextAcquirer = &simulator.Fault{Behaviour: "other_connection", Times: 2} }); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the nodes take turns
		request := s.newRequest(token, channel("skip_three_ds", true))
		if request["status"] != "SUCCEEDED" {
			t.Errorf("%v", request)
		}
		s.wait(t, "payment.capture", request["payment_request_id"].(string))
	}
	if n := len(s.advices()); n != 0 {
		t.Errorf("%d reversals", n)
	}
	s.over()
}
