package app

import (
	"fmt"
	"net/http"
)

// typedFates are those of attempts with a card that was typed: in the payer's browser, or at a merchant who sends
// card numbers.
var typedFates = []fate{
	{"typed to be saved", false, func(w *town, c canary) error {
		return w.savedCanary(c)
	}},
	{"typed and paid once, without 3-D Secure", false, func(w *town, c canary) error {
		_, err := w.handed(c, typedFor("DISABLED"), skipping)
		return err
	}},
	{"typed and declined, without 3-D Secure", false, func(w *town, c canary) error {
		_, err := w.handed(c, typedFor("FORCED"), skipping, amount(10054))
		return err
	}},
	{"typed, and nobody comes", false, func(w *town, c canary) error {
		_, err := w.handed(c, typedFor("OPTIONAL"))
		return err
	}},
	{"typed and refused", false, func(w *town, c canary) error {
		session := w.newSession("", typedFor("OPTIONAL"))
		for _, wrong := range []func(map[string]any){
			with("expiry_month", "13"), with("expiry_year", "2020"), with("cvn", c.cvn+"0"), with("card_number", "0"+c.pan),
			with("card_number", c.pan[:4]+"-"+c.pan[4:]), with("confirm_save", c.pan), with("cardholder_email", c.cvn), with("billing_information", c.pan),
		} {
			a, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, typed(session, c.pan, with("cvn", c.cvn), wrong))
			if err != nil || a.status != http.StatusBadRequest {
				return fmt.Errorf("%d %v %w", a.status, a.body, err)
			}
		}
		return nil
	}},
	{"sent by a merchant, paid and saved", false, func(w *town, c canary) error {
		made, err := w.sentBy(c, nil, with("type", "PAY_AND_SAVE"), with("customer_id", string(sandboxCustomer)))
		if err != nil {
			return err
		}
		if end := w.opens(goesTo(w.t, made)).pay(); end["outcome"] != "succeeded" {
			return fmt.Errorf("%v", end)
		}
		return nil
	}},
	{"sent by a merchant, held and captured in part", false, func(w *town, c canary) error {
		return w.heldThen(c, "capture", capturing(4000))
	}},
	{"sent by a merchant, held and given up", false, func(w *town, c canary) error {
		return w.heldThen(c, "cancel", nil)
	}},
	{"sent by a merchant twice, under one key", false, func(w *town, c canary) error {
		body := w.paymentRequest("", carrying(c, "skip_three_ds", true))
		for range 2 {
			a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey, body, "idempotency-key", "canary-"+c.token)
			if err != nil || a.status != http.StatusCreated {
				return fmt.Errorf("%d %v %w", a.status, a.body, err)
			}
		}
		return nil
	}},
	{"sent by a merchant, for another amount, and simulated", false, func(w *town, c canary) error {
		made, err := w.sentBy(c, nil)
		if err != nil {
			return err
		}
		path := "/v3/payment_requests/" + made["payment_request_id"].(string)
		if a, err := w.send("PATCH", path, SandboxSecretKey, map[string]any{"request_amount": 9000}); err != nil || a.status != http.StatusOK {
			return fmt.Errorf("%d %v %w", a.status, a.body, err)
		}
		a, err := w.send("POST", path+"/simulate", SandboxSecretKey, map[string]any{"amount": 9000})
		if err == nil && a.status != http.StatusOK {
			err = fmt.Errorf("%d %v", a.status, a.body)
		}
		return err
	}},
	{"sent by a merchant and refused", false, func(w *town, c canary) error {
		for _, wrong := range []func(map[string]any){
			with("country", c.pan), with("metadata", c.pan), with("type", c.cvn), oldCard, withTwice(c.pan),
		} {
			body := w.paymentRequest("", carrying(c), wrong)
			a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey, body)
			if err != nil || a.status != http.StatusBadRequest {
				return fmt.Errorf("%d %v %w", a.status, a.body, err)
			}
		}
		return nil
	}},
	{"sent by a merchant, and nobody comes", false, func(w *town, c canary) error {
		_, err := w.sentBy(c, returning)
		return err
	}},
	{"typed to be saved, after a challenge", true, func(w *town, c canary) error {
		return w.savedCanary(c)
	}},
	{"typed and not authenticated", true, func(w *town, c canary) error {
		accepted, err := w.handed(c, typedFor("FORCED"))
		if err == nil {
			err = w.ends(nil, accepted, "failed", nil, "000000", "")
		}
		return err
	}},
	{"sent by a merchant, and abandoned at the bank", true, func(w *town, c canary) error {
		made, err := w.sentBy(c, returning)
		if err == nil {
			_, err = w.opens(goesTo(w.t, made)).arrive()
		}
		return err
	}},
}

// carrying puts a canary into a payment request.
func carrying(c canary, more ...any) func(map[string]any) {
	return func(request map[string]any) {
		typing(c.pan, more...)(request)
		request["channel_properties"].(map[string]any)["card_details"].(map[string]any)["cvn"] = c.cvn
	}
}

// withTwice puts a card number where an address is to be, too.
func withTwice(pan string) func(map[string]any) {
	return func(request map[string]any) {
		request["channel_properties"].(map[string]any)["success_return_url"] = "http://" + pan
	}
}

// handed hands in a canary for a session of its own.
func (w *town) handed(c canary, change ...func(map[string]any)) (map[string]any, error) {
	a, err := w.send("POST", "/sessions", SandboxSecretKey, w.request("", change...))
	if err != nil || a.status != http.StatusCreated {
		return nil, fmt.Errorf("session: %d %v %w", a.status, a.body, err)
	}
	b, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, typed(a.body, c.pan, with("cvn", c.cvn), with("confirm_save", true)))
	if err != nil || b.status != http.StatusOK {
		return nil, fmt.Errorf("submission: %d %v %w", b.status, b.body, err)
	}
	return b.body, nil
}

// savedCanary has a canary stored by its payer.
func (w *town) savedCanary(c canary) error {
	accepted, err := w.handed(c, saving)
	if err != nil {
		return err
	}
	return w.ends(nil, accepted, "succeeded", nil, rightOTP)
}

// sentBy has a merchant's server send a canary.
func (w *town) sentBy(c canary, more []any, change ...func(map[string]any)) (map[string]any, error) {
	body := w.paymentRequest("", append([]func(map[string]any){carrying(c, more...)}, change...)...)
	a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey, body)
	if err == nil && a.status != http.StatusCreated {
		err = fmt.Errorf("payment request: %d %v", a.status, a.body)
	}
	return a.body, err
}

// heldThen has money held of a canary, and something done about it.
func (w *town) heldThen(c canary, what string, body any) error {
	made, err := w.sentBy(c, []any{"skip_three_ds", true}, with("capture_method", "MANUAL"))
	if err != nil || made["status"] != "AUTHORIZED" {
		return fmt.Errorf("%v %w", made, err)
	}
	a, err := w.send("POST", "/v3/payments/"+made["latest_payment_id"].(string)+"/"+what, SandboxSecretKey, body)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s: %d %v", what, a.status, a.body)
	}
	return err
}
