package app

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"reprise/internal/payment"
)

// auditor holds the house's database, read beside the house, against the bank's ledger.
type auditor struct {
	t     *testing.T
	books *sql.DB
	bank  *bank
}

// audit opens the books in an SQLite file, or in PostgreSQL where there is a URL.
func audit(t *testing.T, file, database string, bank *bank) auditor {
	t.Helper()
	driver, source := "sqlite", "file:"+file+"?mode=ro"
	if database != "" {
		driver, source = "pgx", database
	}
	books, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = books.Close() })
	return auditor{t, books, bank}
}

// count is the number that a query answers with. A connection that was cut with the house's is not the last one.
func (a *auditor) count(query string, args ...any) (n int) {
	a.t.Helper()
	var err error
	for range 3 {
		if err = a.books.QueryRow(query, args...).Scan(&n); err == nil {
			return n
		}
	}
	a.t.Fatalf("%s: %v", query, err)
	return 0
}

// escrow is how many sealed CVNs are kept.
func (a *auditor) escrow() int { return a.count(`SELECT COUNT(*) FROM cvn_escrow`) }

// all reads the data of a table, in the order in which it was made.
func all[row any](a *auditor, table string) []row {
	a.t.Helper()
	rows, err := a.books.Query(`SELECT data FROM ` + table + ` ORDER BY id`)
	if err != nil {
		a.t.Fatal(err)
	}
	defer rows.Close()
	var found []row
	for rows.Next() {
		var data []byte
		var r row
		if err := rows.Scan(&data); err != nil {
			a.t.Fatal(err)
		}
		if err := json.Unmarshal(data, &r); err != nil {
			a.t.Fatal(err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		a.t.Fatal(err)
	}
	return found
}

func (a *auditor) requests() []payment.Request {
	a.t.Helper()
	return all[payment.Request](a, "request")
}

func (a *auditor) advices() []payment.Advice {
	a.t.Helper()
	return all[payment.Advice](a, "advice")
}

func (a *auditor) refunds() []payment.Refund {
	a.t.Helper()
	return all[payment.Refund](a, "refund")
}

// balanced holds the bank's ledger against the books: the money that was taken, by purchases that are kept and
// by captures, is that of the payments that succeeded, one for one and to the last minor unit, and nothing else.
func (a *auditor) balanced() {
	a.t.Helper()
	var taken, given, succeeded, refunded []string
	for _, e := range a.bank.ledger() {
		switch entry := fmt.Sprint(e.RRN, " ", e.Amount); {
		case e.Kind == "purchase" && e.State == "kept" || e.Kind == "capture":
			taken = append(taken, entry)
		case e.Kind == "refund":
			given = append(given, entry)
		}
	}
	back := map[payment.RequestID][]payment.Refund{}
	for _, f := range a.refunds() {
		if f.Status == payment.RefundSucceeded {
			back[f.Request] = append(back[f.Request], f)
		}
	}
	for _, r := range a.requests() {
		if r.State == payment.Succeeded && r.Type != payment.Save {
			if r.Capture == nil {
				a.t.Errorf("%s succeeded and took nothing", r.ID)
				continue
			}
			succeeded = append(succeeded, fmt.Sprint(r.Trace.RRN, " ", r.Capture.Amount.Minor))
			if r.Trace.RRN != r.Authorization.RRN || r.CaptureMethod == payment.CaptureAutomatic && r.Capture.Amount != r.Amount {
				a.t.Errorf("%s succeeded with %+v %+v", r.ID, r.Trace, r.Capture)
			}
		}
		sum := int64(0)
		for _, f := range back[r.ID] {
			sum += f.Amount.Minor
			refunded = append(refunded, fmt.Sprint(r.Trace.RRN, " ", f.Amount.Minor))
		}
		if sum > 0 && (r.State != payment.Succeeded || sum > r.Capture.Amount.Minor) {
			a.t.Errorf("%s is %s and gave back %d of %+v", r.ID, r.State, sum, r.Capture)
		}
	}
	for what, sides := range map[string][2][]string{"took": {taken, succeeded}, "gave back": {given, refunded}} {
		bank, books := sides[0], sides[1]
		slices.Sort(bank)
		slices.Sort(books)
		if !slices.Equal(bank, books) {
			a.t.Errorf("the bank %s %d amounts (%s), the books know %d (%s)",
				what, len(bank), strings.Join(bank, " "), len(books), strings.Join(books, " "))
		}
	}
	for _, c := range a.bank.complaints() {
		a.t.Errorf("the world complains about %s: %s", c.Line, c.What)
	}
}
