package app

import (
	"testing"
	"time"

	"reprise/internal/payment"
)

// softly is an amount that issuers decline until the payer was challenged.
const softly = 10065

// onceMore goes on after a soft decline: the page, the bank, which challenges, and the CVN.
func (p *visitor) onceMore(cvn string) step {
	p.t.Helper()
	s := p.must(p.arrive())
	if s["do"] != "challenge" || s["step_up"] != true {
		p.t.Fatalf("after a soft decline the page is told %v", s)
	}
	if err := p.challenge(s, rightOTP); err != nil {
		p.t.Fatal(err)
	}
	if s = p.must(p.look()); s["do"] != "confirm" {
		p.t.Fatalf("after the challenge the page is told %v", s)
	}
	if s = p.must(p.confirm()); s["do"] != "retype" {
		p.t.Errorf("the first share still opens something: %v", s)
	}
	return p.must(p.act("cvn", map[string]any{"cvn": cvn}))
}

// TestSoftDecline: both schemes, without friction and without 3-D Secure. The merchant hears of one payment, the bank
// has booked one, and both books agree.
func TestSoftDecline(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, test := range map[string]struct {
		token, code string
		how         []func(map[string]any)
	}{
		"Visa, frictionless":       {visaFrictionless, "1A", nil},
		"Mastercard, frictionless": {mastercardFrictionless, "65", nil},
		"Visa, skipped":            {visaFrictionless, "1A", []func(map[string]any){skipping}},
		"Mastercard, held":         {mastercardFrictionless, "65", []func(map[string]any){with("capture_method", "MANUAL")}},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			before := len(w.bank.purchases("kept"))
			session := w.newSession(test.token, append(test.how, amount(softly))...)
			accepted := w.submitted(session, "123")
			if accepted["action_url"] == nil {
				t.Fatalf("no page: %v", accepted)
			}
			request := accepted["payment_request_id"].(string)
			p := w.visitor(accepted)
			if name != "Visa, skipped" {
				if s := p.must(p.arrive()); s["do"] != "confirm" {
					t.Fatal(s)
				}
				if s := p.must(p.confirm()); s["do"] != "open" || s["step_up"] != true {
					t.Fatalf("after a soft decline the page is told %v", s)
				}
			} else if p.share != "" {
				t.Error("a share of a CVN that is gone")
			}
			waiting := w.attempt(request)
			if waiting["status"] != "REQUIRES_ACTION" || w.escrow() != 0 {
				t.Errorf("%v, %d in escrow", waiting["status"], w.escrow())
			}
			if s := p.onceMore("456"); s["outcome"] != "succeeded" {
				t.Fatal(s)
			}
			event := "payment.capture"
			if name == "Mastercard, held" {
				event = "payment.authorization"
			}
			if told := w.webhook(event, request); told.Data["payment_details"].(map[string]any)["authentication_data"].(map[string]any)["flow"] != "CHALLENGE" {
				t.Errorf("told %v", told.Data)
			}
			if n := w.webhooks("payment.failure", request); n != 0 {
				t.Errorf("told %d times of a failure", n)
			}
			r := w.on(p.page).Request
			if r.SoftDecline.Authorization.ResponseCode != test.code || r.SoftDecline.Trace.STAN == r.Trace.STAN || r.SoftDecline.Trace.RRN == r.Trace.RRN {
				t.Errorf("declined %+v, then %+v", r.SoftDecline, r.Trace)
			}
			if event == "payment.capture" && len(w.bank.purchases("kept")) != before+1 {
				t.Errorf("the bank has booked %d", len(w.bank.purchases("kept"))-before)
			}
			w.agrees()
		})
	}
}

// TestSoftDeclineWithoutAPayer is a failure, which says what the issuer answered.
func TestSoftDeclineWithoutAPayer(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	made := w.newRequest(visaFrictionless, with("request_amount", softly), channel("skip_three_ds", true))
	if made["status"] != "FAILED" || made["failure_code"] != "AUTHENTICATION_FAILED" {
		t.Errorf("%v", made)
	}
	details := w.read("/v3/payments/" + made["latest_payment_id"].(string))["payment_details"].(map[string]any)
	if code := details["authorization_data"].(map[string]any)["network_response_code"]; code != "1A" {
		t.Errorf("%v", details)
	}
	w.booked(0, 0)
}

// TestSoftDeclineThatNobodyMeets: the payer who is challenged and fails, cancels or stays away has not paid, and the
// merchant is told once.
func TestSoftDeclineThatNobodyMeets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(p *visitor)
		code string
	}{
		"refused": {func(p *visitor) {
			if err := p.challenge(p.must(p.arrive()), "000000", "000000", "000000"); err != nil {
				t.Fatal(err)
			}
		}, "AUTHENTICATION_FAILED"},
		"cancelled": {func(p *visitor) {
			if s := p.must(p.act("cancel", map[string]any{})); s["outcome"] != "failed" || s["return_url"] == nil {
				t.Errorf("%v", s)
			}
		}, "USER_DECLINED_PAYMENT"},
		"away": {func(p *visitor) {}, "AUTHENTICATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openTown(t)
			session := w.newSession(visaFrictionless, skipping, amount(softly))
			accepted := w.submitted(session, "123")
			test.then(w.visitor(accepted))
			if name == "away" {
				w.forward(payment.AttemptLife)
			}
			told := w.failed(session, accepted, test.code)
			if code := told["payment_details"].(map[string]any)["authorization_data"].(map[string]any)["network_response_code"]; code != "1A" {
				t.Errorf("told %v", told)
			}
			// Another try of the session is asked who pays from the start.
			again := w.submitted(session, "123")
			if s := w.visitor(again).pay(rightOTP); s["outcome"] != "succeeded" {
				t.Errorf("the next try: %v", s)
			}
			w.booked(1, 0)
		})
	}
}

