package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// deliveryPage is how a page of deliveries begins where nothing but its delivery says whether one is on it.
const deliveryPage = "SELECT p.notice, p.business, p.endpoint, p.status, n.kind, n.object, n.sequence, n.created FROM (SELECT d.business, d.notice, d.endpoint, d.status FROM delivery d WHERE d.business = ? AND "

// scanned are the statements that may read a whole table that grows, by how they begin, with the reason.
func scanned() map[string]string {
	return map[string]string{
		"SELECT d.notice, d.business, d.endpoint, d.status, n.kind, n.object, n.sequence, n.created FROM delivery d": "deliveries of one kind of event are looked for from the newest back",
		deliveryPage + "d.endpoint = ?":                                    "so are those to one of the few endpoints of a merchant",
		deliveryPage + "EXISTS":                                            "and those to its endpoints that are told",
		"SELECT data FROM merchant":                                        "an operator lists all merchants",
		"SELECT data FROM advice WHERE status IN (":                        "an operator lists advices",
		"SELECT at, actor, business, act, object, change FROM audit WHERE": "an operator reads all since a time",
		"SELECT hash, business, kind, production, name, permissions, created, ends FROM api_key WHERE business = ? OR": "an operator lists keys",
	}
}

// explained has a grown database say how it makes each statement that it was noted to be asked for, and fails on one
// that reads the whole of a table, or of an index, that grows; on PostgreSQL it makes the statement, too, and takes it back,
// and fails on one that reads more pages than what it finds can be on.
func (x *noted) explained(t *testing.T, d *database) {
	statements := x.sorted(t)
	db, grows := d.grown(t)
	plans := sqlitePlans
	if d.kind == "PostgreSQL" {
		plans = postgresPlans
	}
	used := map[string]bool{}
statements:
	for _, st := range statements {
		wholes := plans(t, db, st)
		wholes = slices.DeleteFunc(wholes, func(w whole) bool { return w.table != "" && !grows[w.table] })
		if len(wholes) == 0 {
			continue
		}
		for begin := range scanned() {
			if strings.HasPrefix(plain(st.sql), begin) {
				used[begin] = true
				continue statements
			}
		}
		t.Errorf("%v: much is read by: %s", wholes, plain(st.sql))
	}
	for begin := range scanned() {
		if d.kind == "PostgreSQL" && !used[begin] { // SQLite plans without knowing what is in a table
			t.Errorf("nothing is scanned by what begins so: %s", begin)
		}
	}
	t.Logf("%d statements explained, %d tables grown", len(statements), len(grows))
}

// whole is a table that is read from one end to the other, or where there is none a statement that does something like it,
// and how.
type whole struct{ table, how string }

func (w whole) String() string { return w.table + " (" + w.how + ")" }

// A statement may read some pages of indexes and tables whatever it finds, and some more for each row.
const (
	pagesAnyway = 100
	pagesEach   = 16
)

// postgresNode is a node of a plan.
type postgresNode struct {
	Type     string         `json:"Node Type"`
	Relation string         `json:"Relation Name"`
	Index    string         `json:"Index Name"`
	Cond     string         `json:"Index Cond"`
	Cost     float64        `json:"Total Cost"`
	Rows     float64        `json:"Actual Rows"`
	Hit      float64        `json:"Shared Hit Blocks"`
	Read     float64        `json:"Shared Read Blocks"`
	Plans    []postgresNode `json:"Plans"`
}

// preparedFor is how often a statement is explained: PostgreSQL plans the first five anew, for their arguments, and
// then decides whether one plan is good enough for any.
const preparedFor = 7

