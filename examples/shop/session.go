package shop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// session is what the shop reads of the gateway's payment session.
type session struct {
	ID     string `json:"payment_session_id"`
	Status string `json:"status"` // ACTIVE, COMPLETED, EXPIRED, CANCELED
}

// openSession creates the session in which one saved card may pay one order.
func (s *Shop) openSession(ctx context.Context, orderID, reference string, card SavedCard, amount int64) (session, error) {
	var made session
	err := s.call(ctx, http.MethodPost, "/sessions", map[string]any{
		"reference_id": reference,
		"session_type": "PAY",
		"mode":         "CARDS_SESSION_JS",
		"amount":       amount,
		"currency":     "IDR",
		"country":      "ID",
		"customer": map[string]any{
			// An inline customer's reference is used once: a gateway may refuse it the second time.
			"reference_id":  "customer-" + reference,
			"type":          "INDIVIDUAL",
			"email":         "jaap@example.com",
			"mobile_number": "+6212345678",
			"individual_detail": map[string]any{
				"given_names": "Jaap",
				"surname":     "Stam",
			},
		},
		"cards_session_js": map[string]any{
			"card_payment_token_id": card.TokenID,
			"success_return_url":    s.options.BaseURL + "/return/" + url.PathEscape(orderID) + "/success",
			"failure_return_url":    s.options.BaseURL + "/return/" + url.PathEscape(orderID) + "/failure",
		},
	}, &made)
	if err == nil && made.ID == "" {
		err = errors.New("gateway answered without a payment_session_id")
	}
	return made, err
}

// readSession asks how an earlier session stands.
func (s *Shop) readSession(ctx context.Context, id string) (session, error) {
	var read session
	err := s.call(ctx, http.MethodGet, "/sessions/"+url.PathEscape(id), nil, &read)
	return read, err
}

// cancelSession makes sure that nothing can be paid in a session any more.
func (s *Shop) cancelSession(ctx context.Context, id string) error {
	return s.call(ctx, http.MethodPost, "/sessions/"+url.PathEscape(id)+"/cancel", nil, &session{})
}

// call speaks to the gateway with the secret key. Its errors carry the gateway's code, no values.
func (s *Shop) call(ctx context.Context, method, path string, body, answer any) error {
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.options.APIBase+path, &sent)
	if err != nil {
		return err
	}
	request.SetBasicAuth(s.options.SecretKey, "")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := s.options.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		var refused struct {
			Code string `json:"error_code"`
		}
		_ = json.Unmarshal(content, &refused) // what is not JSON has no code to tell
		return fmt.Errorf("gateway answered %d %q to %s %s", response.StatusCode, refused.Code, method, path)
	}
	return json.Unmarshal(content, answer)
}
