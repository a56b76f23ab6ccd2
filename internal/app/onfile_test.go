package app

import (
	"fmt"
	"testing"
)

// onFile are the members with which a merchant says how a card on file is used, in every combination.
func onFile() (all [][]any) {
	recurring := map[string]any{"recurring_frequency": 30, "recurring_expiry": "2030-12-31"}
	for _, kind := range []string{"", "CUSTOMER_UNSCHEDULED", "MERCHANT_UNSCHEDULED", "RECURRING"} {
		for _, sequence := range []string{"", "INITIAL", "SUBSEQUENT"} {
			for _, first := range []string{"", "016153570198201"} {
				var said []any
				if kind != "" {
					said = append(said, "card_on_file_type", kind)
				}
				if kind == "RECURRING" || kind == "MERCHANT_UNSCHEDULED" {
					said = append(said, "recurring_configuration", recurring)
				}
				if sequence != "" {
					said = append(said, "transaction_sequence", sequence)
				}
				if first != "" {
					said = append(said, "network_transaction_id", first)
				}
				all = append(all, said)
			}
		}
	}
	return all
}

// TestOnFile: whatever a merchant says of a card on file, the payment is made or the merchant is told what is
// missing; the acquirer is never handed what its profile does not know.
func TestOnFile(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	t.Run("requests", func(t *testing.T) {
		w := town.in(t)
		for _, said := range onFile() {
			said = append([]any{"skip_three_ds", true}, said...)
			for name, change := range map[string][]func(map[string]any){
				"stored":               {channel(said...)},
				"stored, with its CVN": {withCVN("123", said...)},
				"typed":                {typing("4000000000001091", said...), cardWithout("cvn")},
				"typed, with its CVN":  {typing("4000000000001091", said...)},
			} {
				status, made := w.call("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(visaFrictionless, change...))
				if status == 201 && made["status"] != "SUCCEEDED" || status != 201 && (status != 400 || made["error_code"] != "INVALID_VALUE_ERROR") {
					t.Errorf("%s, %v: %d %v", name, said, status, made)
				}
			}
		}
	})
	t.Run("sessions", func(t *testing.T) {
		w := town.in(t)
		for _, said := range onFile() {
			cards := map[string]any{"skip_three_ds": true}
			for i := 0; i < len(said); i += 2 {
				cards[fmt.Sprint(said[i])] = said[i+1]
			}
			for _, saved := range []bool{false, true} {
				session := w.newSession("", typedFor("OPTIONAL"), with("channel_properties", map[string]any{"cards": cards}))
				accepted := w.hand(typed(session, "4000000000001091", with("confirm_save", saved)))
				if r := w.attempt(accepted["payment_request_id"].(string)); r["status"] != "SUCCEEDED" {
					t.Errorf("saved %t, %v: %v", saved, said, r)
				}
				booked := w.bank.lastEntry()
				if (booked.Indicator != "") != saved || booked.FirstUse != "" {
					t.Errorf("saved %t, %v: %+v", saved, said, booked)
				}
			}
		}
	})
	town.balanced()
}
