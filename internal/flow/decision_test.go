package flow_test

import (
	"errors"
	"strings"
	"testing"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/payment"
)

// TestWhatAMerchantAccepts: what each policy lets through, and what it shows the issuer.
func TestWhatAMerchantAccepts(t *testing.T) {
	for name, test := range map[string]struct {
		policy    func(*payment.Merchant)
		status    string
		preferred string
		paid      bool
		shown     bool
	}{
		"attempts":                 {func(*payment.Merchant) {}, "A", "03", true, true},
		"no attempts":              {func(m *payment.Merchant) { m.RefuseAttempts = true }, "A", "03", false, false},
		"unauthenticated":          {func(m *payment.Merchant) { m.AllowUnauthenticated = true }, "U", "03", true, false},
		"not authenticated":        {func(m *payment.Merchant) { m.AllowUnauthenticated = true }, "N", "03", false, false},
		"informational, asked for": {func(m *payment.Merchant) { m.Exemption = payment.ExemptionTRA }, "I", "05", true, true},
		"informational":            {func(*payment.Merchant) {}, "I", "03", false, false},
	} {
		s := newScene(t)
		s.policy(test.policy)
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.Value = test.status, s.bank.value()
			return a, nil
		}
		k := s.bring(s.session(), payment.Opened)
		s.act(second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")), second(s.Pay(ctx, k.page, k.share)))
		if q := s.bank.asked[0]; q.Challenge != test.preferred {
			t.Errorf("%s: asked with %s", name, q.Challenge)
		}
		if paid := s.at(k).State == payment.Succeeded; paid != test.paid {
			t.Errorf("%s: %s", name, s.at(k).State)
		}
		if test.paid && (s.host.purchases[0].Proof != nil) != test.shown {
			t.Errorf("%s: the issuer is shown %+v", name, s.host.purchases[0].Proof)
		}
	}
	s := newScene(t)
	s.policy(func(m *payment.Merchant) { m.AllowUnauthenticated = true })
	s.bank.unknown = payment.ErrNotFound
	k := s.submit(s.session())
	s.act(second(s.Open(ctx, k.page)), second(s.Pay(ctx, k.page, k.share)))
	if s.at(k).State != payment.Succeeded || s.host.purchases[0].Proof != nil || len(s.bank.asked) != 0 {
		t.Errorf("a card of no directory server: %s", s.at(k).State)
	}
	var field *card.FieldError // nobody is asked who pays, so the CVN is
	_, err := s.trySubmit(flow.Submission{Business: shop, Session: s.session(func(n *flow.NewSession) { n.Token = "" }), Fields: typesCard("4111111111111111", "")})
	if !errors.As(err, &field) {
		t.Errorf("a card that is typed without a CVN: %v", err)
	}
}

// TestWhoMayNotGoOnUnauthenticated: what a payer's own browser can bring about leads around no bank, however much the
// merchant lets through: an AReq that was refused, or a bank that wanted a challenge and is silent when asked anew.
func TestWhoMayNotGoOnUnauthenticated(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		after payment.State // the bank answers so, and is asked anew
		paid  bool
	}{
		"no answer":                {payment.ErrUnanswered, payment.Opened, true},
		"not enrolled any more":    {payment.ErrNotFound, payment.Opened, true},
		"refused":                  {errDown, payment.Opened, false},
		"no answer after its page": {payment.ErrUnanswered, payment.Challenging, false},
	} {
		for _, atOnce := range []bool{false, true} {
			if atOnce && test.after == payment.Challenging {
				continue
			}
			s := newScene(t)
			s.policy(func(m *payment.Merchant) { m.AllowUnauthenticated = true })
			fails := func(a payment.Authentication) (payment.Authentication, error) { return a, test.err }
			var k ticket
			if atOnce {
				s.bank.answer = fails
				k = s.clicked(s.session())
			} else {
				k = s.bring(s.session(), test.after)
				if test.after == payment.Challenging {
					s.act(second(s.Restart(ctx, k.page, 0)))
				}
				s.bank.answer = fails
				s.act(second(s.Authenticate(ctx, k.page, flow.Browser{}, "N")), second(s.Pay(ctx, k.page, k.share)))
			}
			want := map[bool]payment.State{true: payment.Succeeded, false: payment.Failed}[test.paid]
			if r := s.at(k); r.State != want || (len(s.host.purchases) > 0) != test.paid {
				t.Errorf("%s, at once %v: %s", name, atOnce, r.State)
			}
		}
	}
}

// TestExemptionInALowerVersion: 2.1.0 has no word for it, so its bank is not told to exempt, and may not answer I.
func TestExemptionInALowerVersion(t *testing.T) {
	s := newScene(t)
	s.policy(func(m *payment.Merchant) { m.Exemption = payment.ExemptionTRA })
	s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0"}, func(a payment.Authentication) (payment.Authentication, error) {
		a.TransStatus = "I"
		return a, nil
	})
	k := s.bring(s.session(), payment.Opened)
	s.act(second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
	if first, last := s.bank.asked[0].Challenge, s.bank.asked[1].Challenge; first != "05" || last != "02" || s.at(k).State != payment.Failed {
		t.Errorf("asked with %s, then %s: %s", first, last, s.at(k).State)
	}
}

// TestWhoBreaksTheProtocol is warned of, and nothing is paid.
func TestWhoBreaksTheProtocol(t *testing.T) {
	for _, status := range []string{"D", "S", "I", "Y"} {
		s := newScene(t)
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			a.TransStatus, a.ECI, a.Value = status, "07", s.bank.value()
			return a, nil
		}
		k := s.bring(s.session(), payment.Opened)
		s.act(second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")))
		if r := s.at(k); r.Failure != payment.AuthenticationFailed || len(s.memory.escrow) != 0 {
			t.Errorf("%s: %s %s", status, r.State, r.Failure)
		}
		if !strings.Contains(s.log.String(), "level=WARN msg=\"result refused\"") || !strings.Contains(s.log.String(), "status="+status) {
			t.Errorf("%s: the log says %s", status, s.log.String())
		}
	}
}
