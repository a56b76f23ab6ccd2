package app

import (
	"context"
	"errors"
	"net/url"
	"time"

	"reprise/internal/acquirer"
	"reprise/internal/checkout"
	"reprise/internal/flow"
	"reprise/internal/payment"
	"reprise/internal/store"
	"reprise/internal/threeds"
)

// acquiring shows the acquirer line as flow wants it. The two describe an authorisation alike and do not know
// each other.
type acquiring struct{ *acquirer.Line }

func (a acquiring) Authorise(ctx context.Context, p flow.Authorisation) payment.Answer {
	return a.Line.Authorise(ctx, acquirer.Authorisation(p))
}

// authenticator shows the 3DS Server as flow wants it.
type authenticator struct{ *threeds.Server }

func (a authenticator) MethodForm(au payment.Authentication, notificationURL string) flow.Form {
	return flow.Form(a.Server.MethodForm(au, notificationURL))
}

func (a authenticator) ChallengeForm(au payment.Authentication, window string) flow.Form {
	return flow.Form(a.Server.ChallengeForm(au, window))
}

func (a authenticator) Authenticate(ctx context.Context, q flow.AuthenticationRequest) (payment.Authentication, error) {
	answered, err := a.Server.Authenticate(ctx, threeds.AuthenticationRequest{
		Authentication: q.Authentication, Merchant: q.Merchant, PAN: q.PAN, Expiry: q.Expiry, Cardholder: q.Cardholder, OnFile: q.OnFile,
		Browser: threeds.Browser(q.Browser), MethodCompleted: q.MethodCompleted, NotificationURL: q.NotificationURL,
		Challenge: q.Challenge, At: q.At,
	})
	if lower, ok := errors.AsType[*threeds.LowerError](err); ok {
		err = (*flow.LowerVersion)(lower)
	}
	return answered, err
}

// rangeKeep shows the memory as the 3DS Server wants it for its card ranges.
type rangeKeep struct{ *store.Store }

func (k rangeKeep) RangeSet(ctx context.Context, directory, url string) (threeds.RangeSet, error) {
	r, err := k.Store.RangeSet(ctx, directory, url)
	return threeds.RangeSet(r), err
}

func (k rangeKeep) LeaseRanges(ctx context.Context, seen threeds.RangeSet, until time.Time) (set int64, ok bool, err error) {
	return k.Store.LeaseRanges(ctx, store.RangeSet(seen), until)
}

func (k rangeKeep) WriteRanges(ctx context.Context, r threeds.RangeSet, piece int, data string) error {
	return k.Store.WriteRanges(ctx, store.RangeSet(r), piece, data)
}

func (k rangeKeep) SwapRanges(ctx context.Context, r threeds.RangeSet, was int64) error {
	return k.Store.SwapRanges(ctx, store.RangeSet(r), was)
}

func (k rangeKeep) RestRanges(ctx context.Context, r threeds.RangeSet) error {
	return k.Store.RestRanges(ctx, store.RangeSet(r))
}

func (k rangeKeep) ReadRanges(ctx context.Context, r threeds.RangeSet, each func(data string) error) error {
	return k.Store.ReadRanges(ctx, store.RangeSet(r), each)
}

// comesHome says what the bank's page brought home. What cannot be read brings nothing.
func comesHome(form url.Values) checkout.Homecoming {
	r, err := threeds.ParseChallengeResponse(form)
	if err != nil {
		return checkout.Homecoming{}
	}
	return checkout.Homecoming{Broken: r.Erro, ServerTransID: r.ServerTransID, ACSTransID: r.ACSTransID}
}
