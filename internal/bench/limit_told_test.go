package bench

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestTold: a payment is told of twice, and then written down as told. What cannot be told is not passed over.
func TestTold(t *testing.T) {
	var came atomic.Int64
	merchant := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		came.Add(1)
		w.WriteHeader(http.StatusNoContent)
	}))
	roots := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: merchant.Certificate().Raw})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		t.Fatal(err)
	}
	e, at, err := openEngine(t.Context(), sqliteFile, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	teller, err := newTeller(e, merchant.URL, roots)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(teller.routes())
	defer server.Close()
	c := newClient(server.URL, "", nil)
	defer c.close()
	pay := func(n int64) error {
		for _, of := range []string{"session", "payment"} {
			if _, err := c.ask(t.Context(), "POST", fmt.Sprintf("/orders/%d/%s", n, of), "", object{}); err != nil {
				return err
			}
		}
		return nil
	}
	for n := range int64(5) {
		if err := pay(n); err != nil {
			t.Fatal(err)
		}
	}
	teller.finish()
	db, err := (&site{server: at}).database()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for table, want := range map[string]int{"limit_session": 5, "limit_request": 5, "limit_notice": 10, "limit_attempt": 10, "limit_work": 0} {
		var n int
		if err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != want {
			t.Errorf("%s: %d rows %v, want %d", table, n, err, want)
		}
	}
	if n := came.Load(); n != 10 {
		t.Errorf("told %d times", n)
	}

	merchant.Close()
	if err := pay(5); err != nil {
		t.Fatal(err)
	}
	teller.finish()
	if err := pay(6); err == nil || !strings.Contains(err.Error(), "500") {
		t.Errorf("nobody was told of the last payment, and the next came to %v", err)
	}
	e.close()

	if err := os.WriteFile(roots, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newTeller(e, merchant.URL, roots); err == nil {
		t.Error("nobody is trusted, and that is fine")
	}
}