func postgresPlans(t *testing.T, db *sql.DB, st stmt) (wholes []whole) {
	t.Helper()
	var values []string
	for _, a := range st.args {
		values = append(values, literal(t, a))
	}
	if _, err := db.Exec(`PREPARE explained AS ` + st.sql); err != nil {
		t.Fatalf("%v: %s", err, plain(st.sql))
	}
	execute := ` EXECUTE explained`
	if len(values) > 0 {
		execute += ` (` + strings.Join(values, ", ") + `)`
	}
	var roots []struct{ Plan postgresNode }
	for range preparedFor {
		var text []byte
		if err := db.QueryRow(`EXPLAIN (FORMAT JSON)` + execute).Scan(&text); err != nil {
			t.Fatalf("%v: %s", err, plain(st.sql))
		}
		must(t, json.Unmarshal(text, &roots))
		roots[0].Plan.wholes(db, math.Inf(1), &wholes)
	}
	tx, err := db.Begin()
	must(t, err)
	var text []byte
	if err := tx.QueryRow(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)` + execute).Scan(&text); err == nil { // else a guard refuses, or a unique key
		must(t, json.Unmarshal(text, &roots))
		if made := roots[0].Plan; made.Hit+made.Read > pagesAnyway+pagesEach*made.Rows {
			wholes = append(wholes, whole{how: fmt.Sprintf("%.0f pages for %.0f rows", made.Hit+made.Read, made.Rows)})
		}
	}
	must(t, tx.Rollback())
	if _, err := db.Exec(`DEALLOCATE explained`); err != nil {
		t.Fatal(err)
	}
	return wholes
}

// wholes adds what a node and those below it read whole. A scan counts unless a LIMIT above it, which costs most at
// most, ends it before a twentieth is read.
func (n postgresNode) wholes(db *sql.DB, most float64, into *[]whole) {
	relation := n.Relation
	isWhole := n.Type == "Seq Scan"
	if strings.Contains(n.Type, "Index") && n.Cond == "" { // an index that holds but a part of the rows may be read whole
		isWhole = db.QueryRow(`SELECT indrelid::regclass FROM pg_index WHERE indexrelid = $1::regclass AND indpred IS NULL`, n.Index).Scan(&relation) == nil
	}
	if w := (whole{relation, n.Type}); isWhole && most > n.Cost/20 && !slices.Contains(*into, w) {
		*into = append(*into, w)
	}
	if n.Type == "Limit" {
		most = min(most, n.Cost)
	}
	for _, inner := range n.Plans {
		inner.wholes(db, most, into)
	}
}

// literal is an argument as SQL has it.
func literal(t *testing.T, value any) string {
	t.Helper()
	switch v := value.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case []byte:
		return fmt.Sprintf(`'\x%x'`, v)
	case int64:
		return fmt.Sprint(v)
	}
	t.Fatalf("an argument is a %T", value)
	return ""
}

var (
	tableNamed  = regexp.MustCompile(`\b(?:FROM|JOIN|UPDATE|INTO)\s+([a-z_]+)(?:\s+(?:AS\s+)?([a-z]+))?`)
	sqliteScans = regexp.MustCompile(`^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?`)
)

func sqlitePlans(t *testing.T, db *sql.DB, st stmt) (wholes []whole) {
	t.Helper()
	tables := map[string]string{} // by the names that the statement gives them
	for _, named := range tableNamed.FindAllStringSubmatch(st.sql, -1) {
		tables[named[1]] = named[1]
		if named[2] != "" {
			tables[named[2]] = named[1]
		}
	}
	rows, err := db.Query(`EXPLAIN QUERY PLAN `+st.sql, st.args...)
	if err != nil {
		t.Fatalf("%v: %s", err, plain(st.sql))
	}
	var steps []string
	for rows.Next() {
		var id, parent, none int
		var step string
		must(t, rows.Scan(&id, &parent, &none, &step))
		steps = append(steps, step)
	}
	must(t, rows.Err())
	must(t, rows.Close())
	for _, step := range steps {
		found := sqliteScans.FindStringSubmatch(step)
		if found == nil || tables[found[1]] == "" { // what a part of the statement itself has found is no table
			continue
		}
		partial := 0
		must(t, db.QueryRow(`SELECT COUNT(*) FROM sqlite_master WHERE type = 'index' AND name = $1 AND sql LIKE '% WHERE %'`, found[2]).Scan(&partial))
		if partial == 0 {
			wholes = append(wholes, whole{tables[found[1]], step})
		}
	}
	return wholes
}