// TestCancelOnThePage: at each point before the acquirer is asked the payer can end it, and what comes later from the
// bank is answered and changes nothing.
func TestCancelOnThePage(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, until := range map[string]func(p *visitor) *challengePage{
		"before the page has said anything": func(*visitor) *challengePage { return nil },
		"at the bank":                       func(p *visitor) *challengePage { return p.meetBank(p.must(p.arrive())) },
		"authenticated": func(p *visitor) *challengePage {
			if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
				t.Fatal(err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			session := w.newSession(visaChallenge)
			accepted := w.submitted(session, "123")
			p := w.visitor(accepted)
			bank := until(p)
			s := p.must(p.act("cancel", map[string]any{}))
			if s["do"] != "done" || s["outcome"] != "failed" || s["return_url"] != w.on(p.page).Request.FailureReturnURL {
				t.Errorf("%v", s)
			}
			w.failed(session, accepted, "USER_DECLINED_PAYMENT")
			if bank != nil {
				if err := bank.enter(rightOTP); err != nil { // the RReq comes before the bank lets its page go
					t.Fatal(err)
				}
			}
			c := w.on(p.page)
			if c.Request.State != payment.Failed || c.Request.Failure != payment.UserDeclined || w.escrow() != 0 {
				t.Errorf("%s %s, %d in escrow", c.Request.State, c.Request.Failure, w.escrow())
			}
			if again := p.must(p.act("cancel", map[string]any{})); again["outcome"] != "failed" {
				t.Errorf("cancelled twice: %v", again)
			}
		})
	}
	town.in(t).booked(0, 0)

	w := town.in(t) // what is paid stays paid
	p := w.visitor(w.submitted(w.newSession(visaFrictionless), "123"))
	if s := p.pay(); s["outcome"] != "succeeded" {
		t.Fatal(s)
	}
	if s := p.must(p.act("cancel", map[string]any{})); s["outcome"] != "succeeded" {
		t.Errorf("a payment that is made is cancelled: %v", s)
	}
	w.booked(1, 0)
}

// TestAPayerWhoComesLateToTheBank: the bank waits 30 s for its page to be shown. It says that nobody came, and is asked
// anew when somebody does, with the CVN that rests.
func TestAPayerWhoComesLateToTheBank(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	session := w.newSession(visaChallenge)
	p := w.visitor(w.submitted(session, "123"))
	if s := p.must(p.arrive()); s["do"] != "challenge" {
		t.Fatal(s)
	}
	first := w.on(p.page).Request.Authentication
	w.forward(31 * time.Second)
	c := w.reaches(p.page, payment.Opened)
	if a := c.Request.Authentication; a.ServerTransID == first.ServerTransID || a.Restarts != 1 || w.escrow() != 1 {
		t.Errorf("%+v, %d in escrow", a, w.escrow())
	}
	if s := p.must(p.look()); s["do"] != "authenticate" {
		t.Errorf("the page is told %v", s)
	}
	s := p.must(p.act("authenticate", looking("N")))
	if err := p.challenge(s, rightOTP); err != nil {
		t.Fatal(err)
	}
	if s = p.must(p.look()); s["do"] != "confirm" {
		t.Fatal(s)
	}
	if s = p.must(p.confirm()); s["outcome"] != "succeeded" {
		t.Error(s)
	}
	w.booked(1, 0)
}

// TestAResultAfterTheEnd is answered with an RRes, and changes nothing.
func TestAResultAfterTheEnd(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.bank.turn(`{"next_result":{"behaviour":"late","delay_ms":20000}}`)
	session := w.newSession(visaChallenge)
	accepted := w.submitted(session, "123")
	p := w.visitor(accepted)
	bank := p.meetBank(p.must(p.arrive()))
	if err := bank.enter(rightOTP); err != nil {
		t.Fatal(err)
	}
	if s := p.must(p.act("cancel", map[string]any{})); s["outcome"] != "failed" {
		t.Fatal(s)
	}
	before := w.on(p.page).Request.Version
	w.forward(21 * time.Second)
	w.eventually("the result is answered", func() bool { return w.bank.passed("RRes") > 0 })
	if r := w.on(p.page).Request; r.Version != before || r.Failure != payment.UserDeclined {
		t.Errorf("%s %s", r.State, r.Failure)
	}
	w.booked(0, 0)
}
