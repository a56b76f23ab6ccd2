package bench

import (
	"context"
	"fmt"
	"sync/atomic"
)

// shop is a merchant whose customers have stored cards.
type shop struct {
	business       string
	secret, public string
	cards          []storedCard // whose bank lets every payer pass
	asked          []storedCard // whose bank asks every payer for a code

	orders atomic.Int64 // so far: each has an amount of its own, by which the bank's history tells them apart
}

type storedCard struct{ token, customer string }

// firstAmount is what the first order costs. The simulated bank has no scenario for it or any above.
const firstAmount = 1_000_000

// askedNumbers are cards of the simulator's list (docs/sandbox.md) whose bank asks for a code.
func askedNumbers() []string {
	return []string{
		"4000000000001091", "4000000000002503", "4440000009900010", "4200350000000801", "5200000000001096", "5200000000002151",
		"5123450000000008", "5413530000000501", "3337000000000008", "3337000000200004",
	}
}

// openShop makes a merchant as an operator does, by commands, and stores cards as customers do.
func (s *site) openShop(ctx context.Context, cards int) error {
	office := func(words ...string) (said string, err error) {
		return typed(ctx, s.program, append(words, "--database-file", s.path("database"))...)
	}
	var err error
	s.business, err = office("merchant", "create", "--name", "Toko Buku", "--city", "Bandung", "--country", "ID",
		"--mcc", "5942", "--website", "https://toko.example", "--acquirer-bin", "400551", "--merchant-id", "TOKO00000000001",
		"--terminal-id", "TOKO0001", "--allow-skip-three-ds", "--reuse-customers", "--max-declines", "1000")
	if err != nil {
		return err
	}
	if s.secret, err = office("keys", "create", "--merchant", s.business, "--production"); err != nil {
		return err
	}
	if s.shop.public, err = office("keys", "create", "--merchant", s.business, "--production", "--public"); err != nil {
		return err
	}
	if _, err = office("webhook", "add", s.sink.url, "--merchant", s.business, "--keys", s.path("keys.json"), "--allow", "127.0.0.0/8"); err != nil {
		return err
	}
	for i := range cards {
		number := withCheckDigit(fmt.Sprintf("4276%011d", i))
		if err := s.store(ctx, number, &s.cards); err != nil {
			return fmt.Errorf("no card could be stored: %w", err)
		}
	}
	for _, number := range askedNumbers() {
		if err := s.store(ctx, number, &s.asked); err != nil {
			return fmt.Errorf("no card could be stored: %w", err)
		}
	}
	return s.sink.settled(ctx)
}

// store has a customer store a card.
func (s *site) store(ctx context.Context, number string, in *[]storedCard) error {
	customer := fmt.Sprint("customer-", len(s.cards), "-", len(s.asked))
	body := s.sessionFor(storedCard{customer: customer}, "card-of-"+customer, 0)
	body["session_type"] = "SAVE"
	session, err := s.ask(ctx, "POST", "/sessions", s.secret, body)
	if err != nil {
		return err
	}
	id := text(session, "payment_session_id")
	accepted, err := s.ask(ctx, "POST", "/v3/payment_with_session", s.shop.public, object{
		"card_number": number, "expiry_month": "12", "expiry_year": "2049", "cvn": "123",
		"cardholder_first_name": "Jaap", "cardholder_last_name": "Stam",
		"cardholder_email": "jaap@example.com", "cardholder_phone_number": "+628123456789", "payment_session_id": id,
	})
	if err != nil {
		return err
	}
	if action := text(accepted, "action_url"); action != "" {
		p, err := s.opens(action)
		if err == nil {
			err = p.pay(ctx)
		}
		if err != nil {
			return err
		}
	}
	s.sink.expect("payment_session.completed", id)
	*in = append(*in, storedCard{text(accepted, "payment_token_id"), customer})
	return nil
}

// withCheckDigit completes a card's number (ISO/IEC 7812-1 annex B).
func withCheckDigit(number string) string {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return number + string(rune('0'+(10-sum%10)%10))
}

