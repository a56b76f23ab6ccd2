package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
)

// goesTo is the one action of a payment request or payment token that waits for its payer.
func goesTo(t *testing.T, object map[string]any) string {
	t.Helper()
	actions, _ := object["actions"].([]any)
	if object["status"] != "REQUIRES_ACTION" || len(actions) != 1 {
		t.Fatalf("nobody is to go anywhere: %v", object)
	}
	one := actions[0].(map[string]any)
	if one["type"] != "REDIRECT_CUSTOMER" || one["descriptor"] != "WEB_URL" {
		t.Errorf("action: %v", one)
	}
	return one["value"].(string)
}

// withCVN adds the CVN of a stored card to a payment request.
func withCVN(cvn string, more ...any) func(map[string]any) {
	return channel(append([]any{"card_details", map[string]any{"cvn": cvn}}, more...)...)
}

var returning = []any{"success_return_url", "https://shop.example/paid", "failure_return_url", "https://shop.example/failed"}

// paidBy holds what everybody says of a payment request that was paid.
func (w *town) paidBy(request map[string]any, events ...string) map[string]any {
	w.t.Helper()
	id := request["payment_request_id"].(string)
	got := w.attempt(id)
	if got["status"] != "SUCCEEDED" || len(got["actions"].([]any)) != 0 {
		w.t.Errorf("payment request: %v", got)
	}
	about := []any{id}
	if len(events) > 0 {
		about = append(about, got["payment_token_id"])
	}
	w.tellsExactly(append([]string{"payment.capture"}, events...), about...)
	return w.read("/v3/payments/" + got["latest_payment_id"].(string))
}

