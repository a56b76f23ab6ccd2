package gate_test

import (
	"net/http"
	"testing"

	"reprise/internal/payment"
)

// TestAccept: who names other types only, or says no to JSON, is told so; all others are answered.
func TestAccept(t *testing.T) {
	h := newHouse(t)
	h.handle("POST /sessions", payment.Secret, created)
	for accept, want := range map[string]int{
		"":                                  201,
		"*/*":                               201,
		"application/*":                     201,
		"application/json":                  201,
		"Application/JSON; charset=utf-8":   201,
		"text/html, application/json;q=0.1": 201,
		"text/html, */*;q=0.8":              201,
		"*/*;q=0, application/json":         201,
		"nonsense":                          201,
		"text/html, application/json;q=one": 406, // a range without a quality that can be read says nothing
		"text/html":                         406,
		"text/html, application/xml":        406,
		"application/xml;q=0.1":             406,
		"*/*, application/json;q=0":         406,
		"application/json;q=0, */*":         406,
		"application/json;q=0.000":          406,
		"application/*;q=0, */*":            406,
	} {
		header := http.Header{"Content-Type": {"application/json"}, "Accept": {accept}}
		if accept == "" {
			delete(header, "Accept")
		}
		w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(t), header: header})
		if w.Code != want {
			t.Errorf("Accept %q: %d %s", accept, w.Code, w.Body)
		}
		if want == 406 {
			if got := refused(t, w); got.Code != "NOT_ACCEPTABLE" {
				t.Errorf("Accept %q: %+v", accept, got)
			}
		}
	}
	two := http.Header{"Content-Type": {"application/json"}, "Accept": {"text/html", "application/json"}}
	if w := h.send(request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(t), header: two}); w.Code != 201 {
		t.Errorf("two Accept headers: %d", w.Code)
	}
	if w := h.send(request{method: "POST", path: "/sessions", header: http.Header{"Accept": {"text/html"}}}); w.Code != 401 {
		t.Errorf("without a key: %d", w.Code)
	}
}
