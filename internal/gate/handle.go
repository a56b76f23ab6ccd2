package gate

import (
	"context"
	"fmt"
	"net/http"

	"reprise/internal/payment"
)

// Cut takes what the gate must not see out of a body: the card fields. rest is what remains, still JSON,
// and is validated and fingerprinted; taken goes to the handler. Fields that it refuses are an Invalid. If taken
// has a method Wipe, the door calls it in the end, whatever happens after the cut.
type Cut func(body []byte) (rest []byte, taken any, err error)

// Handle makes the handler of an operation, named by its pattern as in http.ServeMux. The operation has to
// be in the contract, or Handle panics, as a mux does for a pattern it cannot take.
func (g *Gate) Handle(pattern string, kind payment.KeyKind, h Handler) http.Handler {
	return g.door(pattern, kind, nil, func(ctx context.Context, r *Request, _ any) (Answer, error) {
		return h(ctx, r)
	})
}

// HandleCut is Handle for an operation with card fields in its body. The raw body is wiped before anything
// else is done with what remains.
func (g *Gate) HandleCut(pattern string, kind payment.KeyKind, cut Cut, h func(ctx context.Context, r *Request, taken any) (Answer, error)) http.Handler {
	return g.door(pattern, kind, cut, h)
}

func (g *Gate) door(pattern string, kind payment.KeyKind, cut Cut, h func(context.Context, *Request, any) (Answer, error)) http.Handler {
	op := g.contract.operations[pattern]
	if op == nil {
		panic("gate: " + pattern + " is not in the contract")
	}
	if op.kind != kind {
		panic("gate: the contract gives " + pattern + " to another kind of key")
	}
	return g.GuardAs(op.load, pattern, func(w http.ResponseWriter, r *http.Request) error {
		var taken any
		defer func() {
			if fields, ok := taken.(interface{ Wipe() }); ok {
				fields.Wipe()
			}
		}()
		request, err := g.admit(w, r, op, cut, &taken)
		if err != nil {
			return err
		}
		answer, err := g.once(r.Context(), op, request, cut != nil, func() (Answer, error) {
			if err := g.payable(op); err != nil && request.Earlier == nil {
				return Answer{}, err
			}
			return h(r.Context(), request, taken)
		})
		if err != nil {
			return askedBy{err, request.Actor, request.Business, true}
		}
		return g.answer(w, op, answer)
	})
}

// admit lets a request through, in this order: key, how often it was used, path and headers, body, how often
// was asked about it. Nothing of a body is read for
// a caller without a key. taken is set as soon as something is cut out, to be wiped also where nobody is let in.
func (g *Gate) admit(w http.ResponseWriter, r *http.Request, op *operation, cut Cut, taken *any) (*Request, error) {
	caller, err := g.authorize(r.Context(), r, op)
	if err != nil {
		return nil, err
	}
	if op.kind == payment.Secret {
		if err = g.limitKey(w, op, caller); err != nil {
			return nil, err
		}
	}
	if err = checkAccept(r.Header); err != nil {
		return nil, err
	}
	if err = g.contract.checkParameters(op, r); err != nil {
		return nil, err
	}
	request := &Request{Business: caller.Business, Path: r.PathValue, Header: r.Header, HTTP: r}
	if op.kind != payment.Anyone {
		request.Actor = caller.Actor()
	}
	var value any
	if op.body != nil {
		if request.Body, value, err = g.body(w, r, op, cut, taken); err != nil {
			return nil, err
		}
	}
	if op.kind != payment.Secret {
		if err = g.limitSession(w, op, r, value); err != nil {
			return nil, err
		}
	}
	if key := r.Header.Get(idempotencyKey); key != "" && op.repeatable {
		fingerprint, err := g.fingerprint(r.URL.Path, value, *taken)
		if err != nil {
			return nil, err
		}
		request.Once = &payment.Once{
			Business: caller.Business, Endpoint: environment(caller) + " " + op.pattern, Key: key, Fingerprint: fingerprint,
			Answer: func(payment.Case) (int, []byte, error) {
				return 0, nil, fmt.Errorf("gate: the handler of %s keeps no answer", op.pattern)
			},
		}
	}
	return request, nil
}

// body reads, cuts and validates a body, and drops what the contract does not name. value is what remains,
// decoded.
func (g *Gate) body(w http.ResponseWriter, r *http.Request, op *operation, cut Cut, taken *any) (body []byte, value any, err error) {
	raw, err := g.read(w, r)
	if err != nil {
		return nil, nil, err
	}
	if err := checkSyntax(raw); err != nil {
		clear(raw)
		return nil, nil, err
	}
	body = raw
	if cut != nil {
		if body, *taken, err = divide(raw, cut); err != nil {
			return nil, nil, err
		}
	}
	if value, err = decode(body); err != nil {
		return nil, nil, err
	}
	if err := g.contract.check(op.body, "/body", value); err != nil {
		return nil, nil, err
	}
	if op.named.prune(value) {
		body, err = marshal(value)
	}
	return body, value, err
}

// divide cuts a body and wipes it, also if the cut panics. rest is a new buffer.
func divide(raw []byte, cut Cut) (rest []byte, taken any, err error) {
	defer clear(raw)
	rest, taken, err = cut(raw)
	return append([]byte(nil), rest...), taken, err // what the cut leaves may lie in raw
}