// TestRequested: a merchant's server asks without a session, and the payer goes through the attempt's page.
func TestRequested(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	buyer := with("customer_id", string(sandboxCustomer))
	for name, test := range map[string]struct {
		change []func(map[string]any)
		codes  []string
		cvn    any    // cvn_verification_result
		saves  string // events of a card that is stored
		de22   string
	}{
		"a stored card, no CVN":       {[]func(map[string]any){with("payment_token_id", visaChallenge), channel(returning...)}, []string{rightOTP}, nil, "", "102"},
		"a stored card, frictionless": {[]func(map[string]any){with("payment_token_id", mastercardFrictionless), channel(returning...)}, nil, nil, "", "102"},
		"a stored card and its CVN":   {[]func(map[string]any){with("payment_token_id", visaChallenge), withCVN("123", returning...)}, []string{rightOTP}, "M", "", "102"},
		"a typed card":                {[]func(map[string]any){typing("4000000000001091", returning...)}, []string{"000000", rightOTP}, "M", "", "012"},
		"a typed card, no CVN":        {[]func(map[string]any){typing("4000000000001091", returning...), cardWithout("cvn")}, []string{rightOTP}, nil, "", "012"},
		"a typed card, stored":        {[]func(map[string]any){typing("5200000000001096", returning...), with("type", "PAY_AND_SAVE"), buyer}, []string{rightOTP}, "M", "payment_token.activation", "012"},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			made := w.newRequest("", test.change...)
			p := w.opens(goesTo(t, made))
			if waiting := w.attempt(made["payment_request_id"].(string)); strings.Contains(goesTo(t, waiting), "#") || waiting["latest_payment_id"] != nil {
				t.Errorf("GET repeats the browser's share, or has a payment: %v", waiting)
			}
			end := p.pay(test.codes...)
			if end["outcome"] != "succeeded" || end["return_url"] != "https://shop.example/paid" {
				t.Fatalf("the payer ends at %v", end)
			}
			var events []string
			if test.saves != "" {
				events = append(events, test.saves)
			}
			paid := w.paidBy(made, events...)
			if got := details(paid, "authorization_data")["cvn_verification_result"]; got != test.cvn {
				t.Errorf("CVN %v, want %v", got, test.cvn)
			}
			if got := w.bank.lastEntry(); got.DE22 != test.de22 || got.Kind != "purchase" {
				t.Errorf("at the host: %+v", got)
			}
		})
	}
	t.Run("without 3-D Secure", func(t *testing.T) {
		w := town.in(t)
		for what, change := range map[string]func(map[string]any){
			"a stored card":             channel("skip_three_ds", true),
			"a stored card and its CVN": withCVN("123", "skip_three_ds", true),
			"a typed card":              typing("4000000000001091", "skip_three_ds", true),
		} {
			made := w.newRequest(visaChallenge, change)
			if made["status"] != "SUCCEEDED" || made["latest_payment_id"] == nil {
				t.Errorf("%s: %v", what, made)
			}
			if paid := w.paidBy(made); details(paid, "authentication_data") != nil {
				t.Errorf("%s: %v", what, paid)
			}
		}
	})
	t.Run("declined", func(t *testing.T) {
		w := town.in(t)
		made := w.newRequest(visaChallenge, with("request_amount", 10054), channel(returning...))
		end := w.opens(goesTo(t, made)).pay(rightOTP)
		if end["outcome"] != "failed" || end["return_url"] != "https://shop.example/failed" {
			t.Errorf("the payer ends at %v", end)
		}
		w.tellsExactly([]string{"payment.failure"}, made["payment_request_id"])
		if got := w.attempt(made["payment_request_id"].(string)); got["status"] != "FAILED" || got["failure_code"] != "INSUFFICIENT_BALANCE" {
			t.Errorf("payment request: %v", got)
		}
	})
	t.Run("nowhere to return to", func(t *testing.T) {
		w := town.in(t)
		for _, codes := range [][]string{{rightOTP}, {""}} {
			end := w.opens(goesTo(t, w.newRequest(visaChallenge))).pay(codes...)
			if end["do"] != "done" || end["return_url"] != nil {
				t.Errorf("the payer ends at %v", end)
			}
		}
	})
	t.Run("a reference at once", func(t *testing.T) {
		w := town.in(t)
		body := w.paymentRequest(visaFrictionless, channel("skip_three_ds", true))
		taken := 0
		for _, a := range atOnce(6, func(int) answer {
			a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey, body)
			if err != nil {
				t.Error(err)
			}
			return a
		}) {
			if a.status == http.StatusCreated {
				taken++
			} else {
				a.refuses(t, refusal{409, "DUPLICATE_ERROR", "", ""})
			}
		}
		if taken != 1 {
			t.Errorf("made %d times", taken)
		}
	})
	if n := town.escrow(); n != 0 {
		t.Errorf("escrow rows: %d", n)
	}
	town.balanced()
}

// TestMerchantInitiated: a card that was stored by agreement is paid with while the payer is away, and the host is
// told of which first use.
func TestMerchantInitiated(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, test := range map[string]struct {
		kind, first, later string
	}{
		"RECURRING":            {"RECURRING", "C102", "M102"},
		"MERCHANT_UNSCHEDULED": {"MERCHANT_UNSCHEDULED", "C101", "M101"},
	} {
		for _, number := range []string{"4000000000001091", "5200000000001096"} {
			t.Run(name+" "+number[:1], func(t *testing.T) {
				w := town.in(t)
				agreed := map[string]any{"card_on_file_type": test.kind, "recurring_configuration": agreedUntil("2030-12-31")}
				session := w.newSession("", typedFor("FORCED"), with("channel_properties", map[string]any{"cards": agreed}))
				accepted := w.hand(typed(session, number))
				if end := w.visitor(accepted).pay(rightOTP); end["outcome"] != "succeeded" {
					t.Fatalf("the payer ends at %v", end)
				}
				first := w.bank.lastEntry()
				if first.Indicator != test.first || first.FirstUse != "" || first.TransactionID == "" {
					t.Errorf("the first use: %+v", first)
				}
				token := accepted["payment_token_id"].(string)
				for range 2 {
					made := w.newRequest(token, channel("skip_three_ds", true, "card_on_file_type", test.kind,
						"recurring_configuration", agreed["recurring_configuration"], "transaction_sequence", "SUBSEQUENT"))
					got := w.paidBy(made)
					if data := details(got, "authorization_data"); data["cvn_verification_result"] != nil || details(got, "authentication_data") != nil {
						t.Errorf("payment: %v", got)
					}
					later := w.bank.lastEntry()
					if later.Indicator != test.later || later.FirstUse != first.TransactionID || later.DE22 != "102" {
						t.Errorf("a later use: %+v, after %+v", later, first)
					}
				}
			})
		}
	}
	t.Run("a card kept elsewhere", func(t *testing.T) {
		w := town.in(t)
		made := w.newRequest("", typing("4000000000001091", "skip_three_ds", true, "card_on_file_type", "MERCHANT_UNSCHEDULED",
			"recurring_configuration", agreedUntil("2030-12-31"), "transaction_sequence", "SUBSEQUENT",
			"network_transaction_id", "016153570198201"), cardWithout("cvn"))
		w.paidBy(made)
		if got := w.bank.lastEntry(); got.Indicator != "M101" || got.FirstUse != "016153570198201" {
			t.Errorf("at the host: %+v", got)
		}
	})
	town.balanced()
}

