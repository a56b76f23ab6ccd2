package bench

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// templates are how many payments are made by the gateway, of which all others are copies.
const templates = 8

// makeTemplates has the gateway make them.
func (s *site) makeTemplates(ctx context.Context) error {
	for range templates {
		if _, err := s.oneclick(ctx, s.next()); err != nil {
			return err
		}
	}
	return s.sink.settled(ctx)
}

// past is the time over which stored payments are spread, up to now.
const past = 90 * 24 * time.Hour

// piece is how many payments are copied in one transaction.
const piece = 2000

// copied is a table in which a payment has rows. Its rows are those in which a column holds one of the payment's names.
type copied struct{ name, column string }

// tables are in the order in which names become known: a session leads to its request, and both to their notices.
func tables() []copied {
	return []copied{
		{"session", "id"}, {"request", "session"}, {"trace", "request"}, {"notice", "object"}, {"delivery", "notice"}, {"delivery_attempt", "notice"},
	}
}

// row is one of a payment, and example the rows of one payment.
type row struct {
	table  int
	values []any // those in which names stand are cut
}

type example struct {
	rows  []row
	names []string // that are its own
}

// cut is a text in which names of a payment stand: between any two of its parts one, by its place among them.
type cut struct {
	parts []string
	names []int
}

// with is the text with other names.
func (c cut) with(names []string) string {
	var text strings.Builder
	for i, part := range c.parts {
		text.WriteString(part)
		if i < len(c.names) {
			text.WriteString(names[c.names[i]])
		}
	}
	return text.String()
}

