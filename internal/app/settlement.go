package app

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"reprise/internal/payment"
)

// The columns of a settlement file, as docs/settlement-file.md describes them. The first names the version of the
// format. A file may leave out those that nothing is compared with.
var (
	settlementNeeds = []string{"settlement_v1", "booked_at", "kind", "state", "amount", "currency", "de32", "de41", "de37", "de11", "de7"}
	settlementMay   = []string{"settlement_date", "de42", "de38", "card"}
)

// settlementShapes are what the columns may hold; what has a meaning besides is read by bookingOf.
var settlementShapes = map[string]*regexp.Regexp{
	"settlement_v1":   regexp.MustCompile(`^[ -~]{1,40}$`),
	"settlement_date": regexp.MustCompile(`^(\d{4}-\d\d-\d\d)?$`),
	"amount":          regexp.MustCompile(`^\d{1,14}$`),
	"currency":        regexp.MustCompile(`^[A-Z]{3}$`),
	"de32":            regexp.MustCompile(`^\d{1,11}$`),
	"de41":            regexp.MustCompile(`^[!-~]([ -~]{0,6}[!-~])?$`),
	"de42":            regexp.MustCompile(`^([!-~]([ -~]{0,13}[!-~])?)?$`),
	"de37":            regexp.MustCompile(`^[0-9A-Za-z]{12}$`),
	"de11":            regexp.MustCompile(`^\d{6}$`),
	"de7":             regexp.MustCompile(`^(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d$`),
	"de38":            regexp.MustCompile(`^[0-9A-Za-z]{0,6}$`),
}

// mostDigits is how many of a card's digits a file may show (PCI DSS 3.4.1: the BIN and the last four).
const mostDigits = 12

// ReadSettlement reads an acquirer's book from a settlement file. A row that is not one comes as an error that names
// its line and what is wrong with it, and quotes nothing; those behind it are read all the same.
func ReadSettlement(r io.Reader) iter.Seq2[payment.Booking, error] {
	return func(yield func(payment.Booking, error) bool) {
		rows := csv.NewReader(r)
		rows.FieldsPerRecord, rows.ReuseRecord = -1, true
		head, err := rows.Read()
		if err != nil {
			yield(payment.Booking{}, unread(err, 1))
			return
		}
		columns, err := settlementHead(slices.Clone(head))
		if err != nil {
			yield(payment.Booking{}, err)
			return
		}
		for {
			row, err := rows.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			var b payment.Booking
			switch bad := (*csv.ParseError)(nil); {
			case err == nil:
				line, _ := rows.FieldPos(0)
				b, err = bookingOf(columns, row, line)
			case errors.As(err, &bad):
				err = unread(err, bad.StartLine)
			default: // the medium's fault, not the row's
				yield(b, err)
				return
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// unread is why a line is not CSV. The reader's own words quote nothing.
func unread(err error, line int) error {
	bad := (*csv.ParseError)(nil)
	switch {
	case errors.As(err, &bad):
		err = bad.Err
	case errors.Is(err, io.EOF):
		err = errors.New("the file is empty")
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// settlementHead finds the columns by their names, in whatever order they are.
func settlementHead(head []string) (columns []string, err error) {
	head[0] = strings.TrimPrefix(head[0], "\ufeff") // spreadsheets put it there
	var problems []error
	for i, name := range head {
		if !slices.Contains(settlementNeeds, name) && !slices.Contains(settlementMay, name) {
			problems = append(problems, fmt.Errorf("line 1: column %d is none of a settlement file", i+1))
		} else if slices.Contains(head[:i], name) {
			problems = append(problems, fmt.Errorf("line 1: column %s is there twice", name))
		}
	}
	for _, name := range settlementNeeds {
		if !slices.Contains(head, name) {
			problems = append(problems, fmt.Errorf("line 1: there is no column %s", name))
		}
	}
	return head, errors.Join(problems...)
}

// bookingOf reads a row.
func bookingOf(columns, row []string, line int) (b payment.Booking, err error) {
	if len(row) != len(columns) {
		return b, fmt.Errorf("line %d: %d fields under %d columns", line, len(row), len(columns))
	}
	wrong := func(name string) error { return fmt.Errorf("line %d: %s is not what the format says", line, name) }
	b = payment.Booking{Line: line}
	for i, name := range columns {
		value, ok := row[i], true
		if shape := settlementShapes[name]; shape != nil && !shape.MatchString(value) {
			return b, wrong(name)
		}
		switch name {
		case "booked_at":
			b.At, err = time.Parse(time.RFC3339, value)
			ok = err == nil
		case "kind":
			b.Kind = payment.BookingKind(value)
			ok = slices.Contains(payment.BookingKinds(), b.Kind)
		case "state":
			b.State = payment.BookingState(value)
		case "amount":
			b.Amount.Minor, _ = strconv.ParseInt(value, 10, 64)
		case "currency":
			b.Amount.Currency = value
			_, ok = payment.NumericCurrency(value)
		case "de32":
			b.Key.Acquirer = value
		case "de41":
			b.Key.Terminal = value
		case "de37":
			b.Key.RRN = strings.ToUpper(value)
		case "de11":
			b.Key.STAN = value
		case "de7":
			b.Key.Transmitted = value
		case "card":
			ok = len(strings.Map(onlyDigits, value)) <= mostDigits
		}
		if !ok {
			return b, wrong(name)
		}
	}
	if !b.Sound() {
		return b, wrong("state")
	}
	return b, nil
}

func onlyDigits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}
