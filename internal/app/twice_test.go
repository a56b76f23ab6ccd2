package app

import (
	"fmt"
	"testing"

	"reprise/internal/payment"
)

// An answer that comes twice is judged twice alike: what we refuse is not accepted from its second copy,
// whichever of the two is written down first, and it is given back once.
func TestARefusedApprovalThatComesTwiceStaysRefused(t *testing.T) {
	w := openTown(t)
	const payments = 16
	w.bank.turn(fmt.Sprintf(`{"next_acquirer":{"behaviour":"twice","times":%d}}`, payments))
	for i := range payments {
		session := w.newSession(string(StoredCards()[i%4].Token), skipping) // a card has five guesses a day
		status, accepted := w.submit(session, "998")
		if status != 200 {
			t.Fatalf("%d %v", status, accepted)
		}
		request := accepted["payment_request_id"].(string)
		if got := w.webhook("payment.failure", request).Data["failure_code"]; got != string(payment.InvalidCVN) {
			t.Fatalf("failure code %v", got)
		}
	}
	w.eventually("every approval is reversed", func() bool { return len(w.bank.purchases("reversed")) == payments })
	if n := len(w.bank.purchases("kept")); n != 0 {
		t.Errorf("%d kept", n)
	}
	if n := len(w.advices()); n != payments {
		t.Errorf("%d reversals of %d approvals", n, payments)
	}
}
