package app

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// told lists the events about any of these objects, in the order in which they happened.
func (w *town) told(ids ...any) (events []string) {
	w.t.Helper()
	rows, err := w.books.Query(`SELECT kind, data FROM notice ORDER BY id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind, data string
		if err := rows.Scan(&kind, &data); err != nil {
			w.t.Fatal(err)
		}
		if slices.ContainsFunc(ids, func(id any) bool { return id != nil && strings.Contains(data, id.(string)) }) {
			events = append(events, kind)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return events
}

// tellsExactly waits until these events about an object have happened and each has reached the merchant once, and
// fails where there are others or their order is another.
func (w *town) tellsExactly(want []string, ids ...any) {
	w.t.Helper()
	w.eventually(fmt.Sprint(want), func() bool { return len(w.told(ids...)) >= len(want) })
	if got := w.told(ids...); !slices.Equal(got, want) {
		w.t.Errorf("told %v, want %v", got, want)
	}
	for _, event := range want {
		w.eventually(event, func() bool {
			return slices.ContainsFunc(ids, func(id any) bool { return id != nil && w.webhooks(event, id.(string)) == 1 })
		})
	}
}

// lastEntry is what the issuer booked last.
func (b *bank) lastEntry() simulator.Entry {
	b.t.Helper()
	all := b.ledger()
	if len(all) == 0 {
		b.t.Fatal("nothing is booked")
	}
	return all[len(all)-1]
}

// token reads a payment token.
func (f *front) token(id any) map[string]any {
	f.t.Helper()
	return f.read("/v3/payment_tokens/" + id.(string))
}

// TestSaved: a card is authenticated without a payment, verified at the host and stored; then it pays with the
// CVN alone, and the issuer is told of the first use.
func TestSaved(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, test := range map[string]struct {
		number, flow, eci string
		codes             []string
	}{
		"Visa, with a challenge":       {"4000000000001091", "CHALLENGE", "05", []string{"000000", rightOTP}},
		"Visa, without":                {"4000000000001000", "FRICTIONLESS", "05", nil},
		"Mastercard, with a challenge": {"5200000000001096", "CHALLENGE", "N2", []string{rightOTP}},
		"Mastercard, without":          {"5200000000001005", "FRICTIONLESS", "N2", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			session := w.newSession("", saving)
			accepted := w.hand(typed(session, test.number, billed))
			token := accepted["payment_token_id"]
			if accepted["payment_request_id"] != nil {
				t.Errorf("a payment request, and nothing is paid: %v", accepted)
			}
			waiting := w.token(token)
			if actions, _ := waiting["actions"].([]any); waiting["status"] != "REQUIRES_ACTION" || len(actions) != 1 {
				t.Errorf("while the payer is waited for: %v", waiting)
			}
			w.ask("POST", "/sessions", SandboxSecretKey, w.request(token.(string))).refuses(t, refusal{400, "INVALID_TOKEN", "", ""})

			end := w.visitor(accepted).pay(test.codes...)
			if end["outcome"] != "succeeded" || end["return_url"] != w.ShopURL+"/return/success" {
				t.Fatalf("the payer ends at %v", end)
			}
			w.tellsExactly([]string{"payment_token.activation", "payment_session.completed"}, token)
			told := w.webhook("payment_token.activation", token.(string)).Data
			data, _ := told["token_details"].(map[string]any)
			authenticated, _ := data["authentication_data"].(map[string]any)
			authorized, _ := data["authorization_data"].(map[string]any)
			result, _ := authenticated["a_res"].(map[string]any)
			if told["status"] != "ACTIVE" || authenticated["flow"] != test.flow || result["eci"] != test.eci || authorized["cvn_verification_result"] != "M" {
				t.Errorf("payment_token.activation: %v", told)
			}
			done := w.webhook("payment_session.completed", token.(string)).Data
			if done["payment_session_id"] != session["payment_session_id"] || done["payment_request_id"] != nil || done["payment_id"] != nil || done["amount"] != 0.0 {
				t.Errorf("payment_session.completed: %v", done)
			}
			if now := w.token(token); now["status"] != "ACTIVE" || len(now["actions"].([]any)) != 0 {
				t.Errorf("payment token: %v", now)
			}
			if now := w.session(session); now["payment_token_id"] != token || now["status"] != "COMPLETED" {
				t.Errorf("session: %v", now)
			}
			first := w.bank.lastEntry()
			if first.Kind != "verification" || first.Amount != 0 || first.DE22 != "012" || first.TransactionID == "" {
				t.Errorf("at the host: %+v", first)
			}

			paying := w.newSession(token.(string))
			again := w.submitted(paying, "123")
			if end := w.visitor(again).pay(test.codes...); end["outcome"] != "succeeded" {
				t.Fatalf("the payer ends at %v", end)
			}
			w.succeeded(paying, again)
			if next := w.bank.lastEntry(); next.Kind != "purchase" || next.FirstUse != first.TransactionID || next.DE22 != "102" {
				t.Errorf("the next use: %+v, after %+v", next, first)
			}
			if n := w.webhooks("", again["payment_request_id"].(string)); n != 2 { // capture and completed
				t.Errorf("told %v", w.told(again["payment_request_id"]))
			}
		})
	}
	if n := town.escrow(); n != 0 {
		t.Errorf("escrow rows: %d", n)
	}
	town.balanced()
}

// TestNotSaved: whoever is not authenticated, or whose card the host does not take, has no card stored, and may
// try again in the same session.
func TestNotSaved(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, test := range map[string]struct {
		number, cvn, knob, code string
		codes                   []string
	}{
		"wrong codes":          {"4000000000001091", "123", "", "AUTHENTICATION_FAILED", []string{"000000", "000001", "000002"}},
		"the payer cancels":    {"4000000000001091", "123", "", "AUTHENTICATION_FAILED", []string{""}},
		"refused by the bank":  {"5200000000000015", "123", "", "AUTHENTICATION_FAILED", nil},
		"a wrong CVN":          {"4000000000001000", "999", "", "INVALID_ACCOUNT_DETAILS", nil},
		"a CVN that is waved":  {"4000000000001000", "998", "", "INVALID_ACCOUNT_DETAILS", nil},
		"declined by the host": {"4000000000001000", "123", `{"next_acquirer":{"behaviour":"decline","code":"51"}}`, "INSUFFICIENT_BALANCE", nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			session := w.newSession("", saving)
			accepted := w.hand(typed(session, test.number, with("cvn", test.cvn)))
			token := accepted["payment_token_id"]
			if test.knob != "" {
				w.bank.turn(test.knob)
			}
			if end := w.visitor(accepted).pay(test.codes...); end["outcome"] != "failed" || end["return_url"] != w.ShopURL+"/return/failure" {
				t.Errorf("the payer ends at %v", end)
			}
			w.tellsExactly([]string{"payment_token.failure"}, token)
			if told := w.webhook("payment_token.failure", token.(string)).Data; told["failure_code"] != test.code || told["status"] != "FAILED" {
				t.Errorf("payment_token.failure: %v", told)
			}
			if now := w.token(token); now["failure_code"] != test.code || now["status"] != "FAILED" {
				t.Errorf("payment token: %v", now)
			}
			if now := w.session(session); now["status"] != "ACTIVE" || now["payment_token_id"] != nil {
				t.Errorf("session: %v", now)
			}
			again := w.hand(typed(session, "4000000000001091"))
			if again["payment_token_id"] == token {
				t.Error("a token that has failed comes back")
			}
			if end := w.visitor(again).pay(rightOTP); end["outcome"] != "succeeded" {
				t.Errorf("the payer ends at %v", end)
			}
			w.tellsExactly([]string{"payment_token.activation", "payment_session.completed"}, again["payment_token_id"])
		})
	}
	t.Run("nobody answers", func(t *testing.T) {
		w := town.in(t)
		session := w.newSession("", saving, skipping)
		w.bank.next("silence")
		booked := len(w.bank.ledger())
		var accepted map[string]any
		var task sync.WaitGroup
		task.Go(func() { accepted = w.hand(typed(session, "4000000000001000")) })
		w.eventually("the host has it", func() bool { return len(w.bank.ledger()) > booked })
		w.forward(answerTimeout)
		task.Wait()
		token := accepted["payment_token_id"]
		w.tellsExactly([]string{"payment_token.failure"}, token)
		if now := w.session(session); now["status"] != "ACTIVE" {
			t.Errorf("session: %v", now)
		}
		w.hand(typed(session, "4000000000001000"))
		w.forward(2 * time.Minute)
		if n := w.count(`SELECT COUNT(*) FROM advice`); n != 0 {
			t.Errorf("%d advices about verifications", n)
		}
	})
	town.balanced()
}

// TestPaidAndSaved: what becomes of a card that is typed to pay is the session's to allow and the payer's to
// want.
func TestPaidAndSaved(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	for name, test := range map[string]struct {
		allowed string
		ticked  any
		saved   bool
	}{
		"OPTIONAL, ticked":     {"OPTIONAL", true, true},
		"OPTIONAL, not ticked": {"OPTIONAL", false, false},
		"OPTIONAL, not asked":  {"OPTIONAL", nil, false},
		"FORCED":               {"FORCED", nil, true},
		"FORCED, not ticked":   {"FORCED", false, true},
		"DISABLED, ticked":     {"DISABLED", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := town.in(t)
			session := w.newSession("", typedFor(test.allowed))
			if session["allow_save_payment_method"] != test.allowed {
				t.Errorf("session: %v", session)
			}
			tick := with("confirm_save", test.ticked)

			// First a failure, of which nothing stays but what is said of it.
			accepted := w.hand(typed(session, "4000000000001091", tick))
			request, token := accepted["payment_request_id"], accepted["payment_token_id"]
			if end := w.visitor(accepted).pay(""); end["outcome"] != "failed" {
				t.Fatalf("the payer ends at %v", end)
			}
			events := []string{"payment.failure"}
			if test.saved {
				events = append(events, "payment_token.failure")
			}
			w.tellsExactly(events, request, token)

			accepted = w.hand(typed(session, "4000000000001091", tick))
			request, token = accepted["payment_request_id"], accepted["payment_token_id"]
			if (token != nil) != test.saved || request == nil {
				t.Errorf("answer: %v", accepted)
			}
			if end := w.visitor(accepted).pay(rightOTP); end["outcome"] != "succeeded" {
				t.Fatalf("the payer ends at %v", end)
			}
			if events = []string{"payment.capture", "payment_session.completed"}; test.saved {
				events = []string{"payment.capture", "payment_token.activation", "payment_session.completed"}
			}
			w.tellsExactly(events, request, token)
			data := w.succeeded(session, accepted)
			if data["payment_token_id"] != token {
				t.Errorf("payment.capture: %v", data)
			}
			now, attempt := w.session(session), w.attempt(request.(string))
			if now["payment_token_id"] != token || attempt["payment_token_id"] != token {
				t.Errorf("session: %v, payment request: %v", now, attempt)
			}
			if want := map[bool]string{true: "PAY_AND_SAVE", false: "PAY"}[test.saved]; attempt["type"] != want || data["type"] != want {
				t.Errorf("payment request: %v, payment.capture: %v", attempt, data)
			}
			first := w.bank.lastEntry()
			if first.Kind != "purchase" || first.DE22 != "012" || (first.Indicator != "") != test.saved {
				t.Errorf("at the host: %+v", first)
			}
			var id string
			if err := w.books.QueryRow(`SELECT token FROM request WHERE id = $1`, request).Scan(&id); err != nil {
				t.Fatal(err)
			}
			if !test.saved { // a card to pay once is nobody's payment token
				w.ask("GET", "/v3/payment_tokens/"+id, SandboxSecretKey, nil).refuses(t, refusal{404, "DATA_NOT_FOUND", "", ""})
				w.ask("POST", "/sessions", SandboxSecretKey, w.request(id)).refuses(t, refusal{400, "INVALID_TOKEN", "", ""})
				return
			}
			paying := w.newSession(token.(string), skipping)
			w.succeeded(paying, w.submitted(paying, "123"))
			if next := w.bank.lastEntry(); next.FirstUse != first.TransactionID || first.TransactionID == "" {
				t.Errorf("the next use: %+v, after %+v", next, first)
			}
		})
	}
	if n := town.count(`SELECT COUNT(*) FROM token WHERE status = $1`, string(payment.TokenPending)); n != 0 {
		t.Errorf("%d cards are neither stored nor not", n)
	}
	town.balanced()
}
