package store

import (
	"strconv"
	"strings"
	"sync"
)

// rowsMax is how many rows one statement inserts at most: each number is a text of its own that a database prepares.
const rowsMax = 8

// insertion is what rows have in common that one statement inserts.
type insertion struct {
	into     string // the table and the columns
	conflict string // what becomes of a row that is there
}

// insert adds a row. Those that follow each other and are inserted alike go in one statement, as a statement costs a
// database as much as a row.
func (d *draft) insert(r rank, i insertion, values ...any) {
	list := d.rows[r]
	if n := len(list); n == 0 || list[n-1].inserts != i || len(list[n-1].args) == rowsMax*len(values) {
		d.rows[r] = append(list, stmt{inserts: i})
	}
	st := &d.rows[r][len(d.rows[r])-1]
	st.args = append(st.args, values...)
	st.sql = d.store.insertions.text(i, len(values), len(st.args)/len(values))
}

// insertions are the texts of statements that insert, by how many rows they have.
type insertions struct {
	mu    sync.Mutex
	texts map[insertion]*[rowsMax]string
}

func (all *insertions) text(i insertion, columns, rows int) string {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.texts == nil {
		all.texts = map[insertion]*[rowsMax]string{}
	}
	if all.texts[i] == nil {
		all.texts[i] = &[rowsMax]string{}
	}
	text := &all.texts[i][rows-1]
	if *text == "" {
		*text = i.text(columns, rows)
	}
	return *text
}

func (i insertion) text(columns, rows int) string {
	var sql strings.Builder
	sql.WriteString("INSERT INTO " + i.into + " VALUES ")
	for n := range columns * rows {
		switch {
		case n == 0:
			sql.WriteString("($")
		case n%columns == 0:
			sql.WriteString("), ($")
		default:
			sql.WriteString(", $")
		}
		sql.WriteString(strconv.Itoa(n + 1))
	}
	sql.WriteString(") " + i.conflict)
	return sql.String()
}
