package api

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// paymentRequestView is the payment request object of the v3 API.
type paymentRequestView struct {
	PaymentRequestID  payment.RequestID   `json:"payment_request_id"`
	Country           string              `json:"country"`
	Currency          string              `json:"currency"`
	BusinessID        payment.BusinessID  `json:"business_id"`
	CustomerID        payment.CustomerID  `json:"customer_id"`
	ReferenceID       string              `json:"reference_id"`
	Created           milliseconds        `json:"created"`
	Updated           milliseconds        `json:"updated"`
	Status            string              `json:"status"`
	FailureCode       payment.FailureCode `json:"failure_code,omitempty"`
	CaptureMethod     string              `json:"capture_method"`
	ChannelCode       string              `json:"channel_code"`
	RequestAmount     json.Number         `json:"request_amount"`
	ChannelProperties channelProperties   `json:"channel_properties"`
	Type              string              `json:"type"`
	PaymentTokenID    payment.TokenID     `json:"payment_token_id"`
	LatestPaymentID   payment.PaymentID   `json:"latest_payment_id,omitempty"`
	Actions           []action            `json:"actions"`
}

type channelProperties struct {
	SuccessReturnURL    string      `json:"success_return_url,omitempty"`
	FailureReturnURL    string      `json:"failure_return_url,omitempty"`
	SkipThreeDS         bool        `json:"skip_three_ds"`
	CardOnFileType      string      `json:"card_on_file_type"`
	TransactionSequence string      `json:"transaction_sequence"`
	CardDetails         cardDetails `json:"card_details"`
}

type cardDetails struct {
	MaskedCardNumber string `json:"masked_card_number"`
	ExpiryMonth      string `json:"expiry_month"`
	ExpiryYear       string `json:"expiry_year"`
	Fingerprint      string `json:"fingerprint"`
	Network          string `json:"network"`
}

type action struct {
	Type       string `json:"type"`
	Descriptor string `json:"descriptor"`
	Value      string `json:"value"`
}

// statuses maps the machine's states to what the v3 API calls a payment request's.
var statuses = map[payment.State]string{
	payment.Submitted:      "REQUIRES_ACTION",
	payment.Opened:         "REQUIRES_ACTION",
	payment.Authenticating: "REQUIRES_ACTION",
	payment.Challenging:    "REQUIRES_ACTION",
	payment.Authenticated:  "REQUIRES_ACTION",
	payment.Authorizing:    "PENDING",
	payment.Reversing:      "PENDING",
	payment.Succeeded:      "SUCCEEDED",
	payment.Failed:         "FAILED",
	payment.Canceled:       "CANCELED",
}

func (a *API) viewPaymentRequest(c payment.Case) paymentRequestView {
	r := *c.Request
	v := paymentRequestView{
		PaymentRequestID: r.ID, Country: r.Country, Currency: r.Amount.Currency, BusinessID: r.Business,
		CustomerID: r.Customer, ReferenceID: r.ReferenceID,
		Created: milliseconds(r.Created), Updated: milliseconds(r.Updated), Status: statuses[r.State],
		FailureCode: r.Failure, CaptureMethod: "AUTOMATIC", ChannelCode: "CARDS",
		RequestAmount: json.Number(r.Amount.Number()), ChannelProperties: viewChannel(c), Type: "PAY",
		PaymentTokenID: r.Token, Actions: []action{},
	}
	if r.HasPayment() {
		v.LatestPaymentID = r.Payment
	}
	if v.Status == "REQUIRES_ACTION" {
		// Without the browser's share: whoever opens this is asked for the CVN again.
		v.Actions = append(v.Actions, action{"REDIRECT_CUSTOMER", "WEB_URL", a.PublicURL + "/pay/" + r.Page})
	}
	return v
}

func viewChannel(c payment.Case) channelProperties {
	return channelProperties{
		SuccessReturnURL: c.Session.SuccessReturnURL, FailureReturnURL: c.Session.FailureReturnURL,
		SkipThreeDS: c.Session.SkipThreeDS, CardOnFileType: "CUSTOMER_UNSCHEDULED", TransactionSequence: "SUBSEQUENT",
		CardDetails: cardDetails{
			MaskedCardNumber: c.Token.Masked,
			ExpiryMonth:      fmt.Sprintf("%02d", c.Token.ExpiryMonth), ExpiryYear: fmt.Sprintf("%04d", c.Token.ExpiryYear),
			Fingerprint: c.Token.Fingerprint, Network: c.Token.Brand,
		},
	}
}

func (a *API) getPaymentRequest(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Request(ctx, r.Business, payment.RequestID(r.Path("payment_request_id")))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentRequest(c), nil)
}
