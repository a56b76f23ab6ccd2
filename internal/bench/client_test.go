package bench

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRefused: who is asked for more than he can do says so, and that is told apart from what is wrong.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		status  int
		message string
		tooMuch bool
	}{
		{http.StatusServiceUnavailable, "There is more to do than can be done at this moment. Nothing was done about this request.", true},
		{http.StatusServiceUnavailable, "The service is not available at this moment.", false},
		{http.StatusInternalServerError, "There is more to do than can be done at this moment.", false},
	} {
		status, message, tooMuch := c.status, c.message, c.tooMuch
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"error_code":"SOME_CODE","message":%q}`, message)
		}))
		c := newClient(server.URL, "", nil)
		_, err := c.ask(t.Context(), "POST", "/sessions", "", object{})
		if err == nil || errors.Is(err, errTooMuch) != tooMuch || !strings.Contains(err.Error(), "SOME_CODE "+message) {
			t.Errorf("%d: %v", status, err)
		}
		c.close()
		server.Close()
	}
}
