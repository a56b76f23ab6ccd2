package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"reprise/internal/payment"
	"reprise/internal/vault"
	"reprise/internal/webhook"
)

// Webhooks is the part of an office in which the endpoints of one merchant are looked after.
type Webhooks struct {
	office   *Office
	business payment.BusinessID
	settings WebhookSettings
	log      *slog.Logger
	desk     *desk // nil until something is to be signed, so that nothing else needs the key file
}

// WebhookSettings say whose endpoints they are, and with what the gateway signs.
type WebhookSettings struct {
	Business string
	Keys     string         // path of the key file; empty: keys.json in the folder that the database is in
	Allow    []netip.Prefix // networks beside the public internet in which endpoints may be
}

// Webhooks opens that part of the office.
func (o *Office) Webhooks(ctx context.Context, s WebhookSettings, log *slog.Logger) (*Webhooks, error) {
	if _, err := o.merchant(ctx, s.Business); err != nil {
		return nil, err
	}
	return &Webhooks{office: o, business: payment.BusinessID(s.Business), settings: s, log: log}, nil
}

// signing returns the desk that signs as the gateway does.
func (w *Webhooks) signing() (*desk, error) {
	if w.desk != nil {
		return w.desk, nil
	}
	path := w.settings.Keys
	if path == "" {
		path = w.office.keyFile()
	}
	keys, err := vault.LoadKeys(path)
	if err != nil {
		return nil, err
	}
	house := Settings{Sandbox: w.business == sandboxBusiness || w.business == sandboxRestrictedBusiness, WebhookNetworks: w.settings.Allow}
	if house.Sandbox {
		house.CallbackToken = sandboxCallbackToken
	}
	o := w.office.outside
	w.desk = newDesk(o, w.office.store, vault.New(keys, o.Rand, o.Now), house.CallbackToken, webhook.Options{Networks: house.networks(), Log: w.log})
	return w.desk, nil
}

// Close lets go of connections to endpoints.
func (w *Webhooks) Close() {
	if w.desk != nil {
		w.desk.sender.Close()
	}
}

// Add has webhooks sent to a URL: those of some events, or all. secret is what signs them.
func (w *Webhooks) Add(ctx context.Context, url string, events []string) (e payment.Endpoint, secret string, err error) {
	var kinds []payment.NoticeKind
	var problems []error
	for _, text := range events {
		kind, err := noticeKind(text)
		kinds, problems = append(kinds, kind), append(problems, err)
	}
	desk, err := w.signing()
	if err == nil {
		e, err = desk.NewEndpoint(ctx, w.business, url, kinds)
	}
	if err := errors.Join(append(problems, err)...); err != nil {
		return payment.Endpoint{}, "", err
	}
	return e, desk.EndpointSecret(e.ID), desk.SaveEndpoint(ctx, w.business, e, w.office.by, nil)
}

func noticeKind(text string) (payment.NoticeKind, error) {
	if kind := payment.NoticeKind(text); slices.Contains(payment.NoticeKinds(), kind) {
		return kind, nil
	}
	return "", fmt.Errorf("there is no event %q, but %q", text, payment.NoticeKinds())
}

// List lists the merchant's endpoints.
func (w *Webhooks) List(ctx context.Context) ([]payment.Endpoint, error) {
	return w.office.store.Endpoints(ctx, w.business)
}

// Secret is what signs for an endpoint, as Standard Webhooks write it.
func (w *Webhooks) Secret(e payment.Endpoint) (string, error) {
	desk, err := w.signing()
	if err != nil {
		return "", err
	}
	return desk.EndpointSecret(e.ID), nil
}

// CallbackToken is what comes with every webhook of the merchant's as x-callback-token.
func (w *Webhooks) CallbackToken() (string, error) {
	desk, err := w.signing()
	if err != nil {
		return "", err
	}
	return desk.CallbackToken(w.business), nil
}