// database opens the database of a site beside the gateway.
func (s *site) database() (*sql.DB, error) {
	if s.admin != "" {
		config, err := pgx.ParseConfig(s.server)
		if err != nil {
			return nil, quietly(err)
		}
		return stdlib.OpenDB(*config), nil
	}
	// Nobody's payments are in it, so the disk is not waited for.
	return sql.Open("sqlite", "file:"+(&url.URL{Path: s.server}).EscapedPath()+"?"+url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(OFF)"}}.Encode())
}

// fill copies payments until there are as many as wanted.
func (s *site) fill(ctx context.Context, from, to int) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	examples, columns, err := readExamples(ctx, db)
	if err != nil {
		return err
	}
	if s.admin == "" { // it is the only one who has the file open, and would write everything twice
		for _, pragma := range []string{`journal_mode=MEMORY`, `cache_size=-262144`} {
			if _, err := db.ExecContext(ctx, `PRAGMA `+pragma); err != nil {
				return err
			}
		}
	}
	filling, stop := context.WithCancel(ctx)
	defer stop()
	made := make(chan [][][]any, 1)
	go func() { // the next piece, while the database writes one
		defer close(made)
		now := time.Now()
		for first := from; first < to; first += piece {
			rows := make([][][]any, len(tables()))
			for n := first; n < min(first+piece, to); n++ {
				// Stored in the order of time, as they would have come.
				e := examples[n%len(examples)]
				names := e.namesAt(now.Add(-past + time.Duration(float64(past)*float64(n)/float64(to))))
				for _, r := range e.rows {
					rows[r.table] = append(rows[r.table], copyOf(r.values, names))
				}
			}
			select {
			case made <- rows:
			case <-filling.Done():
				return
			}
		}
	}()
	for rows := range made {
		for i, t := range tables() {
			if err := s.insert(ctx, db, t.name, columns[i], rows[i]); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	if s.admin != "" { // what autovacuum would have done by then
		for _, t := range tables() {
			if _, err := db.ExecContext(ctx, `VACUUM (ANALYZE) `+t.name); err != nil {
				return err
			}
		}
		_, err := db.ExecContext(ctx, `CHECKPOINT`)
		return err
	}
	if _, err := db.ExecContext(ctx, `PRAGMA journal_mode=WAL`); err != nil {
		return err
	}
	return onDisk(s.server)
}

// onDisk waits until a file is on the disk: else the gateway's first syncs would wait for what it has not written.
func onDisk(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// readExamples reads payments that the gateway has made: those whose sessions are over.
func readExamples(ctx context.Context, db *sql.DB) (examples []example, columns [][]string, err error) {
	columns = make([][]string, len(tables()))
	sessions, err := db.QueryContext(ctx, `
SELECT s.id FROM session s JOIN request r ON r.session = s.id
WHERE s.status = 'COMPLETED' AND r.kind = 'PAY' ORDER BY s.id DESC`)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	for sessions.Next() && len(ids) < templates {
		var id string
		if err := sessions.Scan(&id); err != nil {
			return nil, nil, err
		}
		ids = append(ids, id)
	}
	if err := errors.Join(sessions.Err(), sessions.Close()); err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return nil, nil, errors.New("there is no payment to be copied")
	}
	for _, id := range ids {
		e := example{names: []string{id}}
		for i, t := range tables() {
			if columns[i], err = e.read(ctx, db, i, t); err != nil {
				return nil, nil, err
			}
		}
		e.cut()
		examples = append(examples, e)
	}
	return examples, columns, nil
}

// keys are the columns that hold names which a payment does not share with others: of its session, request, payment and
// page, of its notices, and by which the acquirer knows its message. Those of a card, a customer or a merchant stay.
func keys() []string { return []string{"id", "payment", "page", "reference", "key"} }

// insideNames finds names that may stand only within an object, such as that of a capture.
var insideNames = regexp.MustCompile(`\b(?:ps|pr|py|cptr)-[0-9a-f-]{24,36}`)

// read reads the rows of one table, and learns the names in them.
func (e *example) read(ctx context.Context, db *sql.DB, i int, t copied) ([]string, error) {
	marks, args := []string{}, []any{}
	for n, name := range e.names {
		marks, args = append(marks, fmt.Sprint("$", n+1)), append(args, name)
	}
	rows, err := db.QueryContext(ctx, `SELECT * FROM `+t.name+` WHERE `+t.column+` IN (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		e.rows = append(e.rows, row{i, values})
		for at, v := range values {
			text, is := v.(string)
			if is && text != "" && slices.Contains(keys(), columns[at]) {
				e.learn(text)
			}
			for _, name := range insideNames.FindAllString(text, -1) {
				e.learn(name)
			}
		}
	}
	return columns, rows.Err()
}

func (e *example) learn(name string) {
	if !slices.Contains(e.names, name) {
		e.names = append(e.names, name)
	}
}

// cut cuts all texts at the names that were learnt, of two that begin at one place at the longer one.
func (e *example) cut() {
	slices.SortFunc(e.names, func(a, b string) int { return len(b) - len(a) })
	var quoted []string
	for _, name := range e.names {
		quoted = append(quoted, regexp.QuoteMeta(name))
	}
	names := regexp.MustCompile(strings.Join(quoted, "|"))
	for _, r := range e.rows {
		for i, v := range r.values {
			text, is := v.(string)
			if !is {
				continue
			}
			var c cut
			end := 0
			for _, at := range names.FindAllStringIndex(text, -1) {
				c.parts, c.names = append(c.parts, text[end:at[0]]), append(c.names, slices.Index(e.names, text[at[0]:at[1]]))
				end = at[1]
			}
			if c.names != nil {
				c.parts = append(c.parts, text[end:])
				r.values[i] = c
			}
		}
	}
}

// namesAt are names for a copy, in the place of the example's own, of the same shape and of a time in the past: ids begin
// with it, so that what is inserted together stands together.
func (e example) namesAt(at time.Time) []string {
	names := make([]string, len(e.names))
	for i, name := range e.names {
		names[i] = nameAt(name, at)
	}
	return names
}

func nameAt(name string, at time.Time) string {
	prefix, rest, prefixed := strings.Cut(name, "-")
	switch {
	case prefixed && prefix == "ps": // seconds, then random bits
		return fmt.Sprintf("ps-%08x%016x", at.Unix(), rand.Uint64())
	case prefixed && len(prefix) <= 4 && len(rest) == 36:
		return prefix + "-" + uuidAt(at)
	case len(name) == 36 && prefixed && len(prefix) == 8:
		return uuidAt(at)
	case strings.Contains(name, "|"): // of the acquirer's message: what is unique of it stands at the end (DE37)
		return fmt.Sprintf("%s|%012X", name[:strings.LastIndexByte(name, '|')], rand.N(uint64(1)<<48))
	}
	random := fmt.Sprintf("%016x%016x%016x%016x", rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64())
	return random[:min(len(name), len(random))]
}

// uuidAt lays out a UUID of version 7 (RFC 9562 section 5.7).
func uuidAt(at time.Time) string {
	text := fmt.Sprintf("%012x7%03x8%s", at.UnixMilli(), rand.N(0x1000), hex.EncodeToString(fmt.Appendf(nil, "%08x", rand.Uint32()))[:15])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func copyOf(values []any, names []string) []any {
	own := make([]any, len(values))
	for i, v := range values {
		if c, is := v.(cut); is {
			v = c.with(names)
		}
		own[i] = v
	}
	return own
}

// insert writes rows as fast as the database takes them.
func (s *site) insert(ctx context.Context, db *sql.DB, table string, columns []string, rows [][]any) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if s.admin != "" {
		return conn.Raw(func(driver any) error {
			_, err := driver.(*stdlib.Conn).Conn().CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
			return err
		})
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
	insert, err := tx.PrepareContext(ctx, `INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+marks+`)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, values := range rows {
		if _, err := insert.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return tx.Commit()
}
