//go:build unix

package app

import (
	"net/http"
	"os"
	"syscall"
	"testing"
)

// TestSuspended: of two gateways on one PostgreSQL one stands still in the middle of its work, for longer than the work
// is its own, and then goes on as if nothing had been. What the other did meanwhile stands.
func TestSuspended(t *testing.T) {
	switch {
	case testing.Short():
		t.Skip("waits for real time-outs; run without -short")
	case os.Getenv("REPRISE_TEST_POSTGRES") == "":
		t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
	}
	t.Parallel()
	slow := openSite(t, program(t, ""), newDatabase(t))
	quick := slow.beside(slow.binary)

	// The answer to its purchase comes while it stands still. The other takes the purchase for lost, and reverses it.
	session := slow.newSession(visaChallenge, skipping)
	slow.bank.turn(`{"next_acquirer":{"behaviour":"late","delay_ms":3000}}`)
	went := make(chan answer, 1)
	go func() {
		a, _ := slow.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		went <- a
	}()
	eventually(t, "the purchase is booked", func() bool { return len(slow.bank.purchases("kept")) == 1 })
	slow.signal(syscall.SIGSTOP)
	request := string(slow.requests()[0].ID)
	quick.ear.wait(t, "payment.failure", request)
	slow.signal(syscall.SIGCONT)
	<-went
	eventually(t, "nothing is left to do for it", func() bool {
		return slow.count(`SELECT COUNT(*) FROM work WHERE kind IN ('attempt', 'advice')`) == 0
	})
	for _, s := range []*site{slow, quick} {
		if got := s.attempt(request); got["status"] != "FAILED" || got["failure_code"] != "PARTNER_TIMEOUT_ERROR" {
			t.Errorf("%v", got)
		}
	}
	if reversed, told := len(slow.bank.purchases("reversed")), slow.webhooks("", request); reversed != 1 || told != 1 {
		t.Errorf("%d purchases are reversed, the merchant was told %d times", reversed, told)
	}

	// It stands still while the merchant's endpoint answers it 503, and the other has the webhook taken.
	var first string
	slow.answering(func(seen webhookSeen) int {
		if seen.Event != "payment.capture" || first != "" {
			return http.StatusOK
		}
		first = seen.Header.Get("Webhook-Id")
		slow.signal(syscall.SIGSTOP)
		return http.StatusServiceUnavailable
	})
	paid := slow.submitted(slow.newSession(visaChallenge, skipping), "123")["payment_request_id"].(string)
	eventually(t, "told again", func() bool { return slow.webhooks("payment.capture", paid) == 2 })
	slow.signal(syscall.SIGCONT)
	all := slow.about("payment.capture", paid)
	for _, name := range []string{"Webhook-Id", "Webhook-Object", "Webhook-Sequence"} {
		if a, b := all[0].Header.Get(name), all[1].Header.Get(name); a != b || a == "" {
			t.Errorf("%s: %q, then %q", name, a, b)
		}
	}
	eventually(t, "nothing is left to tell", func() bool {
		return slow.count(`SELECT COUNT(*) FROM work WHERE kind = 'webhook'`) == 0
	})
	if n := slow.count(`SELECT COUNT(*) FROM delivery WHERE notice = $1 AND status <> 'DELIVERED'`, first); n != 0 {
		t.Errorf("%d deliveries are not what came of them", n)
	}
	slow.balanced()
}

func (s *site) signal(what os.Signal) {
	if err := s.gateway.Process.Signal(what); err != nil {
		s.t.Error(err)
	}
}
