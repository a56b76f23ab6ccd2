// Package gate is what every HTTP door shares: API keys and what they permit, how often may be asked, how
// large and how deep a body may be, idempotency, the error envelope, and the contract. openapi.yaml is embedded, served, and executed:
// requests are validated from it, and where Options.Violation is set every answer is checked against it.
//
// A door hands its handlers to Handle and mounts what it gets:
//
//	mux.Handle("POST /sessions", g.Handle("POST /sessions", payment.Secret, createSession))
//
// What a handler sees has passed the key, the bounds and the contract. What it returns, an answer or an
// error, is written here, in one form.
package gate

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"reprise/internal/payment"
)

// Options is what a Gate needs. All are required but those that say otherwise.
type Options struct {
	// Keys finds an API key by the SHA-256 of its text; payment.ErrNotFound where there is none.
	Keys func(ctx context.Context, hash [32]byte) (payment.Key, error)

	// Answered finds what was answered under an idempotency key; payment.ErrNotFound where nothing was.
	// endpoint is the environment and the operation, as in payment.Once.
	Answered func(ctx context.Context, business payment.BusinessID, endpoint, key string) (fingerprint []byte, status int, body []byte, err error)

	// Fingerprint is a keyed hash. The key is the same on every node and as long as answers are kept.
	Fingerprint func(data []byte) [32]byte

	Now  func() time.Time
	Log  *slog.Logger
	Rand io.Reader // for Request-ID; read by several requests at a time

	// Limits bound how often may be asked. ClientIP reads the address that a request comes from.
	Limits   Limits
	ClientIP func(*http.Request) string

	// Bounds are how many requests are answered at once.
	Bounds Bounds
	// Payable says why no payment can be begun at this moment, or nil. What begins one is then refused, unless it
	// was carried out before. It may be nil.
	Payable func() error
	// Served is told of every answer: the operation as it is named in the contract or by its pattern ("/" where there
	// is none), the status, and how long it took. It may be nil.
	Served func(operation string, status int, took time.Duration)

	// AllowHTTP takes return URLs with http too, on loopback addresses. For a sandbox.
	AllowHTTP bool

	// Violation, when not nil, has every answer checked against the contract and is told what is wrong.
	// It must be safe to be called by several requests at a time.
	Violation func(error)
}

// Gate holds the compiled contract and makes the handlers of the doors.
type Gate struct {
	o        Options
	contract *contract
	limiter  *limiter
	crowd    *crowd
	patterns []string // all that were handed in, before the first request came
	known    func() *http.ServeMux
}

// New makes a Gate. It returns all that is missing in the options at once.
func New(o Options) (*Gate, error) {
	var missing []error
	need := func(there bool, name string) {
		if !there {
			missing = append(missing, errors.New("gate: option "+name+" is missing"))
		}
	}
	need(o.Keys != nil, "Keys")
	need(o.Answered != nil, "Answered")
	need(o.Fingerprint != nil, "Fingerprint")
	need(o.Now != nil, "Now")
	need(o.Log != nil, "Log")
	need(o.Rand != nil, "Rand")
	need(o.ClientIP != nil, "ClientIP")
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	c, err := compiled(o.AllowHTTP)
	if err != nil {
		return nil, err
	}
	o.Limits = o.Limits.orDefault()
	g := &Gate{o: o, contract: c, limiter: newLimiter(), crowd: &crowd{bounds: o.Bounds.OrDefault()}}
	g.known = sync.OnceValue(g.every)
	return g, nil
}

// Request is a request that has passed the gate.
type Request struct {
	Business payment.BusinessID // whose key it was
	Actor    payment.Actor      // the key, for what is audited; of an operation without a key empty
	Body     []byte             // valid JSON by the contract, without members that it does not name; nil where the operation takes none
	Path     func(name string) string
	Header   http.Header
	HTTP     *http.Request // its body is read already

	// Once is set where the caller sent an idempotency-key. The handler fills in Answer and passes it on;
	// one that forgets to has its commit fail and not the repetition.
	Once *payment.Once

	// Earlier is the answer that was given to the same request before. Only handlers of HandleCut see
	// one, for what they answer is not all kept; Once is nil then. Other repetitions are answered here.
	Earlier *Answer
}

// Answer is what a handler answers. A Body of json.RawMessage is sent as it is, any other is marshalled,
// and none is sent for nil. Status is 200 when zero.
type Answer struct {
	Status int
	Body   any
	Header http.Header
}

// Handler does the work of an operation. A *payment.Error is told to the caller; payment.ErrNotFound is
// answered with 404, payment.ErrRepeated with the first answer; any other error is logged and answered
// with one plain sentence.
type Handler func(ctx context.Context, r *Request) (Answer, error)

// render makes the bytes of an answer's body.
func (a Answer) render() ([]byte, error) {
	switch body := a.Body.(type) {
	case nil:
		return nil, nil
	case json.RawMessage:
		return body, nil
	default:
		return marshal(body)
	}
}
