package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"

	"reprise/internal/payment"
)

// statuses gives every error code that this version answers with its HTTP status. A code that is not here
// cannot be answered; the contract's Error schema names the same ones, and something makes each of them
// (tests compare).
var statuses = map[string]int{
	"CARD_EXPIRED":                  http.StatusBadRequest,
	"INVALID_VALUE_ERROR":           http.StatusBadRequest,
	"PAYMENT_REQUEST_RATE_LIMITED":  http.StatusBadRequest,
	"INACTIVE_PAYMENT_REQUEST":      http.StatusBadRequest,
	"INELIGIBLE_TRANSACTION_STATUS": http.StatusBadRequest,
	"CAPTURE_AMOUNT_EXCEEDED":       http.StatusBadRequest,
	"ITEMS_NOT_SUPPORTED":           http.StatusBadRequest,
	"REFUND_AMOUNT_EXCEEDED":        http.StatusBadRequest,
	"API_VALIDATION_ERROR":          http.StatusBadRequest,
	"DISALLOWED_CAPTURE_METHOD":     http.StatusBadRequest,
	"INVALID_AMOUNT":                http.StatusBadRequest,
	"INVALID_COUNTRY":               http.StatusBadRequest,
	"INVALID_CURRENCY":              http.StatusBadRequest,
	"INVALID_CUSTOMER_ID":           http.StatusBadRequest,
	"INVALID_EXPIRY_DATE":           http.StatusBadRequest,
	"INVALID_ITEM_METADATA":         http.StatusBadRequest,
	"INVALID_METADATA":              http.StatusBadRequest,
	"INVALID_PAYMENT_CHANNEL":       http.StatusBadRequest,
	"INVALID_TOKEN":                 http.StatusBadRequest,
	"INVALID_URL":                   http.StatusBadRequest,
	"MISSING_CUSTOMER":              http.StatusBadRequest,
	"MODE_NOT_SUPPORTED":            http.StatusBadRequest,
	"SESSION_TYPE_NOT_SUPPORTED":    http.StatusBadRequest,

	"INVALID_PRIMARY_PAYMENT_CHANNEL": http.StatusBadRequest,

	"INVALID_API_KEY": http.StatusUnauthorized,

	"REQUEST_FORBIDDEN_ERROR": http.StatusForbidden,

	"REFUND_NOT_SUPPORTED":      http.StatusForbidden,
	"SKIP_3DS_FORBIDDEN":        http.StatusForbidden,
	"INVALID_MERCHANT_SETTINGS": http.StatusForbidden,
	"ACCOUNT_ACCESS_BLOCKED":    http.StatusForbidden,

	"DATA_NOT_FOUND":     http.StatusNotFound,
	"NOT_FOUND":          http.StatusNotFound,
	"METHOD_NOT_ALLOWED": http.StatusMethodNotAllowed,
	"NOT_ACCEPTABLE":     http.StatusNotAcceptable,

	"DUPLICATE_ERROR":   http.StatusConflict,
	"IDEMPOTENCY_ERROR": http.StatusConflict,

	"REQUEST_TOO_LARGE":      http.StatusRequestEntityTooLarge,
	"UNSUPPORTED_MEDIA_TYPE": http.StatusUnsupportedMediaType,

	"RATE_LIMIT_EXCEEDED": http.StatusTooManyRequests,

	"ENDPOINT_DISABLED":               http.StatusUnprocessableEntity,
	"ENDPOINT_LIMIT_EXCEEDED":         http.StatusUnprocessableEntity,
	"INVALID_SESSION_STATUS":          http.StatusUnprocessableEntity,
	"PAYMENT_ATTEMPT_COUNTS_EXCEEDED": http.StatusUnprocessableEntity,

	"SERVER_ERROR": http.StatusInternalServerError,

	"SERVICE_UNAVAILABLE": http.StatusServiceUnavailable,
}

// envelope is the body of every answer that refuses.
type envelope struct {
	Code    string         `json:"error_code"`
	Message string         `json:"message"`
	Errors  []refusedField `json:"errors,omitempty"`
}

