package api

import (
	"context"
	"encoding/json"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// paymentView is the payment object, with the keys of a payment webhook's data.
type paymentView struct {
	Type             string              `json:"type"`
	Status           string              `json:"status"`
	Country          string              `json:"country"`
	Created          milliseconds        `json:"created"`
	Updated          milliseconds        `json:"updated"`
	Captures         []captureView       `json:"captures,omitempty"`
	Currency         string              `json:"currency"`
	PaymentID        payment.PaymentID   `json:"payment_id"`
	BusinessID       payment.BusinessID  `json:"business_id"`
	CustomerID       payment.CustomerID  `json:"customer_id"`
	ChannelCode      string              `json:"channel_code"`
	FailureCode      payment.FailureCode `json:"failure_code,omitempty"`
	ReferenceID      string              `json:"reference_id"`
	CaptureMethod    string              `json:"capture_method"`
	RequestAmount    json.Number         `json:"request_amount"`
	PaymentDetails   *paymentDetails     `json:"payment_details,omitempty"`
	PaymentRequestID payment.RequestID   `json:"payment_request_id"`

	// Only in answers: the captured webhooks of the v3 API do not carry these.
	PaymentTokenID    payment.TokenID    `json:"payment_token_id,omitempty"`
	ChannelProperties *channelProperties `json:"channel_properties,omitempty"`
}

type captureView struct {
	CaptureID        payment.CaptureID `json:"capture_id"`
	CaptureAmount    json.Number       `json:"capture_amount"`
	CaptureTimestamp milliseconds      `json:"capture_timestamp"`
}

type paymentDetails struct {
	AuthorizationData  *authorizationData  `json:"authorization_data,omitempty"`
	AuthenticationData *authenticationData `json:"authentication_data,omitempty"`
}

type authorizationData struct {
	ReconciliationID              string `json:"reconciliation_id,omitempty"`
	AuthorizationCode             string `json:"authorization_code,omitempty"`
	AcquirerMerchantID            string `json:"acquirer_merchant_id,omitempty"`
	NetworkResponseCode           string `json:"network_response_code,omitempty"`
	NetworkTransactionID          string `json:"network_transaction_id,omitempty"`
	CVNVerificationResult         string `json:"cvn_verification_result,omitempty"`
	RetrievalReferenceNumber      string `json:"retrieval_reference_number,omitempty"`
	AddressVerificationResult     string `json:"address_verification_result,omitempty"`
	NetworkResponseCodeDescriptor string `json:"network_response_code_descriptor,omitempty"`
	MerchantAdviceCode            string `json:"merchant_advice_code,omitempty"`
}

type authenticationData struct {
	Flow string `json:"flow"`
	ARes aRes   `json:"a_res"`
}

// aRes holds the final values: those of the RReq after a challenge.
type aRes struct {
	ECI                    string `json:"eci,omitempty"`
	MessageVersion         string `json:"message_version"`
	AuthenticationValue    string `json:"authentication_value,omitempty"`
	DirectoryServerTransID string `json:"directory_server_trans_id,omitempty"`
}

func viewPayment(c payment.Case) paymentView {
	r := *c.Request
	v := paymentView{
		Type: "PAY", Status: statuses[r.State], Country: r.Country,
		Created: milliseconds(r.Created), Updated: milliseconds(r.Updated), Currency: r.Amount.Currency,
		PaymentID: r.Payment, BusinessID: r.Business, CustomerID: r.Customer, ChannelCode: "CARDS",
		FailureCode: r.Failure, ReferenceID: r.ReferenceID, CaptureMethod: "AUTOMATIC",
		RequestAmount: json.Number(r.Amount.Number()), PaymentRequestID: r.ID,
	}
	if got := r.Capture; got != nil {
		v.Captures = []captureView{{got.ID, json.Number(got.Amount.Number()), milliseconds(got.At)}}
	}
	details := paymentDetails{viewAuthorization(r.Authorization), viewAuthentication(r.Authentication)}
	if details != (paymentDetails{}) {
		v.PaymentDetails = &details
	}
	return v
}

func viewAuthorization(a *payment.Authorization) *authorizationData {
	if a == nil || *a == (payment.Authorization{}) {
		return nil
	}
	return &authorizationData{
		ReconciliationID: a.ReconciliationID, AuthorizationCode: a.AuthorizationCode,
		AcquirerMerchantID: a.AcquirerMerchantID, NetworkResponseCode: a.ResponseCode,
		NetworkTransactionID: a.NetworkTransactionID, CVNVerificationResult: a.CVNResult,
		RetrievalReferenceNumber: a.RRN, AddressVerificationResult: a.AVSResult,
		NetworkResponseCodeDescriptor: a.ResponseDescriptor, MerchantAdviceCode: a.AdviceCode,
	}
}

// viewAuthentication shows an authentication that came to a result.
func viewAuthentication(a *payment.Authentication) *authenticationData {
	if a == nil || a.Version == "" || a.TransStatus == "" || a.TransStatus == "C" {
		return nil
	}
	return &authenticationData{a.Flow(), aRes{a.ECI, a.Version, a.Value, a.DSTransID}}
}

func (a *API) getPayment(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Payment(ctx, r.Business, payment.PaymentID(r.Path("payment_id")))
	if err != nil {
		return gate.Answer{}, err
	}
	v := viewPayment(c)
	channel := viewChannel(c)
	v.PaymentTokenID, v.ChannelProperties = c.Request.Token, &channel
	return ok(v, nil)
}
