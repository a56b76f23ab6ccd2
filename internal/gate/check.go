package gate

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"reprise/internal/payment"
)

// CheckWebhook checks a webhook against the contract: the whole body, and the headers unless there are none yet.
func CheckWebhook(event payment.NoticeKind, header http.Header, body []byte) error {
	c, err := compiled(false) // AllowHTTP makes no difference to webhooks
	if err != nil {
		return err
	}
	w, known := c.webhooks[event]
	if !known {
		return fmt.Errorf("webhook %s is not in the contract", event)
	}
	for _, p := range w.headers {
		if header == nil {
			break
		}
		if err := c.checkParameter(p, header.Values(p.name)); err != nil {
			return fmt.Errorf("webhook %s: header %s: %w", event, p.name, err)
		}
	}
	if err := c.complain(w.body, "webhook", body); err != nil {
		return fmt.Errorf("webhook %s: %w", event, err)
	}
	return nil
}

// checkResponse checks an answer. op is nil outside the operations, where only refusals are known.
func (c *contract) checkResponse(op *operation, status int, header http.Header, body []byte) error {
	schema, name := c.refusal, "a path outside the contract"
	if op != nil {
		name = op.pattern
	}
	if op != nil && status < http.StatusBadRequest {
		schema = op.answers[status]
	}
	if schema == nil {
		return fmt.Errorf("%s: the contract has no answer %d", name, status)
	}
	if got := header.Get("Content-Type"); got != "application/json" {
		return fmt.Errorf("%s: answer %d is not application/json", name, status)
	}
	if err := c.complain(schema, "response", body); err != nil {
		return fmt.Errorf("%s: answer %d: %w", name, status, err)
	}
	if schema != c.refusal {
		return nil
	}
	var told envelope
	if err := json.Unmarshal(body, &told); err != nil {
		return err
	}
	if statuses[told.Code] != status {
		return fmt.Errorf("%s: %s is answered with status %d", name, told.Code, status)
	}
	if op != nil && !slices.Contains(op.codes, told.Code) && !slices.Contains(c.codes, told.Code) {
		return fmt.Errorf("%s: %s is not among its x-error-codes", name, told.Code)
	}
	return nil
}

// complain says all that is wrong with a body of ours.
func (c *contract) complain(schema *jsonschema.Schema, what string, body []byte) error {
	if err := checkSyntax(body); err != nil {
		return fmt.Errorf("%s is not plain JSON", what)
	}
	value, err := decode(body)
	if err != nil {
		return fmt.Errorf("%s is not plain JSON", what)
	}
	var sentences []string
	for _, f := range c.faults(schema, "/body", value) {
		sentences = append(sentences, what+f.at+" "+f.message)
	}
	if sentences == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.Join(sentences, ", "))
}
