package gate_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// TestPermissions: a key goes as far with a product as its permissions say, reading needs READ, all else
// WRITE, and whoever lacks it learns nothing of the body.
func TestPermissions(t *testing.T) {
	for name, test := range map[string]struct {
		permissions payment.Permissions
		read, write bool
	}{
		"everything":      {nil, true, true},
		"nothing":         {payment.Permissions{}, false, false},
		"none":            {payment.Permissions{"sessions": payment.AccessNone}, false, false},
		"read":            {payment.Permissions{"sessions": payment.AccessRead}, true, false},
		"write":           {payment.Permissions{"sessions": payment.AccessWrite}, true, true},
		"another product": {payment.Permissions{"payments": payment.AccessWrite}, false, false},
		"a wrong word":    {payment.Permissions{"sessions": "ALL"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(o *gate.Options) {
				o.Keys = func(_ context.Context, hash [32]byte) (payment.Key, error) {
					return payment.Key{Hash: hash, Business: business, Kind: payment.Secret, Permissions: test.permissions}, nil
				}
			})
			h.handle("POST /sessions", payment.Secret, created)
			h.handle("GET /sessions/{session_id}", payment.Secret, func(ctx context.Context, r *gate.Request) (gate.Answer, error) {
				a, err := created(ctx, r)
				a.Status = http.StatusOK
				return a, err
			})
			for _, sent := range []struct {
				request
				allowed bool
				status  int
			}{
				{request{method: "GET", path: sessionPath}, test.read, http.StatusOK},
				{request{method: "HEAD", path: sessionPath}, test.read, http.StatusOK},
				{request{method: "POST", path: "/sessions", body: seedRequest(t)}, test.write, http.StatusCreated},
				{request{method: "POST", path: "/sessions", body: "{"}, test.write, http.StatusBadRequest},
			} {
				sent.key = secretKey
				w := h.send(sent.request)
				if sent.allowed {
					if w.Code != sent.status {
						t.Errorf("%s %s: %d %s", sent.method, sent.path, w.Code, w.Body)
					}
					continue
				}
				want := refusal{Code: "REQUEST_FORBIDDEN_ERROR", Message: "The API key is forbidden to perform this request"}
				if diff := cmp.Diff(want, refused(t, w)); w.Code != http.StatusForbidden || diff != "" {
					t.Errorf("%s %s: %d %s", sent.method, sent.path, w.Code, diff)
				}
			}
			if log := h.log.String(); !test.write != strings.Contains(log, "key refused") || strings.Contains(log, "xnd_") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

// TestPublicKeysHaveNoPermissions: what a public key opens does not depend on them.
func TestPublicKeysHaveNoPermissions(t *testing.T) {
	h := newHouse(t, func(o *gate.Options) {
		o.Keys = func(_ context.Context, hash [32]byte) (payment.Key, error) {
			return payment.Key{Hash: hash, Business: business, Kind: payment.Public, Permissions: payment.Permissions{}}, nil
		}
	})
	h.handle("POST /v3/payment_with_session", payment.Public, created)
	w := h.send(request{method: "POST", path: "/v3/payment_with_session", key: publicKey, body: "{"})
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestProducts: the tags that permissions can be given for, and none that no secret key opens.
func TestProducts(t *testing.T) {
	products, err := gate.Products()
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(products, " ")
	for product, want := range map[string]bool{"sessions": true, "payments": true, "page": false} {
		if strings.Contains(" "+all+" ", " "+product+" ") != want {
			t.Errorf("%s is among the products %s: %t", product, all, !want)
		}
	}
}

// TestForbiddenIsLogged: which key was refused to whom, where it is known, and nothing of one that is not. A key
// that was admitted is not called refused.
func TestForbiddenIsLogged(t *testing.T) {
	forbidding := func(context.Context, *gate.Request) (gate.Answer, error) {
		return gate.Answer{}, payment.Refuse("REQUEST_FORBIDDEN_ERROR", "not for this merchant")
	}
	for name, test := range map[string]struct {
		key         string
		permissions payment.Permissions
		handler     gate.Handler
		status      int
		known       bool
		event       string
	}{
		"without the permission": {secretKey, payment.Permissions{}, created, http.StatusForbidden, true, "WARN key refused"},
		"by the handler":         {secretKey, nil, forbidding, http.StatusForbidden, true, "INFO merchant not permitted"},
		"of another kind":        {publicKey, nil, created, http.StatusUnauthorized, true, "WARN key refused"},
		"unknown":                {"4000000000001091", nil, created, http.StatusUnauthorized, false, "WARN key refused"},
		"none":                   {"", nil, created, http.StatusUnauthorized, false, "WARN key refused"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, func(o *gate.Options) {
				keys := o.Keys
				o.Keys = func(ctx context.Context, hash [32]byte) (payment.Key, error) {
					k, err := keys(ctx, hash)
					k.Permissions = test.permissions
					return k, err
				}
			})
			h.handle("POST /sessions", payment.Secret, test.handler)
			w := h.send(request{method: "POST", path: "/sessions", key: test.key, body: seedRequest(t)})
			if w.Code != test.status {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			id := payment.Key{Hash: sha256.Sum256([]byte(test.key))}.ID()
			log := h.log.String()
			level, message, _ := strings.Cut(test.event, " ")
			if strings.Count(log, `"level":`) != 1 || !strings.Contains(log, `"level":"`+level+`","msg":"`+message+`"`) || strings.Contains(log, `"actor":"key:`+id+`"`) != test.known ||
				strings.Contains(log, `"business":"`+string(business)+`"`) != test.known || strings.Contains(log, id) != test.known {
				t.Errorf("log: %s", log)
			}
		})
	}
}
