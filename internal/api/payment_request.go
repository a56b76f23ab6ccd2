package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// newRequest is the body of POST /v3/payment_requests and POST /v3/payment_tokens. Card fields were cut out of it.
type newRequest struct {
	ReferenceID       string                `json:"reference_id"`
	Type              payment.RequestType   `json:"type"`
	PaymentTokenID    payment.TokenID       `json:"payment_token_id"`
	Country           string                `json:"country"`
	Currency          string                `json:"currency"`
	RequestAmount     json.Number           `json:"request_amount"`
	CaptureMethod     payment.CaptureMethod `json:"capture_method"`
	ChannelProperties struct {
		cardsTerms
		SuccessReturnURL    string          `json:"success_return_url"`
		FailureReturnURL    string          `json:"failure_return_url"`
		StatementDescriptor string          `json:"statement_descriptor"`
		BillingInformation  json.RawMessage `json:"billing_information"`
		CardDetails         gate.Cardholder `json:"card_details"`
	} `json:"channel_properties"`
	buyer
	Description         string          `json:"description"`
	Metadata            json.RawMessage `json:"metadata"`
	Items               json.RawMessage `json:"items"`
	ShippingInformation json.RawMessage `json:"shipping_information"`
}

// command is what the body asks flow for.
func (q newRequest) command(r *gate.Request, kind payment.RequestType, now time.Time) (n flow.NewRequest, err error) {
	p := q.ChannelProperties
	if err := p.check("/body/channel_properties", now); err != nil {
		return n, err
	}
	withoutNulls(&q.Metadata, &q.Items, &q.ShippingInformation, &p.BillingInformation)
	n = flow.NewRequest{
		Business: r.Business, Once: r.Once, ReferenceID: q.ReferenceID, Country: q.Country, Token: q.PaymentTokenID,
		Amount: payment.Money{Currency: q.Currency},
		Terms: payment.Terms{
			Type: kind, SuccessReturnURL: p.SuccessReturnURL, FailureReturnURL: p.FailureReturnURL,
			SkipThreeDS: p.SkipThreeDS, MIDLabel: p.MIDLabel, OnFile: p.onFile(),
		},
	}
	if n.Cardholder, err = p.CardDetails.Billed(p.BillingInformation); err != nil {
		return n, err
	}
	if n.Terms.Echo, err = json.Marshal(requestEcho{
		Description: q.Description, Metadata: q.Metadata, Items: q.Items, ShippingInformation: q.ShippingInformation,
		StatementDescriptor: p.StatementDescriptor, BillingInformation: p.BillingInformation,
	}); err != nil {
		return n, err
	}
	if kind != payment.Save {
		n.Terms.CaptureMethod = cmp.Or(q.CaptureMethod, payment.CaptureAutomatic)
		if n.Amount, err = positive("request_amount", q.RequestAmount, q.Currency); err != nil {
			return n, err
		}
	}
	n.Buyer, err = q.buyer.command()
	return n, err
}

// paymentRequestView is the payment request object of the v3 API.
type paymentRequestView struct {
	PaymentRequestID  payment.RequestID     `json:"payment_request_id"`
	Country           string                `json:"country"`
	Currency          string                `json:"currency"`
	BusinessID        payment.BusinessID    `json:"business_id"`
	CustomerID        payment.CustomerID    `json:"customer_id,omitempty"`
	ReferenceID       string                `json:"reference_id"`
	Description       string                `json:"description,omitempty"`
	Metadata          json.RawMessage       `json:"metadata,omitempty"`
	Items             json.RawMessage       `json:"items,omitempty"`
	Shipping          json.RawMessage       `json:"shipping_information,omitempty"`
	Created           milliseconds          `json:"created"`
	Updated           milliseconds          `json:"updated"`
	Status            string                `json:"status"`
	FailureCode       payment.FailureCode   `json:"failure_code,omitempty"`
	CaptureMethod     payment.CaptureMethod `json:"capture_method"`
	ChannelCode       string                `json:"channel_code"`
	RequestAmount     json.Number           `json:"request_amount"`
	ChannelProperties channelProperties     `json:"channel_properties"`
	Type              payment.RequestType   `json:"type"`
	PaymentTokenID    payment.TokenID       `json:"payment_token_id,omitempty"`
	LatestPaymentID   payment.PaymentID     `json:"latest_payment_id,omitempty"`
	Actions           []action              `json:"actions"`
}