// sessionFor is the body of POST /sessions, as a merchant's server writes it.
func (s *site) sessionFor(c storedCard, reference string, amount int64) object {
	js := object{"success_return_url": "https://toko.example/success", "failure_return_url": "https://toko.example/failure"}
	if c.token != "" {
		js["card_payment_token_id"] = c.token
	}
	return object{
		"reference_id": reference, "session_type": "PAY", "mode": "CARDS_SESSION_JS",
		"amount": amount, "currency": "IDR", "country": "ID", "cards_session_js": js,
		"customer": object{
			"reference_id": c.customer, "type": "INDIVIDUAL", "email": "jaap@example.com", "mobile_number": "+628123456789",
			"individual_detail": object{"given_names": "Jaap", "surname": "Stam"},
		},
	}
}

// open makes a session for the nth order and returns its id.
func (s *site) open(ctx context.Context, cards []storedCard, n int64, skipping bool) (string, error) {
	body := s.sessionFor(cards[n%int64(len(cards))], fmt.Sprint("order-", n), firstAmount+n)
	if skipping {
		body["channel_properties"] = object{"cards": object{"skip_three_ds": true}}
	}
	session, err := s.ask(ctx, "POST", "/sessions", s.secret, body)
	return text(session, "payment_session_id"), err
}

// paid says which webhooks a payment leads to.
func (s *site) paid(session, request string) {
	s.sink.expect("payment.capture", request)
	s.sink.expect("payment_session.completed", session)
}

// oneclick pays the nth order with a stored card and no bank between.
func (s *site) oneclick(ctx context.Context, n int64) (request string, err error) {
	session, err := s.open(ctx, s.cards, n, true)
	if err != nil {
		return "", err
	}
	return s.typed(ctx, session, object{"cvn": "123", "payment_session_id": session, "device": object{}})
}

// typed hands in what the payer typed and walks the attempt's page to its end, if there is one.
func (s *site) typed(ctx context.Context, session string, body object) (request string, err error) {
	accepted, err := s.ask(ctx, "POST", "/v3/payment_with_session", s.shop.public, body)
	if err != nil {
		return "", err
	}
	if action := text(accepted, "action_url"); action != "" {
		p, err := s.opens(action)
		if err == nil {
			err = p.pay(ctx)
		}
		if err != nil {
			return "", err
		}
	}
	request = text(accepted, "payment_request_id")
	s.paid(session, request)
	return request, nil
}

// clicks pays the nth order as the SDK does: it has the bank look at the browser while the payer types, and hands in the
// CVN with what that has come to.
func (s *site) clicks(ctx context.Context, cards []storedCard, n int64) error {
	session, err := s.open(ctx, cards, n, false)
	if err != nil {
		return err
	}
	prepared, err := s.ask(ctx, "GET", "/v3/payment_with_session/"+session+"/preparation", s.shop.public, nil)
	if err != nil {
		return err
	}
	body := object{"cvn": "123", "payment_session_id": session, "device": object{}, "browser": described(), "method_completed": "U"}
	if form, ok := prepared["method"].(object); ok {
		if _, err := s.follow(ctx, form); err != nil {
			return err
		}
		body["preparation"], body["method_completed"] = prepared["preparation"], "Y"
	}
	_, err = s.typed(ctx, session, body)
	return err
}

// refund pays the nth order and gives all of it back.
func (s *site) refund(ctx context.Context, n int64) error {
	request, err := s.oneclick(ctx, n)
	if err != nil {
		return err
	}
	answer, err := s.ask(ctx, "POST", "/refunds", s.secret, object{
		"payment_request_id": request, "reason": "REQUESTED_BY_CUSTOMER", "amount": firstAmount + n, "currency": "IDR",
	})
	if err == nil {
		s.sink.expect("refund.succeeded", text(answer, "id"))
	}
	return err
}

// next is the number of an order that nobody has made yet.
func (s *site) next() int64 { return s.orders.Add(1) }