// refusedField is payment.Field on the wire.
type refusedField struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// refuse answers with an error. What is not meant for the caller is logged, once, here.
func (g *Gate) refuse(w http.ResponseWriter, r *http.Request, here call, err error) {
	var e *payment.Error
	switch {
	case errors.As(err, &e) && statuses[e.Code] != 0:
	case errors.Is(err, payment.ErrNotFound):
		e = payment.Refuse("DATA_NOT_FOUND", "ID specified in request cannot be found.")
	default:
		attrs := []slog.Attr{
			slog.String("request_id", here.requestID), slog.String("operation", here.operation),
			slog.Duration("took", g.o.Now().Sub(here.began)),
		}
		level := slog.LevelError
		var p *panicked
		if errors.As(err, &p) {
			attrs = append(attrs, slog.Any("error", p))
		} else {
			attrs = append(attrs, slog.String("error", err.Error()))
			if r.Context().Err() != nil { // the caller left, and what was under way stopped for that
				level = slog.LevelDebug
			}
		}
		g.o.Log.LogAttrs(r.Context(), level, "request failed", attrs...)
		e = unexpected(err)
	}
	status := statuses[e.Code]
	h := w.Header()
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Basic realm="reprise", charset="UTF-8"`)
	}
	if e.Code == "INVALID_API_KEY" || e.Code == "REQUEST_FORBIDDEN_ERROR" {
		g.logForbidden(r, here, status, err)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	told := envelope{Code: e.Code, Message: e.Message}
	for _, f := range e.Fields {
		told.Errors = append(told.Errors, refusedField(f))
	}
	body, err := marshal(told)
	if err != nil { // strings always marshal
		panic(err)
	}
	g.write(w, g.contract.operations[here.operation], status, body)
}

// Unread is the whole answer, HTTP/1.1, to a request that cannot be read as one: its head is too large, or it is not HTTP.
// The connection is closed after it.
func Unread(tooLarge bool) []byte {
	refusal := payment.Refuse("API_VALIDATION_ERROR", "The request is not valid HTTP/1.1")
	if tooLarge {
		refusal = payment.Refuse("REQUEST_TOO_LARGE", "The head of the request is too large")
	}
	body, err := marshal(envelope{Code: refusal.Code, Message: refusal.Message})
	if err != nil { // strings always marshal
		panic(err)
	}
	status := statuses[refusal.Code]
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), body)
}

// unexpected is what the caller is told of an error that was not meant for it. An error that is both is
// unsure: nobody may take for undone what may have been done.
func unexpected(err error) *payment.Error {
	switch {
	case errors.Is(err, payment.ErrUnsure), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		// A time limit of ours that ran out, as in a process that was suspended, leaves open how far we came.
		return &payment.Error{
			Code:       "SERVICE_UNAVAILABLE",
			Message:    "The request may have been carried out. Please look at the object first, or repeat the request with the same idempotency key.",
			RetryAfter: 5 * time.Second,
		}
	case errors.Is(err, payment.ErrUnavailable):
		return &payment.Error{
			Code:       "SERVICE_UNAVAILABLE",
			Message:    "The service is not available at this moment. Please try again.",
			RetryAfter: 2 * time.Second,
		}
	}
	return payment.Refuse("SERVER_ERROR", "Something unexpected happened. We are investigating this issue. Please try again later.")
}

// answer writes what a handler answered.
func (g *Gate) answer(w http.ResponseWriter, op *operation, a Answer) error {
	body, err := a.render()
	if err != nil {
		return err
	}
	maps.Copy(w.Header(), a.Header)
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	g.write(w, op, a.Status, body)
	return nil
}

// write sends an answer, and has it checked where that was asked for. op is nil outside the contract's
// operations.
func (g *Gate) write(w http.ResponseWriter, op *operation, status int, body []byte) {
	if body != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	if g.o.Violation != nil {
		if err := g.contract.checkResponse(op, status, w.Header(), body); err != nil {
			g.o.Violation(err)
		}
	}
	w.WriteHeader(status)
	w.Write(body) // a caller who went away is not our failure
}

// marshal is json.Marshal that leaves <, > and & as they are: nothing here is put into HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
