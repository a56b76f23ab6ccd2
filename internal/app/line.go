package app

import (
	"context"
	"net/url"

	"reprise/internal/acquirer"
	"reprise/internal/flow"
	"reprise/internal/payment"
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
	return a.Server.Authenticate(ctx, threeds.AuthenticationRequest{
		Authentication: q.Authentication, Merchant: q.Merchant, PAN: q.PAN, Expiry: q.Expiry, Cardholder: q.Cardholder, OnFile: q.OnFile,
		Browser: threeds.Browser(q.Browser), MethodCompleted: q.MethodCompleted, NotificationURL: q.NotificationURL,
		Challenge: q.Challenge, At: q.At,
	})
}

// challengeBroken tells whether the bank came home with an error instead of a CRes.
func challengeBroken(form url.Values) bool {
	r, err := threeds.ParseChallengeResponse(form)
	return err == nil && r.Erro
}
