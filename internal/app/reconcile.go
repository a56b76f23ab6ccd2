package app

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"reprise/internal/payment"
)

// Finding is payment's, by a name that cmd may use.
type Finding = payment.Finding

// NewWindow makes the window of a reconciliation, or says all that is wrong with it. Without kinds the acquirer's
// book has all of them.
func NewWindow(from, to time.Time, grace time.Duration, kinds []string) (payment.Window, error) {
	w := payment.Window{From: from, To: to, Grace: grace}
	var problems []error
	if !to.IsZero() && !from.Before(to) {
		problems = append(problems, errors.New("--from is not before --to"))
	}
	if grace < 0 {
		problems = append(problems, errors.New("--grace is negative"))
	}
	for _, kind := range kinds {
		if k := payment.BookingKind(kind); slices.Contains(payment.BookingKinds(), k) {
			w.Kinds = append(w.Kinds, k)
		} else {
			problems = append(problems, fmt.Errorf("--kinds: there is no kind %q: %v", kind, payment.BookingKinds()))
		}
	}
	return w, errors.Join(problems...)
}

// Reconciliation is what came of comparing our books with the acquirer's.
type Reconciliation struct {
	Window   payment.Window    `json:"-"`
	Findings []payment.Finding `json:"findings"`

	Rows        int `json:"rows"`        // of the acquirer's file
	Outside     int `json:"outside"`     // of these, booked outside the window: not judged
	Matched     int `json:"matched"`     // of the others, those of a message of ours
	Records     int `json:"records"`     // attempts of ours that were compared
	Differences int `json:"differences"` // findings that somebody has to do something about

	Taken []Taken `json:"taken"` // by currency, in the order of their codes
}

// Taken is what was taken in the window in one currency, refunds subtracted: minor units of ISO 4217. The two differ
// also by what was under way at its ends.
type Taken struct {
	Currency string `json:"currency"`
	Ours     int64  `json:"ours"`
	Theirs   int64  `json:"theirs"`
}

// String is the two in words.
func (t Taken) String() string {
	amount := func(minor int64) string {
		sign := ""
		if minor < 0 {
			sign, minor = "-", -minor
		}
		return sign + payment.Money{Minor: minor, Currency: t.Currency}.Number()
	}
	return fmt.Sprintf("%s %s by our books, %s by the acquirer's", t.Currency, amount(t.Ours), amount(t.Theirs))
}

// attemptLife is longer than an attempt may wait before its message leaves, by which it is dated.
const attemptLife = time.Hour

// Reconcile compares our books with the acquirer's. Where a row of those cannot be read nothing is compared, and the
// error is an UnreadableBook. A zero To is now. The books may be in use meanwhile.
func (o *Office) Reconcile(ctx context.Context, rows iter.Seq2[payment.Booking, error], w payment.Window) (Reconciliation, error) {
	if now := o.outside.Now(); w.To.IsZero() || w.To.After(now) {
		w.To = now // before the acquirer's book is read: it may be made only now
	}
	if !w.From.Before(w.To) {
		return Reconciliation{}, errors.New("the window is empty: --from is not before now")
	}
	d := reconciling{office: o, book: newBook(), judged: map[payment.RequestID]bool{}, taken: map[string]*Taken{}}
	d.Window, d.Findings = w, []payment.Finding{}
	if err := d.read(ctx, rows); err != nil {
		return Reconciliation{}, err
	}
	d.Window.Now = o.outside.Now() // after it was read: whatever it has, our books have by now
	if err := d.compare(ctx); err != nil {
		return Reconciliation{}, err
	}
	for _, f := range d.Findings {
		if f.Differs {
			d.Differences++
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(d.taken)) {
		d.Taken = append(d.Taken, *d.taken[currency])
	}
	return d.Reconciliation, nil
}

// UnreadableBook names every row of the acquirer's book that cannot be read, and why.
type UnreadableBook struct{ Rows []error }

func (e *UnreadableBook) Error() string {
	return fmt.Sprintf("the acquirer's book cannot be read, and nothing was compared:\n%v", errors.Join(e.Rows...))
}

// reconciling is a comparison under way.
type reconciling struct {
	Reconciliation
	office *Office
	book   *book
	judged map[payment.RequestID]bool // of those that are not found by when they were made
	first  time.Time                  // attempts made from here on are
	taken  map[string]*Taken
}

// read takes the acquirer's book into memory.
func (d *reconciling) read(ctx context.Context, rows iter.Seq2[payment.Booking, error]) error {
	var bad []error
	for b, err := range rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.Rows++
		if err != nil {
			bad = append(bad, err)
			continue
		}
		inside := d.Window.Covers(b.At)
		first, err := d.book.add(b, inside)
		switch {
		case err != nil:
			return err
		case !inside:
			d.Outside++
		case first != nil:
			d.Findings = append(d.Findings, b.Again(first.Line))
			d.in(b.Amount.Currency).Theirs += b.Taken()
		default:
			d.in(b.Amount.Currency).Theirs += b.Taken()
		}
	}
	if bad != nil {
		return &UnreadableBook{bad}
	}
	return nil
}

