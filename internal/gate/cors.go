package gate

import (
	"net/http"
	"strings"
)

// CORS lets pages of any site call next: the public key in the request is the permission, and no cookie
// is. It answers the browser's preflight itself. The methods are those of next; all of them are mounted
// together with OPTIONS, so the pattern has no method.
//
// Allow-Headers goes by name because a * does not cover Authorization (Fetch §3.3.3).
func CORS(next http.Handler, methods ...string) http.Handler {
	allow := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "request-id, retry-after")
		if r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Methods", allow)
		h.Set("Access-Control-Allow-Headers", "authorization, content-type, idempotency-key")
		h.Set("Access-Control-Max-Age", "7200") // Chromium's most
		h.Set("Allow", allow+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	})
}
