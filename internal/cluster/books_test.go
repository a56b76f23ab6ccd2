package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// attempt is what the gateway's database has of a payment request, by the names of its columns and members:
// nothing of ours is imported to read it.
type attempt struct {
	id, session, payment, state, kind string
	data                              object
}

func (a attempt) final() bool {
	return slices.Contains([]string{"SUCCEEDED", "FAILED", "CANCELED", "EXPIRED"}, a.state)
}

// rrn is the retrieval reference number of its purchase or hold, where one was about to be sent.
func (a attempt) rrn() string { return text(a.data, "Trace", "RRN") }

// advice is what the acquirer is told of.
type advice struct {
	id, request, status, kind string
	data                      object
}

func (a advice) number(member string) int64 {
	n, _ := a.data[member].(float64)
	return int64(n)
}

// books are the gateway's own, read past it.
type books struct {
	attempts  []attempt
	advices   []advice
	notices   []notice
	escrow    map[string]int // sealed CVNs by payment request
	work      map[string]int // pieces of work by kind
	unsettled []string       // deliveries that were not taken
}

// notice is one thing that a merchant is told.
type notice struct {
	id, kind, object string
	sequence         int64
}

// readBooks reads the database.
func readBooks(t *testing.T, db *sql.DB) books {
	t.Helper()
	b := books{escrow: map[string]int{}, work: map[string]int{}}
	each(t, db, `SELECT id, session, payment, state, kind, data FROM request ORDER BY id`, func(scan func(...any) error) error {
		var a attempt
		var data string
		if err := scan(&a.id, &a.session, &a.payment, &a.state, &a.kind, &data); err != nil {
			return err
		}
		b.attempts = append(b.attempts, a)
		return json.Unmarshal([]byte(data), &b.attempts[len(b.attempts)-1].data)
	})
	each(t, db, `SELECT id, request, status, data FROM advice ORDER BY id`, func(scan func(...any) error) error {
		var a advice
		var data string
		if err := scan(&a.id, &a.request, &a.status, &data); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(data), &a.data); err != nil {
			return err
		}
		a.kind = text(a.data, "Kind")
		b.advices = append(b.advices, a)
		return nil
	})
	each(t, db, `SELECT id, kind, object, sequence FROM notice ORDER BY id`, func(scan func(...any) error) error {
		var n notice
		err := scan(&n.id, &n.kind, &n.object, &n.sequence)
		b.notices = append(b.notices, n)
		return err
	})
	count := func(into map[string]int, query string) {
		each(t, db, query, func(scan func(...any) error) error {
			var key string
			var n int
			err := scan(&key, &n)
			into[key] = n
			return err
		})
	}
	count(b.escrow, `SELECT request, COUNT(*) FROM cvn_escrow GROUP BY request`)
	count(b.work, `SELECT kind, COUNT(*) FROM work GROUP BY kind`)
	each(t, db, `SELECT notice FROM delivery WHERE status <> 'DELIVERED'`, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		b.unsettled = append(b.unsettled, id)
		return err
	})
	return b
}

func each(t *testing.T, db *sql.DB, query string, row func(scan func(...any) error) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// waiting says what has not come to its end, and why it may yet.
func (b books) waiting() (all []string) {
	for _, a := range b.attempts {
		if !a.final() {
			all = append(all, fmt.Sprintf("%s is %s", a.id, a.state))
		}
	}
	for _, a := range b.advices {
		if a.status == "OPEN" {
			all = append(all, fmt.Sprintf("%s of %s is open, tried %d times, no trace %d times", a.kind, a.request, a.number("Tries"), a.number("NoTrace")))
		}
	}
	return all
}

// untraced tells attempts whose message the acquirer has said that it never saw: it is asked three times, a
// minute apart, before that is believed, and nothing is kept of them meanwhile.
func (b books) untraced() map[string]bool {
	waiting := map[string]bool{}
	for _, a := range b.advices {
		if a.status == "OPEN" && a.number("NoTrace") > 0 {
			waiting[a.request] = true
		}
	}
	return waiting
}

// api reads an object by the API, which must be there.
func (s *shop) read(ctx context.Context, path string) (object, error) {
	a, err := s.insist(ctx, http.MethodGet, path, s.secret, "", nil)
	if err == nil && !a.good() {
		err = fmt.Errorf("GET %s: %s", path, a)
	}
	return a.body, err
}
