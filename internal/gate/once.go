package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"reprise/internal/payment"
)

const idempotencyKey = "idempotency-key"

// identified is what was cut out of a body, where it makes a request another one.
type identified interface {
	Identity(keyed func([]byte) [32]byte) [32]byte
}

// fingerprint names a request: its path, which holds the object's id, its body without regard to space and the
// order of members, and which card was cut out of it.
func (g *Gate) fingerprint(path string, body, taken any) ([]byte, error) {
	canonical, err := marshal(body)
	if err != nil {
		return nil, err
	}
	named := append([]byte(path+"\n"), canonical...)
	if card, ok := taken.(identified); ok {
		which := card.Identity(g.o.Fingerprint)
		named = append(named, which[:]...)
	}
	sum := g.o.Fingerprint(named)
	return sum[:], nil
}

// once does the work unless it was done before, and then gives the first answer again. Where the answer
// kept is not the whole answer (finish), the handler is shown it and finishes it.
func (g *Gate) once(ctx context.Context, op *operation, r *Request, finish bool, work func() (Answer, error)) (Answer, error) {
	if r.Once == nil {
		return work()
	}
	once := *r.Once
	earlier, err := g.earlier(ctx, once)
	if err != nil {
		return Answer{}, err
	}
	if earlier != nil {
		if !finish {
			return *earlier, nil
		}
		r.Once, r.Earlier = nil, earlier
	}
	answer, err := work()
	if err == nil || r.Earlier != nil || !mayBeRepeated(err) {
		return answer, err
	}
	// Another one with the same key may have come at the same time and been first: then the refusal is not of
	// what this caller asks, but of its being asked a second time.
	first, lookErr := g.earlier(ctx, once)
	switch {
	case lookErr != nil:
		return Answer{}, lookErr
	case first != nil && !finish:
		return *first, nil
	case first == nil && !errors.Is(err, payment.ErrRepeated):
		return Answer{}, err
	}
	// The card fields are used up, so the work cannot be done again with them.
	return Answer{}, &payment.Error{
		Code:       "IDEMPOTENCY_ERROR",
		Message:    "A request with the same idempotency-key is being processed. Please try again.",
		RetryAfter: time.Second,
	}
}

// mayBeRepeated says whether an error can come of the same request having been carried out meanwhile.
func mayBeRepeated(err error) bool {
	var refusal *payment.Error
	return errors.Is(err, payment.ErrRepeated) || errors.As(err, &refusal)
}

// earlier returns the answer kept under an idempotency key, or nil.
func (g *Gate) earlier(ctx context.Context, once payment.Once) (*Answer, error) {
	fingerprint, status, body, err := g.o.Answered(ctx, once.Business, once.Endpoint, once.Key)
	if errors.Is(err, payment.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(fingerprint, once.Fingerprint) {
		return nil, payment.Refuse("DUPLICATE_ERROR", "This idempotency-key was used before for another request")
	}
	return &Answer{Status: status, Body: json.RawMessage(body)}, nil
}