func (w *Webhooks) endpoint(ctx context.Context, id string) (payment.Endpoint, error) {
	e, err := w.office.store.Endpoint(ctx, w.business, payment.EndpointID(id))
	if errors.Is(err, payment.ErrNotFound) {
		err = fmt.Errorf("merchant %s has no endpoint %s, see 'reprise webhook list'", w.business, id)
	}
	return e, err
}

// Remove has nothing more sent to an endpoint.
func (w *Webhooks) Remove(ctx context.Context, id string) error {
	e, err := w.endpoint(ctx, id)
	if err != nil {
		return err
	}
	return w.office.store.RemoveEndpoint(ctx, w.business, e.ID, w.office.by)
}

// Enable has webhooks sent again to an endpoint that was disabled.
func (w *Webhooks) Enable(ctx context.Context, id string) error {
	e, err := w.endpoint(ctx, id)
	if err != nil {
		return err
	}
	return w.office.store.EnableEndpoint(ctx, w.business, e.ID, w.office.by, nil)
}

// Test sends a sample of an event to an endpoint, from here, and says what came of it.
func (w *Webhooks) Test(ctx context.Context, id, event string) (payment.DeliveryAttempt, error) {
	kind, unknown := noticeKind(event)
	e, err := w.endpoint(ctx, id)
	if err := errors.Join(unknown, err); err != nil {
		return payment.DeliveryAttempt{}, err
	}
	desk, err := w.signing()
	if err != nil {
		return payment.DeliveryAttempt{}, err
	}
	return desk.TestEndpoint(ctx, w.business, e, kind)
}

// Resend says which deliveries are to be sent again. What is empty or zero excludes nothing, but what was
// delivered is only sent again where it is asked for: by name, or by Delivered.
type Resend struct {
	WebhookID, Endpoint, Event, Object string
	Failed                             bool // only those that were given up
	Delivered                          bool // those that were delivered, too
	From, To                           time.Time
	After                              string // go on behind this delivery, where the Resend before came to
}

// Resend has deliveries sent again by the gateways on the database: at most 500, the newest first. It lists
// them as they were; more says that there are others, behind the last.
func (w *Webhooks) Resend(ctx context.Context, r Resend) (list []payment.Delivery, more bool, err error) {
	if r.WebhookID == "" && r.From.IsZero() {
		return nil, false, errors.New("neither a webhook-id nor a time from which on: that would be everything")
	}
	f := payment.DeliveryFilter{
		Business: w.business, Notice: payment.EventID(r.WebhookID), Endpoint: payment.EndpointID(r.Endpoint), Object: r.Object,
		From: r.From, To: r.To,
	}
	if r.Event != "" {
		if f.Kind, err = noticeKind(r.Event); err != nil {
			return nil, false, err
		}
	}
	if r.After != "" {
		f.Before = &payment.DeliveryPlace{}
		if err := f.Before.UnmarshalText([]byte(r.After)); err != nil {
			return nil, false, err
		}
	}
	switch {
	case r.Failed:
		f.Statuses = []payment.DeliveryStatus{payment.DeliveryFailed}
	case !r.Delivered && r.WebhookID == "":
		f.Statuses = payment.Undelivered()
	}
	return w.office.store.Resend(ctx, f, payment.ResendMax, nil, func([]payment.Delivery, bool) {})
}

// Progress says of deliveries, as they were when they were resent, how many were tried since, and how many of
// those were taken.
func (w *Webhooks) Progress(ctx context.Context, resent []payment.Delivery) (tried, taken int, err error) {
	for _, was := range resent {
		f := payment.DeliveryFilter{Business: w.business, Notice: was.Notice.ID, Endpoint: was.Endpoint}
		list, _, err := w.office.store.Deliveries(ctx, f, 1)
		if err != nil {
			return 0, 0, err
		}
		if len(list) == 0 || len(list[0].Attempts) <= len(was.Attempts) && list[0].Status == payment.DeliveryPending {
			continue
		}
		tried++
		if list[0].Status == payment.DeliveryDelivered {
			taken++
		}
	}
	return tried, taken, nil
}