// in is where a currency is added up.
func (d *reconciling) in(currency string) *Taken {
	if d.taken[currency] == nil {
		d.taken[currency] = &Taken{Currency: currency}
	}
	return d.taken[currency]
}

// compare goes through our books: attempts of the window, older ones that something was done about in it, and those
// about which something is still to be done; then through what of the acquirer's is left.
func (d *reconciling) compare(ctx context.Context) error {
	s, w := d.office.store, d.Window
	if d.first = w.From; !w.From.IsZero() {
		d.first = w.From.Add(-attemptLife)
	}
	if err := s.RecordsMade(ctx, d.first, w.To, func(r payment.Record) error {
		d.judge(r)
		return nil
	}); err != nil {
		return err
	}
	if err := s.RecordsAdvised(ctx, w.From, w.To, d.once); err != nil {
		return err
	}
	if err := s.RecordsOpen(ctx, d.once); err != nil {
		return err
	}
	return d.rest(ctx)
}

// once judges a record that was not judged yet.
func (d *reconciling) once(r payment.Record) error {
	at := r.Request.Created
	if d.judged[r.Request.ID] || !at.Before(d.first) && at.Before(d.Window.To) {
		return nil
	}
	d.judged[r.Request.ID] = true
	d.judge(r)
	return nil
}

func (d *reconciling) judge(r payment.Record) {
	j := r.Judge(d.book.find, d.Window)
	d.Records++
	d.Findings = append(d.Findings, j.Findings...)
	if j.Taken != 0 {
		d.in(r.Request.Amount.Currency).Ours += j.Taken
	}
}

// rest says of the bookings that no record of ours has claimed what they are: of an attempt that was made long before
// its message left, of an advice that the acquirer took long after it was opened, or not ours.
func (d *reconciling) rest(ctx context.Context) error {
	advised := false
	for _, e := range d.book.foreign() {
		b := d.book.booking(e)
		if !b.Kind.Authorises() {
			advised = true
			continue
		}
		r, err := d.office.store.RecordSent(ctx, b.Sent())
		if errors.Is(err, payment.ErrNotFound) {
			continue
		} else if err != nil {
			return err
		}
		if err := d.once(r); err != nil {
			return err
		}
	}
	if advised {
		if err := d.office.store.RecordsAdvised(ctx, time.Time{}, d.Window.From, d.older); err != nil {
			return err
		}
	}
	d.Matched = d.Rows - d.Outside
	for _, f := range d.Findings {
		if f.Kind == payment.TwiceThere {
			d.Matched--
		}
	}
	for _, e := range d.book.foreign() {
		d.Matched--
		d.Findings = append(d.Findings, payment.Foreign(d.book.booking(e)))
	}
	return nil
}

// older judges a record whose advices are older than the window, if the acquirer booked one of them in it.
func (d *reconciling) older(r payment.Record) error {
	for _, a := range r.Advices {
		if d.book.has(a.Trace.Booking()) {
			return d.once(r)
		}
	}
	return nil
}