// TestRequestWaits: what may be done about a payment request while its payer is waited for.
func TestRequestWaits(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	t.Run("another amount", func(t *testing.T) {
		w := town.in(t)
		made := w.newRequest(visaChallenge, withCVN("123"))
		id := made["payment_request_id"].(string)
		p := w.opens(goesTo(t, made))
		if w.escrow() != 1 {
			t.Fatalf("escrow rows: %d", w.escrow())
		}
		status, changed := w.call("PATCH", "/v3/payment_requests/"+id, SandboxSecretKey, map[string]any{
			"request_amount": 7500, "description": "less", "metadata": map[string]any{"k": "v"},
		})
		if status != http.StatusOK || changed["request_amount"] != 7500.0 || changed["description"] != "less" || changed["status"] != "REQUIRES_ACTION" {
			t.Fatalf("PATCH: %d %v", status, changed)
		}
		if w.escrow() != 0 {
			t.Error("the CVN that was typed for another amount is kept")
		}
		if end := p.pay(rightOTP); end["do"] != "retype" {
			t.Fatalf("the page goes on with %v", end)
		}
		w.ask("PATCH", "/v3/payment_requests/"+id, SandboxSecretKey, map[string]any{"request_amount": 1}).
			refuses(t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
		if end := p.must(p.act("cvn", map[string]any{"cvn": "123"})); end["outcome"] != "succeeded" {
			t.Fatalf("the payer ends at %v", end)
		}
		if paid := w.paidBy(made); paid["request_amount"] != 7500.0 {
			t.Errorf("payment: %v", paid)
		}
		if got := w.bank.lastEntry(); got.Amount != 7500_00 {
			t.Errorf("at the host: %+v", got)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		w := town.in(t)
		made := w.newRequest(visaChallenge, withCVN("123", returning...))
		id := made["payment_request_id"].(string)
		p := w.opens(goesTo(t, made))
		bank := p.must(p.arrive())
		status, canceled := w.call("POST", "/v3/payment_requests/"+id+"/cancel", SandboxSecretKey, nil)
		if status != http.StatusOK || canceled["status"] != "CANCELED" || len(canceled["actions"].([]any)) != 0 {
			t.Fatalf("cancel: %d %v", status, canceled)
		}
		if w.escrow() != 0 {
			t.Error("its CVN is kept")
		}
		if err := p.challenge(bank, rightOTP); err != nil { // the bank does not know of it
			t.Fatal(err)
		}
		if s := p.must(p.look()); s["do"] != "done" || s["outcome"] != "canceled" || s["return_url"] != "https://shop.example/failed" {
			t.Errorf("the page says %v", s)
		}
		w.tellsExactly(nil, id)
	})
	t.Run("simulated", func(t *testing.T) {
		w := town.in(t)
		for amount, event := range map[int]string{10000: "payment.capture", 10054: "payment.failure"} {
			made := w.newRequest("", typing("4000000000001091"), with("request_amount", amount))
			id := made["payment_request_id"].(string)
			status, begun := w.call("POST", "/v3/payment_requests/"+id+"/simulate", SandboxSecretKey, map[string]any{"amount": amount})
			if status != http.StatusOK || begun["status"] != "PENDING" {
				t.Errorf("simulate: %d %v", status, begun)
			}
			w.tellsExactly([]string{event}, id)
		}
		if w.escrow() != 0 {
			t.Error("a CVN is kept")
		}
	})
	t.Run("listed", func(t *testing.T) {
		w := town.in(t)
		var made []string
		for range 7 {
			made = append(made, w.newRequest(visaChallenge)["payment_request_id"].(string))
			w.clock.forward(time.Millisecond) // within one, chance says which is the newest
		}
		slices.Reverse(made)
		var listed []string
		after := ""
		for {
			page := w.read("/v3/payment_requests?limit=3" + after)
			for _, one := range page["data"].([]any) {
				listed = append(listed, one.(map[string]any)["payment_request_id"].(string))
			}
			if page["has_more"] != true {
				break
			}
			after = "&after_id=" + listed[len(listed)-1]
		}
		if len(listed) < len(made) || !slices.Equal(listed[:len(made)], made) {
			t.Errorf("listed %v, want first %v", listed, made)
		}
		sorted := slices.Clone(listed)
		slices.Sort(sorted)
		if len(slices.Compact(sorted)) != len(listed) {
			t.Errorf("twice in the list: %v", listed)
		}
		one := w.attempt(made[2])
		if page := w.read("/v3/payment_requests?reference_id=" + one["reference_id"].(string)); len(page["data"].([]any)) != 1 || page["has_more"] != false {
			t.Errorf("by reference: %v", page)
		}
		if page := w.read("/v3/payment_requests?reference_id=nobody"); len(page["data"].([]any)) != 0 {
			t.Errorf("by an unknown reference: %v", page)
		}
	})
	town.balanced()
}

// TestRequestExpires: a payer who never comes has 15 minutes.
func TestRequestExpires(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	never := w.newRequest(visaChallenge, withCVN("123"))
	opened := w.newRequest("", typing("4000000000001091", returning...), with("type", "PAY_AND_SAVE"), with("customer_id", string(sandboxCustomer)))
	p := w.opens(goesTo(t, opened))
	p.must(p.act("open", looking("U")))
	w.forward(payment.AttemptLife - time.Minute)
	goesTo(t, w.attempt(never["payment_request_id"].(string)))
	w.forward(time.Minute)
	w.tellsExactly([]string{"payment_request.expiry"}, never["payment_request_id"])
	w.tellsExactly([]string{"payment_request.expiry", "payment_token.failure"}, opened["payment_request_id"], opened["payment_token_id"])
	for _, made := range []map[string]any{never, opened} {
		id := made["payment_request_id"].(string)
		told := w.webhook("payment_request.expiry", id).Data
		now := w.attempt(id)
		if now["status"] != "EXPIRED" || len(now["actions"].([]any)) != 0 || now["latest_payment_id"] != nil {
			t.Errorf("payment request: %v", now)
		}
		for _, body := range []map[string]any{told, now} { // a card that nothing was sent for is erased by now
			if typed, ok := within(body, "channel_properties", "card_details").(map[string]any); ok {
				delete(typed, "fingerprint")
			}
		}
		if fmt.Sprint(told) != fmt.Sprint(now) {
			t.Errorf("payment_request.expiry: %v, want %v", told, now)
		}
		if told["payment_session_id"] != nil {
			t.Errorf("payment_request.expiry: %v", told)
		}
		w.ask("POST", "/v3/payment_requests/"+id+"/cancel", SandboxSecretKey, nil).refuses(t, refusal{400, "INACTIVE_PAYMENT_REQUEST", "", ""})
	}
	if s := p.must(p.look()); s["do"] != "done" || s["outcome"] != "failed" || s["return_url"] != "https://shop.example/failed" {
		t.Errorf("the page says %v", s)
	}
	if n := w.escrow(); n != 0 {
		t.Errorf("escrow rows: %d", n)
	}
	w.balanced()
}
