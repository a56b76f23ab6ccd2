package app

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// objectID matches the part of an id that nobody can guess, whatever kind of object it is of: a UUID, or 24
// hex digits.
var objectID = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b[0-9a-f]{24}\b`)

// TestStrangers walks every operation of the contract that takes a key, with the objects of one business and
// the key of another. What is another's is refused in the very words in which what does not exist is refused,
// no answer has any of it in it, and no row changes; what names nothing of another's is the stranger's own
// affair. Then the owner does it, and finds things as they were.
//
// It needs no list: the objects are those of the contract's examples, made by exampleStages. Who adds an
// operation adds both.
func TestStrangers(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.stranger()
	merchant, err := w.store.Merchant(t.Context(), strangerBusiness)
	if err != nil {
		t.Fatal(err)
	}
	merchant.AllowCardDetails, merchant.AllowSkipThreeDS, merchant.ReuseCustomers = true, true, true // nothing but strangeness is in the way
	if err := w.store.SaveMerchant(t.Context(), payment.Merchant{}, merchant, sandboxActor); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{SandboxSecretKey: strangerSecretKey, SandboxPublicKey: strangerPublicKey}
	ours := map[string]bool{string(sandboxBusiness): true}
	for _, id := range []string{string(sandboxCustomer), string(someonesCustomer)} {
		ours[objectID.FindString(id)] = true
	}
	for _, c := range StoredCards() {
		ours[objectID.FindString(string(c.Token))] = true
	}

	operations, _ := w.operations()
	for n, o := range operations {
		if o.key == "" {
			continue // its address is a secret of its own
		}
		if !o.body {
			o.examples[""] = ""
		}
		for _, name := range slices.Sorted(maps.Keys(o.examples)) {
			t.Run(strings.TrimSuffix(o.pattern+" "+name, " "), func(t *testing.T) {
				w := w.in(t)
				said := len(w.said.String())
				path, body := w.staged(o, name)
				for _, id := range objectID.FindAllString(w.said.String()[said:], -1) {
					ours[id] = true
				}
				named := slices.ContainsFunc(objectID.FindAllString(path+" "+body, -1), func(id string) bool { return ours[id] })
				if strings.Contains(o.pattern, "{") && !slices.ContainsFunc(objectID.FindAllString(path, -1), func(id string) bool { return ours[id] }) {
					t.Fatalf("%s names nothing that exists: make it in exampleStages", path)
				}
				w.eventually("every webhook sent once", func() bool {
					return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1 AND attempt = 0`, string(payment.WorkWebhook)) == 0
				})

				before := w.rows()
				once := fmt.Sprintf("walk-%d-%s", n, name)
				theirs := w.tries(o, path, body, keys[o.key], ours)
				if named {
					unknown := w.tries(o, nobodys(path), nobodys(body), keys[o.key], ours)
					if theirs.status < 400 || theirs.status != unknown.status {
						t.Errorf("answered %d, and for what does not exist %d", theirs.status, unknown.status)
					}
					if diff := cmp.Diff(unknown.body, theirs.body); diff != "" {
						t.Errorf("what is another's is told from what does not exist (-unknown +another's):\n%s", diff)
					}
				} else if theirs.status >= 300 {
					t.Errorf("names nothing of another's, and is refused: %d %v", theirs.status, theirs.body)
				}
				for row, many := range w.rows() {
					known := before[row]
					before[row] -= many
					for _, id := range objectID.FindAllString(row, -1) {
						if many > known && ours[id] {
							t.Errorf("a stranger had written: %s", row)
						}
					}
				}
				for row, missing := range before {
					if missing > 0 {
						t.Errorf("a stranger had changed: %s", row)
					}
				}

				own := w.ask(o.method, path, o.key, body, "idempotency-key", once)
				if own.status >= 300 {
					t.Errorf("the owner is answered %d %v", own.status, own.body)
				}
				for _, id := range objectID.FindAllString(fmt.Sprint(own.body), -1) {
					ours[id] = true
				}
				if o.repeatable { // the answer that is kept for the owner is the owner's
					again := w.tries(o, path, body, keys[o.key], ours, "idempotency-key", once)
					if named && again.status != theirs.status {
						t.Errorf("with the owner's idempotency-key: %d %v", again.status, again.body)
					}
				}
			})
		}
	}
}

// tries sends what a stranger sends, and sees that the answer has nothing in it of another's.
func (w *town) tries(o operation, path, body, key string, ours map[string]bool, headers ...string) answer {
	w.t.Helper()
	headers = append(headers, "for-user-id", string(sandboxBusiness)) // a header of the API with which nobody becomes another
	a := w.ask(o.method, path, key, body, headers...)
	text, err := json.Marshal(a.body)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range objectID.FindAllString(string(text), -1) {
		if ours[id] {
			w.t.Errorf("the answer has %s, which is another's: %d %s", id, a.status, text)
		}
	}
	if a.status >= http.StatusInternalServerError {
		w.t.Errorf("%d %s", a.status, text)
	}
	return a
}

// nobodys makes every id in a text one of nothing.
func nobodys(text string) string {
	return objectID.ReplaceAllStringFunc(text, func(id string) string {
		return strings.Repeat("0", 6) + id[6:len(id)-4] + "dead"
	})
}

// rows reads every row of every table as text, and how often it is there. Left out is what the house writes
// by itself at any time.
func (w *town) rows() map[string]int {
	w.t.Helper()
	list := func(query string) [][]any {
		rows, err := w.books.Query(query)
		if err != nil {
			w.t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			w.t.Fatal(err)
		}
		var found [][]any
		for rows.Next() {
			row, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range row {
				into[i] = &row[i]
			}
			if err := rows.Scan(into...); err != nil {
				w.t.Fatal(err)
			}
			for i, value := range row {
				if b, ok := value.([]byte); ok {
					row[i] = string(b)
				}
			}
			found = append(found, row)
		}
		if err := rows.Err(); err != nil {
			w.t.Fatal(err)
		}
		return found
	}
	all := map[string]int{}
	for _, table := range list(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT IN ('work', 'lane', 'delivery') AND name NOT LIKE 'sqlite_%'`) {
		for _, row := range list(fmt.Sprintf(`SELECT * FROM %s`, table[0])) {
			all[fmt.Sprintf("%s %s", table[0], row)]++
		}
	}
	if len(all) < 10 {
		w.t.Errorf("only %d rows were read", len(all))
	}
	return all
}
