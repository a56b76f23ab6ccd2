package gate

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"

	"reprise/internal/payment"
)

// authorize tells whose key came with a request: HTTP Basic, the key as user name, no password. A key is
// looked up by its hash, so what the time of a look-up tells is of the hash and not of the key. Why a key
// is refused is not said, least of all that it is a good one of the other kind.
func (g *Gate) authorize(ctx context.Context, r *http.Request, permission payment.Permission) (payment.BusinessID, error) {
	if permission == payment.Anyone {
		return "", nil
	}
	refused := payment.Refuse("INVALID_API_KEY", "API key is not authorized for this API")
	user, password, ok := r.BasicAuth()
	if !ok || user == "" || password != "" {
		return "", refused
	}
	hash := sha256.Sum256([]byte(user))
	key, err := g.o.Keys(ctx, hash)
	if errors.Is(err, payment.ErrNotFound) {
		return "", refused
	}
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(hash[:], key.Hash[:]) != 1 || key.Permission != permission {
		return "", refused
	}
	return key.Business, nil
}
