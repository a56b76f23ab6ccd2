package app

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"reprise/internal/api"
	"reprise/internal/payment"
	"reprise/internal/store"
	"reprise/internal/vault"
	"reprise/internal/webhook"
)

// desk is where merchants' endpoints and what was delivered to them are looked after: for the API in a house,
// and for the command line beside one.
type desk struct {
	*store.Store
	sender *webhook.Sender
	secret func(payment.EndpointID) []byte
	now    func() time.Time
	rand   io.Reader
}

// newDesk builds the line to the merchants' endpoints with it. callbackToken may be nil.
func newDesk(o Outside, memory *store.Store, v *vault.Vault, callbackToken func(payment.BusinessID) string, w webhook.Options) *desk {
	if callbackToken == nil {
		callbackToken = func(b payment.BusinessID) string {
			token := v.Derive("callback token", string(b))
			return hex.EncodeToString(token[:])
		}
	}
	d := &desk{Store: memory, now: o.Now, rand: o.Rand, secret: func(e payment.EndpointID) []byte {
		secret := v.Derive("webhook signature", string(e)) // derived, so that nothing of it is stored
		return secret[:]
	}}
	w.CallbackToken, w.Secret = callbackToken, d.secret
	w.Now, w.Within, w.Dial, w.Resolve = o.Now, o.Within, o.Dial, o.Resolve
	d.sender = webhook.New(w)
	return d
}

// NewEndpoint makes an endpoint that may be added. One that is disabled counts, too: it can be enabled any time.
func (d *desk) NewEndpoint(ctx context.Context, b payment.BusinessID, url string, events []payment.NoticeKind) (payment.Endpoint, error) {
	if d.sender.Networks.Check(url) != nil {
		e := payment.Refuse("INVALID_URL", "Webhooks are sent to https URLs on the public internet, without user information")
		e.Fields = []payment.Field{{Path: "/body/url", Message: "is an address that webhooks are not sent to"}}
		return payment.Endpoint{}, e
	}
	known, err := d.Endpoints(ctx, b)
	if err != nil {
		return payment.Endpoint{}, err
	}
	if len(known) >= payment.EndpointsMax {
		return payment.Endpoint{}, payment.Refuse("ENDPOINT_LIMIT_EXCEEDED", fmt.Sprintf("There are %d endpoints already, which is the most", len(known)))
	}
	id, err := d.newID()
	made := payment.Endpoint{ID: payment.EndpointID(id), URL: url, Events: events, Created: d.now()}
	for _, e := range known {
		if webhook.Same(e.URL, url) && e.Meets(made) {
			return payment.Endpoint{}, payment.Refuse("DUPLICATE_ERROR", "Some of these events are sent to this URL already. Remove that endpoint first, or leave them out")
		}
	}
	return made, err
}

func (d *desk) newID() (string, error) {
	var random [10]byte
	if _, err := io.ReadFull(d.rand, random[:]); err != nil {
		return "", fmt.Errorf("no randomness: %w", err)
	}
	return payment.UUID7(d.now(), random), nil
}

// EndpointSecret is what signs for an endpoint, as Standard Webhooks write it.
func (d *desk) EndpointSecret(e payment.EndpointID) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(d.secret(e))
}

// CallbackToken is the x-callback-token of a business.
func (d *desk) CallbackToken(b payment.BusinessID) string { return d.sender.CallbackToken(b) }

// TestEndpoint sends a sample to an endpoint, once, also to one that is disabled.
func (d *desk) TestEndpoint(ctx context.Context, b payment.BusinessID, to payment.Endpoint, kind payment.NoticeKind) (payment.DeliveryAttempt, error) {
	n, err := api.SampleNotice(kind, b)
	if err != nil {
		return payment.DeliveryAttempt{}, err
	}
	id, err := d.newID()
	if err != nil {
		return payment.DeliveryAttempt{}, err
	}
	n.ID, n.Created = payment.EventID(id), d.now()
	return d.sender.Test(ctx, n, to), nil
}