type action struct {
	Type       string `json:"type"`
	Descriptor string `json:"descriptor"`
	Value      string `json:"value"`
}

// requestStatuses maps the machine's states to what the v3 API calls a payment request's. What becomes of a
// hold is the payment's to tell: for the payment request, AUTHORIZED is the end.
var requestStatuses = map[payment.State]string{
	payment.Submitted:      "REQUIRES_ACTION",
	payment.Opened:         "REQUIRES_ACTION",
	payment.Authenticating: "REQUIRES_ACTION",
	payment.Challenging:    "REQUIRES_ACTION",
	payment.Authenticated:  "REQUIRES_ACTION",
	payment.SteppingUp:     "REQUIRES_ACTION",
	payment.Authorizing:    "PENDING",
	payment.Reversing:      "PENDING",
	payment.Authorized:     "AUTHORIZED",
	payment.Capturing:      "AUTHORIZED",
	payment.Succeeded:      "SUCCEEDED",
	payment.Failed:         "FAILED",
	payment.Canceled:       "CANCELED",
	payment.Expired:        "EXPIRED",
}

func requestStatus(r payment.Request) string {
	if r.WasHeld() {
		return "AUTHORIZED"
	}
	return requestStatuses[r.State]
}

// viewPaymentRequest shows a payment request. url is where the payer goes on, empty for the attempt's page
// without the browser's share: whoever opens that is asked for the CVN again.
func (a *API) viewPaymentRequest(c payment.Case, url string) (v paymentRequestView, err error) {
	r := *c.Request
	e, err := readEcho(r.Echo)
	if err != nil {
		return v, err
	}
	v = paymentRequestView{
		PaymentRequestID: r.ID, Country: r.Country, Currency: r.Amount.Currency, BusinessID: r.Business,
		CustomerID: r.Customer, ReferenceID: r.ReferenceID,
		Description: e.Description, Metadata: e.Metadata, Items: e.Items, Shipping: e.ShippingInformation,
		Created: milliseconds(r.Created), Updated: milliseconds(r.Updated), Status: requestStatus(r),
		FailureCode: r.Failure, CaptureMethod: cmp.Or(r.CaptureMethod, payment.CaptureAutomatic), ChannelCode: "CARDS",
		RequestAmount: json.Number(r.Amount.Number()), ChannelProperties: viewChannel(c.Token, r.Terms, e),
		Type: cmp.Or(r.Type, payment.Pay), PaymentTokenID: tokenID(c), Actions: a.actions(c, url),
	}
	if r.HasPayment() {
		v.LatestPaymentID = r.Payment
	}
	return v, nil
}

// tokenID is the payment token that merchants know the card by.
func tokenID(c payment.Case) payment.TokenID {
	if !c.Token.Visible() {
		return ""
	}
	return c.Token.ID
}

// actions are what is to be done next, or none.
func (a *API) actions(c payment.Case, url string) []action {
	if c.Request == nil || !c.Request.State.BeforeAcquirer() {
		return []action{}
	}
	return []action{{"REDIRECT_CUSTOMER", "WEB_URL", cmp.Or(url, a.PublicURL+c.Request.PagePath())}}
}

func (a *API) createPaymentRequest(ctx context.Context, r *gate.Request, give func(*flow.NewRequest)) (gate.Answer, error) {
	return a.begin(ctx, r, "", give, func(c payment.Case, url string) (any, error) { return a.viewPaymentRequest(c, url) })
}

