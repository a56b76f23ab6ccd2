package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// paymentView is the payment object, with the keys of a payment webhook's data.
type paymentView struct {
	Type             payment.RequestType   `json:"type"`
	Status           string                `json:"status"`
	Country          string                `json:"country"`
	Created          milliseconds          `json:"created"`
	Updated          milliseconds          `json:"updated"`
	Captures         []captureView         `json:"captures,omitempty"`
	Currency         string                `json:"currency"`
	PaymentID        payment.PaymentID     `json:"payment_id"`
	BusinessID       payment.BusinessID    `json:"business_id"`
	CustomerID       payment.CustomerID    `json:"customer_id,omitempty"`
	ChannelCode      string                `json:"channel_code"`
	FailureCode      payment.FailureCode   `json:"failure_code,omitempty"`
	ReferenceID      string                `json:"reference_id"`
	CaptureMethod    payment.CaptureMethod `json:"capture_method"`
	RequestAmount    json.Number           `json:"request_amount"`
	PaymentDetails   *paymentDetails       `json:"payment_details,omitempty"`
	PaymentRequestID payment.RequestID     `json:"payment_request_id"`

	// In webhooks only where the card was stored with the payment; else only in answers.
	PaymentTokenID payment.TokenID `json:"payment_token_id,omitempty"`

	// Only in answers: the captured webhooks of the v3 API do not carry these.
	ChannelProperties *channelProperties `json:"channel_properties,omitempty"`
	Metadata          json.RawMessage    `json:"metadata,omitempty"`
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

// paymentStatuses maps the machine's states to what the v3 API calls a payment's.
var paymentStatuses = map[payment.State]string{
	payment.Authorizing: "PENDING",
	payment.Reversing:   "PENDING",
	payment.Authorized:  "AUTHORIZED",
	payment.Capturing:   "PENDING",
	payment.Succeeded:   "SUCCEEDED",
	payment.Failed:      "FAILED",
	payment.Canceled:    "CANCELED",
	payment.Expired:     "EXPIRED",
}

func (a *API) viewPayment(c payment.Case) paymentView {
	r := *c.Request
	v := paymentView{
		Type: cmp.Or(r.Type, payment.Pay), Status: paymentStatuses[r.State], Country: r.Country,
		Created: milliseconds(r.Created), Updated: milliseconds(r.Updated), Currency: r.Amount.Currency,
		PaymentID: r.Payment, BusinessID: r.Business, CustomerID: r.Customer, ChannelCode: "CARDS",
		FailureCode: r.Failure, ReferenceID: r.ReferenceID, CaptureMethod: cmp.Or(r.CaptureMethod, payment.CaptureAutomatic),
		RequestAmount: json.Number(r.Amount.Number()), PaymentRequestID: r.ID,
	}
	if got := r.Capture; got != nil && r.State == payment.Succeeded {
		v.Captures = []captureView{{got.ID, json.Number(got.Amount.Number()), milliseconds(got.At)}}
	}
	if r.Stores() && c.Token.Status == payment.TokenActive {
		v.PaymentTokenID = c.Token.ID
	}
	v.PaymentDetails = a.viewDetails(r)
	return v
}

// viewDetails shows what issuer and bank said, or nil.
func (a *API) viewDetails(r payment.Request) *paymentDetails {
	answered := r.Authorization
	if answered == nil && r.SoftDecline != nil {
		answered = &r.SoftDecline.Authorization
	}
	details := paymentDetails{viewAuthorization(answered), a.viewAuthentication(r.Authentication)}
	if details == (paymentDetails{}) {
		return nil
	}
	return &details
}

// valueShown is how long the authentication value is in answers
// (https://docs.xendit.co/apidocs/get-payment: 45 days).
const valueShown = 45 * 24 * time.Hour

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
func (a *API) viewAuthentication(of *payment.Authentication) *authenticationData {
	if of == nil || of.Version == "" || of.TransStatus == "" || of.TransStatus == "C" {
		return nil
	}
	v := authenticationData{of.Flow(), aRes{of.ECI, of.Version, of.Value, of.DSTransID}}
	if a.Now().Sub(of.Asked) >= valueShown {
		v.ARes.AuthenticationValue = ""
	}
	return &v
}

func (a *API) getPayment(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Payment(ctx, r.Business, payment.PaymentID(r.Path("payment_id")))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewWholePayment(c))
}

// viewWholePayment is a payment as answers show it.
func (a *API) viewWholePayment(c payment.Case) (paymentView, error) {
	v := a.viewPayment(c)
	e, err := readEcho(c.Request.Echo)
	channel := viewChannel(c.Token, c.Request.Terms, e)
	v.PaymentTokenID, v.ChannelProperties, v.Metadata = tokenID(c), &channel, e.Metadata
	return v, err
}

// paymentAnswer keeps the answer of a command about a payment.
func (a *API) paymentAnswer(c payment.Case) (int, []byte, error) {
	return keep(http.StatusOK, func(c payment.Case) (any, error) { return a.viewWholePayment(c) })(c)
}

func (a *API) capturePayment(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	id := payment.PaymentID(r.Path("payment_id"))
	var q struct {
		CaptureAmount json.Number `json:"capture_amount"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	c, err := a.Flow.Payment(ctx, r.Business, id) // for its currency
	if err != nil {
		return gate.Answer{}, err
	}
	amount, err := positive("capture_amount", q.CaptureAmount, c.Request.Amount.Currency)
	if err != nil {
		return gate.Answer{}, err
	}
	r.Once.Keeps(a.paymentAnswer)
	if c, err = a.Flow.Capture(ctx, r.Business, id, amount, r.Once); err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewWholePayment(c))
}

func (a *API) cancelPayment(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	r.Once.Keeps(a.paymentAnswer)
	c, err := a.Flow.Void(ctx, r.Business, payment.PaymentID(r.Path("payment_id")), r.Once)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewWholePayment(c))
}
