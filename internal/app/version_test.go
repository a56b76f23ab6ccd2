package app

import (
	"testing"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// TestEveryVersionForEveryPurpose pays, saves a card and begins an agreement in each version of 3-D Secure, with each
// scheme, frictionless and challenged. The simulated directory server reads every AReq by rules of its own and says
// what is wrong with it; nothing may be.
func TestEveryVersionForEveryPurpose(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	agreed := with("channel_properties", map[string]any{"cards": map[string]any{
		"card_on_file_type": "RECURRING", "recurring_configuration": agreedUntil("2030-12-31"),
	}})
	purposes := map[string][]func(map[string]any){
		"paid": {typedFor("DISABLED")}, "paid and saved": {typedFor("FORCED")}, "saved": {saving}, "an agreement": {typedFor("FORCED"), agreed},
	}
	for digit, version := range map[string]string{"1": "2.1.0", "2": "2.2.0", "3": "2.3.1"} {
		for _, scheme := range []string{"visa", "mastercard", "amex", "jcb"} {
			for purpose, change := range purposes {
				for _, answer := range []string{"000", "170"} { // A is Y; A is C, and the challenge succeeds by itself
					number, ok := simulator.NumberFor(scheme, digit+answer)
					if !ok {
						t.Fatal("no such card")
					}
					t.Run(version+" "+scheme+" "+answer+" "+purpose, func(t *testing.T) {
						w := town.in(t)
						card := typed(w.newSession("", change...), number)
						if scheme == "amex" {
							card["cvn"] = "1234"
						}
						p := w.visitor(w.hand(card))
						s := p.must(p.arrive())
						if s["do"] == "challenge" {
							if _, err := p.follow(s["challenge"].(map[string]any)); err != nil {
								t.Fatal(err)
							}
							s = p.must(p.look())
						}
						if s = p.must(p.confirm()); s["outcome"] != "succeeded" {
							t.Fatalf("the payer ends at %v", s)
						}
						r := w.on(p.page).Request
						if a := r.Authentication; a.Version != version || a.TransStatus != "Y" || a.Challenged != (answer == "170") ||
							a.NonPayment != (r.Type == payment.Save) {
							t.Errorf("%+v", a)
						}
					})
				}
			}
		}
	}
	town.balanced()
}
