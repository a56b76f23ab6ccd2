package shop

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// payment is the data of a payment.* webhook, as far as the shop reads it.
type payment struct {
	PaymentID string  `json:"payment_id"`
	Request   string  `json:"payment_request_id"`
	Reference string  `json:"reference_id"` // the session's reference, "_" and a suffix per attempt
	Amount    float64 `json:"request_amount"`
	Currency  string  `json:"currency"`
	Failure   string  `json:"failure_code"`
	Session   string  `json:"payment_session_id"` // payment_session.* only
	Captures  []struct {
		ID string `json:"capture_id"`
		At string `json:"capture_timestamp"`
	} `json:"captures"`
	Details struct {
		Authorization struct {
			Code           string `json:"authorization_code"`
			Response       string `json:"network_response_code"`
			ResponseText   string `json:"network_response_code_descriptor"`
			CVNResult      string `json:"cvn_verification_result"`
			RRN            string `json:"retrieval_reference_number"`
			TransactionID  string `json:"network_transaction_id"`
			Reconciliation string `json:"reconciliation_id"`
			Merchant       string `json:"acquirer_merchant_id"`
		} `json:"authorization_data"`
		Authentication struct {
			Flow string `json:"flow"`
			ARes struct {
				ECI     string `json:"eci"`
				Version string `json:"message_version"`
				DSTrans string `json:"directory_server_trans_id"`
			} `json:"a_res"`
		} `json:"authentication_data"`
	} `json:"payment_details"`
}

// webhook takes the gateway's word on what happened. It answers at once and 2xx whenever there is
// nothing to gain from being told again.
func (s *Shop) webhook(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("x-callback-token")
	if subtle.ConstantTimeCompare([]byte(token), []byte(s.options.CallbackToken)) != 1 {
		http.Error(w, "wrong x-callback-token", http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<18))
	if err != nil {
		http.Error(w, "body too large or cut short", http.StatusBadRequest)
		return
	}
	var event struct {
		Event string  `json:"event"`
		Data  payment `json:"data"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		http.Error(w, "not a webhook", http.StatusBadRequest)
		return
	}

	object := r.Header.Get("webhook-object")
	sequence, err := strconv.ParseInt(r.Header.Get("webhook-sequence"), 10, 64)
	if err != nil {
		object = "" // nothing says which is the later one
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.orders.news(r.Header.Get("webhook-id"), object, sequence) {
		return
	}
	o := s.orders.of(event.Data)
	switch {
	case o == nil:
		s.options.Log.Debug("webhook for no order of ours", "event", event.Event)
	case o.status == statusPaid:
		// Final, whatever order webhooks arrive in.
	case event.Event == "payment.capture":
		if event.Data.Amount != float64(total(goods())) || event.Data.Currency != "IDR" {
			s.options.Log.Error("paid another amount than ordered", "order", o.id, "payment_id", event.Data.PaymentID)
			return
		}
		o.status, o.paid, o.event = statusPaid, event.Data, body
	case event.Event == "payment.failure" && !slices.Contains(o.past, event.Data.Request):
		o.request = event.Data.Request
		o.status, o.failureCode, o.paid, o.event = statusFailed, event.Data.Failure, event.Data, body
	case event.Event == "payment_session.expired" && event.Data.Session == o.begun:
		o.status, o.paid, o.event = statusExpired, event.Data, body
	}
}

// of finds the order that an event is about, or nil.
func (os *orders) of(p payment) *order {
	if p.Session != "" {
		return os.bySession[p.Session]
	}
	if i := strings.LastIndexByte(p.Reference, '_'); i >= 0 {
		return os.byReference[p.Reference[:i]]
	}
	return nil
}