// begin carries out what a newRequest asks for: a payment request of the type that the body names, or of kind
// where the operation has one of its own. view shows what came of it; in what is kept for a repetition there is no
// browser's share, which is stored nowhere, so whoever opens its action is asked for the CVN again.
func (a *API) begin(ctx context.Context, r *gate.Request, kind payment.RequestType, give func(*flow.NewRequest), view func(c payment.Case, url string) (any, error)) (gate.Answer, error) {
	if r.Earlier != nil {
		return *r.Earlier, nil
	}
	var q newRequest
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	n, err := q.command(r, cmp.Or(kind, q.Type), a.Now())
	if err != nil {
		return gate.Answer{}, err
	}
	give(&n)
	r.Once.Keeps(keep(http.StatusCreated, func(c payment.Case) (any, error) { return view(c, "") }))
	s, err := a.Flow.CreateRequest(ctx, n)
	if err != nil {
		return gate.Answer{}, err
	}
	v, err := view(s.Case, s.ActionURL)
	if err != nil {
		return gate.Answer{}, err
	}
	return answer(http.StatusCreated, v)
}

func (a *API) getPaymentRequest(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	c, err := a.Flow.Request(ctx, r.Business, requestID(r))
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentRequest(c, ""))
}

func requestID(r *gate.Request) payment.RequestID {
	return payment.RequestID(r.Path("payment_request_id"))
}

// listLimit is how many objects a list has where the caller does not say.
const listLimit = 10

func (a *API) listPaymentRequests(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	query := r.HTTP.URL.Query()
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(listLimit)))
	if err != nil {
		return gate.Answer{}, err
	}
	cases, more, err := a.Flow.Requests(ctx, r.Business, query.Get("reference_id"), payment.RequestID(query.Get("after_id")), limit)
	if err != nil {
		return gate.Answer{}, err
	}
	page := listView[paymentRequestView]{Data: []paymentRequestView{}, HasMore: more}
	for _, c := range cases {
		v, err := a.viewPaymentRequest(c, "")
		if err != nil {
			return gate.Answer{}, err
		}
		page.Data = append(page.Data, v)
	}
	return ok(page, nil)
}

func (a *API) cancelPaymentRequest(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	r.Once.Keeps(keep(http.StatusOK, func(c payment.Case) (any, error) { return a.viewPaymentRequest(c, "") }))
	c, err := a.Flow.CancelRequest(ctx, r.Business, requestID(r), r.Once)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentRequest(c, ""))
}

func (a *API) amendPaymentRequest(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		RequestAmount *json.Number    `json:"request_amount"`
		Description   *string         `json:"description"`
		Metadata      json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	change := flow.Amendment{Description: q.Description, Metadata: q.Metadata}
	if q.RequestAmount != nil {
		c, err := a.Flow.Request(ctx, r.Business, requestID(r)) // for its currency, which does not change
		if err != nil {
			return gate.Answer{}, err
		}
		amount, err := positive("request_amount", *q.RequestAmount, c.Request.Amount.Currency)
		if err != nil {
			return gate.Answer{}, err
		}
		change.Amount = &amount
	}
	c, err := a.Flow.AmendRequest(ctx, r.Business, requestID(r), change)
	if err != nil {
		return gate.Answer{}, err
	}
	return ok(a.viewPaymentRequest(c, ""))
}

// simulation is the answer to a simulated payment. It says nothing of the outcome, which comes by webhook.
type simulation struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

func (a *API) simulatePayment(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Amount *json.Number `json:"amount"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	var amount *payment.Money
	if q.Amount != nil {
		c, err := a.Flow.Request(ctx, r.Business, requestID(r)) // for its currency
		if err != nil {
			return gate.Answer{}, err
		}
		named, err := positive("amount", *q.Amount, c.Request.Amount.Currency)
		if err != nil {
			return gate.Answer{}, err
		}
		amount = &named
	}
	begun := simulation{"PENDING", "A simulated payment for the specified payment request id is being processed. You will be informed of the result via a webhook."}
	r.Once.Keeps(keep(http.StatusOK, func(payment.Case) (any, error) { return begun, nil }))
	_, err := a.Flow.Simulate(ctx, r.Business, requestID(r), amount, r.Once)
	return ok(begun, err)
}
