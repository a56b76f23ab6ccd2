package gate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"reprise/internal/payment"
)

// environment is a part of what an idempotency key is good for.
func environment(k payment.Key) string {
	if k.Production {
		return "live"
	}
	return "test"
}

// authorize tells whose key came with a request: HTTP Basic, the key as user name, no password. A key is
// looked up by its hash, so what the time of a look-up tells is of the hash and not of the key. Why a key
// is refused is not said, least of all that it is a good one of the other kind; but a good one that lacks
// the permission is told so, for its holder is who can have it given.
func (g *Gate) authorize(ctx context.Context, r *http.Request, op *operation) (payment.Key, error) {
	if op.kind == payment.Anyone {
		return payment.Key{}, nil
	}
	refused := payment.Refuse("INVALID_API_KEY", "API key is not authorized for this API")
	user, password, ok := r.BasicAuth()
	if !ok || user == "" || password != "" {
		return payment.Key{}, refused
	}
	hash := sha256.Sum256([]byte(user))
	key, err := g.o.Keys(ctx, hash)
	if errors.Is(err, payment.ErrNotFound) {
		return payment.Key{}, refused
	}
	if err != nil {
		return payment.Key{}, err
	}
	if subtle.ConstantTimeCompare(hash[:], key.Hash[:]) != 1 {
		return payment.Key{}, refused
	}
	if key.Kind != op.kind {
		return payment.Key{}, askedBy{refused, key.Actor(), key.Business, false}
	}
	if op.kind == payment.Secret && !key.Permissions.Allow(op.product, op.access) {
		forbidden := payment.Refuse("REQUEST_FORBIDDEN_ERROR", "The API key is forbidden to perform this request")
		return payment.Key{}, askedBy{forbidden, key.Actor(), key.Business, false}
	}
	return key, nil
}

// askedBy is what went wrong with the request of a key that is known.
type askedBy struct {
	error
	by       payment.Actor
	business payment.BusinessID
	admitted bool // the key is good for the operation; it was the rest that was refused
}

func (a askedBy) Unwrap() error { return a.error }

// logForbidden says which key was refused, where it is known, and to whom (PCI DSS 10.2.1.4, 10.2.2). Of one
// that is not known not even the hash is told: it could be anything that somebody took for a key. A merchant
// whose settings do not allow what a good key asks for is another event: nobody tries keys.
func (g *Gate) logForbidden(r *http.Request, here call, status int, err error) {
	attrs := []slog.Attr{
		slog.String("request_id", here.requestID), slog.String("operation", here.operation),
		slog.String("address", g.o.ClientIP(r)), slog.Int("status", status),
	}
	var known askedBy
	if errors.As(err, &known) {
		attrs = append(attrs, slog.String("actor", string(known.by)), slog.String("business", string(known.business)))
	}
	event, level := "key refused", slog.LevelWarn
	if known.admitted {
		event, level = "merchant not permitted", slog.LevelInfo
	}
	g.o.Log.LogAttrs(r.Context(), level, event, attrs...)
}

// Products are what a secret key is given permissions for: the tags of the operations that take one, sorted.
func Products() ([]string, error) {
	c, err := compiled(false)
	if err != nil {
		return nil, err
	}
	var products []string
	for _, op := range c.operations {
		if op.kind == payment.Secret {
			products = append(products, op.product)
		}
	}
	slices.Sort(products)
	return slices.Compact(products), nil
}
