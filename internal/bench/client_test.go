package bench

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRefused: who is asked for more than he can do says so, and that is told apart from what is wrong.
func TestRefused(t *testing.T) {
	for status, tooMuch := range map[int]bool{http.StatusServiceUnavailable: true, http.StatusInternalServerError: false, http.StatusBadRequest: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(`{"error_code":"SOME_CODE","message":"Some words."}`))
		}))
		c := newClient(server.URL, "", nil)
		_, err := c.ask(t.Context(), "POST", "/sessions", "", object{})
		if err == nil || errors.Is(err, errTooMuch) != tooMuch || !strings.Contains(err.Error(), "SOME_CODE Some words.") {
			t.Errorf("%d: %v", status, err)
		}
		c.close()
		server.Close()
	}
}
