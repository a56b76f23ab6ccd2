package webhook

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"reprise/internal/payment"
)

// Envelope is the body of a delivery. created is the time of this try; data was made with the change and
// is the same at every try.
func Envelope(n payment.Notice, created time.Time) ([]byte, error) {
	e := struct {
		Created    string          `json:"created"`
		BusinessID string          `json:"business_id"`
		Event      string          `json:"event"`
		Data       json.RawMessage `json:"data"`
		APIVersion string          `json:"api_version,omitempty"`
		Test       bool            `json:"test,omitempty"`
	}{
		Created:    created.UTC().Format("2006-01-02T15:04:05.000Z"),
		BusinessID: string(n.Business),
		Event:      string(n.Kind),
		Data:       n.Data,
		Test:       n.Test,
	}
	// Of the v3 API's events those of sessions and of refunds carry no api_version.
	if !strings.HasPrefix(e.Event, "payment_session.") && !strings.HasPrefix(e.Event, "refund.") {
		e.APIVersion = "v3"
	}
	return json.Marshal(e)
}

// sign fills the headers. x-callback-token is what the v3 API has; the signature beside it is that of
// Standard Webhooks (https://www.standardwebhooks.com), over webhook-id, time and body.
func (s *Sender) sign(h http.Header, n payment.Notice, to payment.Endpoint, at time.Time, body []byte) error {
	signer, err := standardwebhooks.NewWebhookRaw(s.Secret(to.ID))
	if err != nil {
		return err
	}
	signature, err := signer.Sign(string(n.ID), at, body)
	if err != nil {
		return err
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Reprise")
	h.Set("X-Callback-Token", s.CallbackToken(n.Business))
	h.Set("Webhook-Id", string(n.ID))
	h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("Webhook-Signature", signature)
	h.Set("Webhook-Object", n.Object)
	h.Set("Webhook-Sequence", strconv.FormatInt(n.Sequence, 10))
	return nil
}
