package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// grownTo is how many rows each table has that grows: enough for any database to look for one of them by an index.
const grownTo = 10_000

// grownMore are tables of which one statement touches 500 rows, for which reading all of so few would be right.
func grownMore() map[string]int { return map[string]int{"idempotency": 4 * grownTo} }

// small are the tables that stay small, with the reason why.
func small() map[string]string {
	return map[string]string{
		"goose_db_version": "a row for each migration",
		"lane":             "a row for each counter: two for each line to an acquirer",
		"pin":              "a row for each thing that a database belongs to",
		"card_range":       "a row for each directory server",
		"card_range_piece": "two sets for each directory server at most, read whole",
	}
}

// column of a table.
type column struct{ name, kind string }

// grown fills every table of the database, also one that is made tomorrow, and says which grow.
func (d *database) grown(t *testing.T) (db *sql.DB, grows map[string]bool) {
	t.Helper()
	d.open(t) // makes the tables
	of := `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, ordinal_position`
	if d.kind == "PostgreSQL" {
		config, err := pgx.ParseConfig(d.url)
		must(t, err)
		db = stdlib.OpenDB(*config)
	} else {
		var err error
		db, err = sql.Open("sqlite", location(d.url, nil))
		must(t, err)
		of = `SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, c.cid`
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	rows, err := db.Query(of)
	must(t, err)
	tables := map[string][]column{}
	for rows.Next() {
		var table string
		var c column
		must(t, rows.Scan(&table, &c.name, &c.kind))
		tables[table] = append(tables[table], c)
	}
	must(t, rows.Err())
	must(t, rows.Close())

	grows = map[string]bool{}
	for table, columns := range tables {
		if small()[table] == "" {
			grows[table] = true
			fillTable(t, db, table, columns)
		}
	}
	for table := range small() {
		if tables[table] == nil {
			t.Errorf("there is no table %s that would stay small", table)
		}
	}
	if d.kind == "PostgreSQL" { // as it does by itself; a gateway never asks SQLite to
		_, err := db.Exec(`VACUUM (ANALYZE)`)
		must(t, err)
	}
	return db, grows
}

func fillTable(t *testing.T, db *sql.DB, table string, columns []column) {
	t.Helper()
	tx, err := db.BeginTx(context.Background(), nil)
	must(t, err)
	defer func() { _ = tx.Rollback() }()
	const together = 50 // rows of one statement
	var marks, names []string
	for range together {
		var row []string
		for range columns {
			row = append(row, fmt.Sprintf("$%d", len(marks)*len(columns)+len(row)+1))
		}
		marks = append(marks, "("+strings.Join(row, ", ")+")")
	}
	for _, c := range columns {
		names = append(names, c.name)
	}
	insert, err := tx.Prepare(`INSERT INTO ` + table + ` (` + strings.Join(names, ", ") + `) VALUES ` + strings.Join(marks, ", "))
	must(t, err)
	defer insert.Close()
	now := time.Now()
	for first := 0; first < max(grownTo, grownMore()[table]); first += together {
		var values []any
		for i := range together {
			for _, c := range columns {
				values = append(values, grownValue(table, c, first+i, now))
			}
		}
		if _, err := insert.Exec(values...); err != nil {
			t.Fatalf("filling %s: %v", table, err)
		}
	}
	must(t, tx.Commit())
}

// grownValue is what a row has in a column: one merchant has everything, all but a few things are over, and what else a
// column holds is another in each row.
func grownValue(table string, c column, i int, now time.Time) any {
	rare := i%1000 == 7
	switch name := table + "." + c.name; {
	case c.name == "business" && !slices.Contains([]string{"endpoint", "api_key"}, table):
		return string(business) // of the largest merchant
	case c.name == "data", c.name == "profile", c.name == "change":
		return `{"of":"` + strings.Repeat("what it is, ", 30) + `"}`
	case c.name == "status" && table == "delivery" && !rare:
		return "DELIVERED"
	case c.name == "status" && table == "advice" && !rare:
		return "DONE"
	case c.name == "status" && table == "advice":
		return "OPEN"
	case name == "work.peer" && i%4 == 2: // webhooks: a look reads four pages for each endpoint that any wait for, however many do
		return fmt.Sprint("endpoint ", i%40)
	case name == "work.peer":
		return ""
	case name == "work.kind":
		return []string{"session", "token", "webhook", "advice"}[i%4]
	case c.name == "kind", c.name == "endpoint" && table != "idempotency", c.name == "actor", c.name == "act", c.name == "what", c.name == "type", c.name == "status" && c.kind == "TEXT", c.name == "state":
		return fmt.Sprint("one of ", i%5)
	case c.name == "link", c.name == "reason", c.name == "problem", name == "session.attempt" && rare:
		return ""
	case c.name == "day":
		return now.AddDate(0, 0, -i%30).UTC().Format(time.DateOnly)
	case name == "work.next_at" && !rare, name == "request.kept_until", name == "cvn_escrow.expires":
		return micros(now.Add(time.Hour + time.Duration(i)*time.Second))
	case c.name == "version", c.name == "attempt" && table == "work":
		return int64(1)
	case c.name == "body":
		return []byte(strings.Repeat("an answer, ", 100))
	case strings.EqualFold(c.kind, "bytea"):
		hash := sha256.Sum256(fmt.Appendf(nil, "%s %d", table, i))
		return hash[:]
	case strings.EqualFold(c.kind, "bigint"):
		return micros(now.Add(-90*24*time.Hour + time.Duration(i)*time.Minute))
	}
	return fmt.Sprintf("%s-%08d-of-%s", c.name, i, table)
}
