package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// merchants is a door that only writes notices.
var merchants = &API{PublicURL: "https://pay.example", Now: func() time.Time { return noon }}

// event is the envelope that data goes out in.
func event(t *testing.T, kind payment.NoticeKind, data []byte) []byte {
	t.Helper()
	body := map[string]any{
		"created": "2026-03-14T12:00:01.000Z", "business_id": shop, "event": kind, "data": json.RawMessage(data),
	}
	if !strings.HasPrefix(string(kind), "payment_session.") && !strings.HasPrefix(string(kind), "refund.") {
		body["api_version"] = "v3"
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNoticesAreByTheContract(t *testing.T) {
	skipped, barred := caseIn(payment.Succeeded), caseIn(payment.Failed)
	skipped.Request.Authentication = nil
	skipped.Request.Authorization = &payment.Authorization{ResponseCode: "00"} // as little as a host may say
	barred.Request.Authentication = &payment.Authentication{TransStatus: "U"}
	barred.Request.Authorization, barred.Request.Trace = nil, nil
	lapsed := caseIn(payment.Authorized)
	lapsed.Request.State = payment.Expired
	stored := caseIn(payment.Succeeded)
	stored.Token.Request, stored.Request.Type = stored.Request.ID, payment.PayAndSave
	saved := stored
	saved.Session.Type, saved.Session.Saved, saved.Session.Request, saved.Session.Payment = payment.SessionSave, visa, "", ""
	saved.Session.Amount.Minor, saved.Session.Token = 0, ""
	unstored, old := stored, stored
	unstored.Token.Status, unstored.Token.Failure = payment.TokenFailed, payment.CardDeclined
	old.Token.Status = payment.TokenExpired
	expired := caseIn(payment.Failed)
	expired.Session.Status = payment.SessionExpired
	alone := expired
	alone.Request = nil
	for name, test := range map[string]struct {
		kind payment.NoticeKind
		c    payment.Case
	}{
		"captured":              {payment.NoticeCapture, caseIn(payment.Succeeded)},
		"captured without 3DS":  {payment.NoticeCapture, skipped},
		"failed":                {payment.NoticeFailure, caseIn(payment.Failed)},
		"failed at the bank":    {payment.NoticeFailure, barred},
		"completed":             {payment.NoticeSessionCompleted, caseIn(payment.Succeeded)},
		"held":                  {payment.NoticeAuthorization, caseIn(payment.Authorized)},
		"hold expired":          {payment.NoticeExpired, lapsed},
		"nobody paid":           {payment.NoticeRequestExpired, caseIn(payment.Expired)},
		"card stored":           {payment.NoticeTokenActivated, stored},
		"card not stored":       {payment.NoticeTokenFailed, unstored},
		"card expired":          {payment.NoticeTokenExpired, old},
		"saved":                 {payment.NoticeSessionCompleted, saved},
		"given back":            {payment.NoticeRefundSucceeded, refunding(payment.RefundSucceeded)},
		"not given back":        {payment.NoticeRefundFailed, refunding(payment.RefundFailed)},
		"expired":               {payment.NoticeSessionExpired, expired},
		"expired, never opened": {payment.NoticeSessionExpired, alone},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := merchants.NoticeData(test.kind, test.c)
			if err != nil {
				t.Fatal(err)
			}
			if err := gate.CheckWebhook(test.kind, nil, event(t, test.kind, data)); err != nil {
				t.Errorf("%v\n%s", err, data)
			}
		})
	}
}

func TestEveryFailureCodeIsInTheContract(t *testing.T) {
	for _, code := range []payment.FailureCode{
		payment.AuthenticationFailed, payment.CardDeclined, payment.ChannelUnavailable, payment.DeclinedByIssuer,
		payment.DeclinedByProcessor, payment.ExpiredCard, payment.InactiveOrUnauthorizedCard, payment.InsufficientBalance,
		payment.InvalidCVN, payment.IssuerUnavailable, payment.PartnerTimeout, payment.PaymentRequestExpired,
		payment.ProcessorError, payment.ServerError, payment.StolenCard, payment.SuspectedFraudulent, payment.Timeout,
	} {
		c := caseIn(payment.Failed)
		c.Request.Failure = code
		data, err := merchants.NoticeData(payment.NoticeFailure, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := gate.CheckWebhook(payment.NoticeFailure, nil, event(t, payment.NoticeFailure, data)); err != nil {
			t.Error(err)
		}
		newDoor(t, c).send("GET", "/v3/payment_requests/pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f", "")
	}
}

// TestCaptureHasTheKeysOfTheSeed: the same key paths with the same types, no more and no less.
func TestCaptureHasTheKeysOfTheSeed(t *testing.T) {
	data, err := merchants.NoticeData(payment.NoticeCapture, caseIn(payment.Succeeded))
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{}
	shape("", decoded(t, event(t, payment.NoticeCapture, data)), got)
	shape("", decoded(t, read(t, "../gate/testdata/seed-webhook.json")), want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the seed's, and ours:\n%s", diff)
	}
	if len(want) < 30 {
		t.Fatalf("the seed has only %v", slices.Sorted(maps.Keys(want)))
	}
}

// shape notes the type of every value, by its path.
func shape(path string, value any, found map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for key, v := range value {
			shape(path+"/"+key, v, found)
		}
	case []any:
		for i, v := range value {
			shape(fmt.Sprintf("%s/%d", path, i), v, found)
		}
	default:
		found[path] = fmt.Sprintf("%T", value)
	}
}
