package checkout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// linkPage is the payment link: a page of ours where the payer types a card, or only the CVN of the one stored
// card that the session names. It is drawn from the session's state alone, so a reload, the way back from the
// bank and a link that is opened a second time all show what is so. A GET changes nothing.
func (c *Checkout) linkPage(w http.ResponseWriter, r *http.Request) error {
	k, err := c.Flow.Link(r.Context(), r.PathValue("link"))
	if err != nil {
		return c.lost(w, r, err)
	}
	now, s := c.Now(), k.Session
	shown := map[string]any{
		"State": linkState(k, now), "Link": s.Link, "Merchant": k.Merchant.Name, "Amount": s.Amount, "Reference": s.ReferenceID,
		// A card is good to the end of its month in the last time zone.
		"Month": now.UTC().Add(-12 * time.Hour).Format("2006-01"),
		"Save":  s.AllowSave, "CVNDigits": card.Brand("").CVNDigits(), "CancelURL": s.CancelReturnURL,
	}
	if s.Type == payment.SessionSave {
		shown["Save"] = payment.SaveForced
	}
	switch shown["State"] {
	case linkForm:
		shown["BankAsked"] = !s.Unasked()
		_, shown["Failed"] = r.URL.Query()["failed"]
		if s.Token != "" {
			showCard(shown, k.Token)
		}
	case linkPaid:
		shown["BackURL"] = s.SuccessReturnURL
		used, err := c.cardOf(r.Context(), s)
		if err != nil {
			return c.lost(w, r, err)
		}
		if used.ID != "" {
			showCard(shown, used)
		}
	case linkExpired, linkCanceled, linkExhausted, linkUnusable:
		shown["BackURL"] = s.CancelReturnURL
	}
	words := c.speak(s.Locale)
	if err := showOrder(shown, s, words); err != nil {
		return err
	}
	return c.show(w, http.StatusOK, "link.html", "'none'", words, shown)
}

// What a payment link can show.
const (
	linkForm       = "form"
	linkProcessing = "processing" // an attempt is with the acquirer
	linkPaid       = "paid"
	linkExpired    = "expired"
	linkCanceled   = "canceled"
	linkExhausted  = "exhausted" // too many failures
	linkUnusable   = "unusable"  // the stored card
)

func linkState(k payment.Case, now time.Time) string {
	switch k.Session.Status {
	case payment.SessionCompleted:
		return linkPaid
	case payment.SessionCanceled:
		return linkCanceled
	case payment.SessionExpired:
		return linkExpired
	}
	if k.Request != nil && k.Request.State.AtAcquirer() {
		return linkProcessing
	}
	err := cmp.Or(k.AcceptsSubmit(now), k.Session.AcceptsAttempt())
	var refused *payment.Error
	switch {
	case err == nil:
		return linkForm
	case !errors.As(err, &refused):
	case refused.Code == "PAYMENT_ATTEMPT_COUNTS_EXCEEDED":
		return linkExhausted
	case refused.Code == "INVALID_SESSION_STATUS":
		return linkExpired
	}
	return linkUnusable
}

// cardOf is the card that a session was paid with, or that it was for.
func (c *Checkout) cardOf(ctx context.Context, s payment.Session) (payment.Token, error) {
	var k payment.Case
	var err error
	switch {
	case s.Request != "":
		k, err = c.Flow.Request(ctx, s.Business, s.Request)
	case s.Saved != "":
		k, err = c.Flow.Token(ctx, s.Business, s.Saved)
	}
	return k.Token, err
}

// showCard shows what may be shown of a card.
func showCard(shown map[string]any, t payment.Token) {
	shown["Brand"], shown["BrandName"], shown["Last4"] = t.Brand, brandName(t.Brand), last4(t)
	shown["CVNDigits"] = t.CVNDigits
	shown["Expiry"] = time.Date(t.ExpiryYear, time.Month(t.ExpiryMonth), 1, 0, 0, 0, 0, time.UTC).Format("01/06")
}

// line is one item of an order.
type line struct{ Name, Quantity, Price string }

// showOrder shows what is paid for, as the merchant described it.
func showOrder(shown map[string]any, s payment.Session, words words) error {
	var order struct {
		Description string `json:"description"`
		Items       []struct {
			Name     string      `json:"name"`
			Quantity json.Number `json:"quantity"`
			Price    json.Number `json:"net_unit_amount"`
		} `json:"items"`
	}
	if err := json.Unmarshal(s.Echo, &order); err != nil {
		return err
	}
	lines := make([]line, len(order.Items))
	for i, item := range order.Items {
		lines[i] = line{item.Name, item.Quantity.String(), words.Line(item.Price.String(), s.Amount.Currency, item.Quantity.String())}
	}
	shown["Description"], shown["Items"] = order.Description, lines
	return nil
}

// payLink takes what the payer typed on the payment link.
func (c *Checkout) payLink(ctx context.Context, r *gate.Request, taken any) (gate.Answer, error) {
	fields := taken.(card.Fields)
	var q struct {
		Name string `json:"cardholder_name"`
		Save bool   `json:"confirm_save"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	submitted, err := c.Flow.Submit(ctx, flow.Submission{
		Link: r.Path("link"), Fields: fields, Cardholder: cardholder(q.Name), Save: q.Save,
	})
	if err != nil {
		return gate.Answer{}, fieldError(err)
	}
	next := linkStep{ActionURL: submitted.ActionURL}
	if next.ActionURL == "" {
		next.ReturnURL = cmp.Or(c.stepOf(submitted.Case, fullScreen).ReturnURL, c.PublicURL+submitted.Case.Session.LinkPath())
	}
	return gate.Answer{Status: http.StatusOK, Body: next}, nil
}

// linkStep is where the payer goes on.
type linkStep struct {
	ActionURL string `json:"action_url,omitempty"` // the attempt's page, where the bank authenticates the payer
	ReturnURL string `json:"return_url,omitempty"` // where nothing is left to ask
}

// cardholder takes the name on a card apart: its last word is the last name. Many people have one name only.
func cardholder(name string) payment.Cardholder {
	words := strings.Fields(name)
	if len(words) < 2 {
		return payment.Cardholder{FirstName: strings.Join(words, "")}
	}
	last := len(words) - 1
	return payment.Cardholder{FirstName: strings.Join(words[:last], " "), LastName: words[last]}
}
