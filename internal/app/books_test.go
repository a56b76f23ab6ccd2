package app

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"reprise/internal/payment"
)

// openBooks reads the house's database beside the house, as an auditor would.
func (w *town) openBooks() {
	w.t.Helper()
	driver, source := "sqlite", "file:"+filepath.Join(w.dir, "reprise.db")+"?mode=ro"
	if w.database != "" {
		driver, source = "pgx", w.database
	}
	var err error
	if w.books, err = sql.Open(driver, source); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.books.Close() })
}

// count is the number that a query answers with.
func (w *town) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.books.QueryRow(query, args...).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// escrow is how many sealed CVNs are kept.
func (w *town) escrow() int { return w.count(`SELECT COUNT(*) FROM cvn_escrow`) }

// all reads the data of a table, in the order in which it was made.
func all[row any](w *town, table string) []row {
	w.t.Helper()
	rows, err := w.books.Query(`SELECT data FROM ` + table + ` ORDER BY id`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var found []row
	for rows.Next() {
		var data []byte
		var r row
		if err := rows.Scan(&data); err != nil {
			w.t.Fatal(err)
		}
		if err := json.Unmarshal(data, &r); err != nil {
			w.t.Fatal(err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return found
}

func (w *town) requests() []payment.Request { w.t.Helper(); return all[payment.Request](w, "request") }

func (w *town) reversals() []payment.Reversal {
	w.t.Helper()
	return all[payment.Reversal](w, "reversal")
}

// balanced holds the bank's ledger against the books: the money that was kept is that of the payments that
// succeeded, one for one, and nothing else.
func (w *town) balanced() {
	w.t.Helper()
	var kept, succeeded []string
	for _, e := range w.bank.purchases("kept") {
		kept = append(kept, e.RRN)
	}
	for _, r := range w.requests() {
		if r.State == payment.Succeeded {
			succeeded = append(succeeded, r.Authorization.RRN)
			if r.Trace.RRN != r.Authorization.RRN || r.Capture == nil || r.Capture.Amount != r.Amount {
				w.t.Errorf("%s succeeded with %+v %+v", r.ID, r.Trace, r.Capture)
			}
		}
	}
	slices.Sort(kept)
	slices.Sort(succeeded)
	if !slices.Equal(kept, succeeded) {
		w.t.Errorf("the bank kept %d purchases (%s), the books know %d (%s)",
			len(kept), strings.Join(kept, " "), len(succeeded), strings.Join(succeeded, " "))
	}
	for _, c := range w.bank.complaints() {
		w.t.Errorf("the world complains about %s: %s", c.Line, c.What)
	}
}
