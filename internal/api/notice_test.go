package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// event is the envelope that data goes out in.
func event(t *testing.T, kind payment.NoticeKind, data []byte) []byte {
	t.Helper()
	body := map[string]any{
		"created": "2026-03-14T12:00:01.000Z", "business_id": shop, "event": kind, "data": json.RawMessage(data),
	}
	if kind == payment.NoticeCapture || kind == payment.NoticeFailure {
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
		"expired":               {payment.NoticeSessionExpired, expired},
		"expired, never opened": {payment.NoticeSessionExpired, alone},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := NoticeData(test.kind, test.c)
			if err != nil {
				t.Fatal(err)
			}
			if err := gate.CheckWebhook(test.kind, event(t, test.kind, data)); err != nil {
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
		data, err := NoticeData(payment.NoticeFailure, c)
		if err != nil {
			t.Fatal(err)
		}
		if err := gate.CheckWebhook(payment.NoticeFailure, event(t, payment.NoticeFailure, data)); err != nil {
			t.Error(err)
		}
		newDoor(t, c).send("GET", "/v3/payment_requests/pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f", "")
	}
}

// TestCaptureHasTheKeysOfTheSeed: the same key paths with the same types, no more and no less.
func TestCaptureHasTheKeysOfTheSeed(t *testing.T) {
	data, err := NoticeData(payment.NoticeCapture, caseIn(payment.Succeeded))
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
