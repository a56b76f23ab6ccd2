package simulator

import (
	"sync"
	"time"
)

// Entry is one line of the issuer's ledger. There is no PAN in it: the account is a keyed hash
// that means nothing in another process, the card is masked (PCI DSS 3.4.1, 3.5.1.1).
//
// What an account has paid is its purchases that are kept and its captures, less its refunds.
type Entry struct {
	ID            int       `json:"id"`    // from 1, in the order of booking
	Kind          string    `json:"kind"`  // purchase, hold, verification; capture, release, refund, reversal
	State         string    `json:"state"` // kept; of a purchase or a hold also reversed, of a hold captured
	Account       string    `json:"account"`
	Card          string    `json:"card"`
	Scheme        string    `json:"scheme"`
	Amount        int64     `json:"amount"`   // minor units of the currency: what this entry moves
	Currency      string    `json:"currency"` // ISO 4217 numeric
	RRN           string    `json:"rrn"`      // DE37
	STAN          string    `json:"stan"`     // DE11 of this message
	DE7           string    `json:"de7"`      // of this message
	DE32          string    `json:"de32"`
	DE41          string    `json:"de41"`
	DE42          string    `json:"de42"`
	DE22          string    `json:"de22,omitempty"`
	Indicator     string    `json:"indicator,omitempty"` // DE48 tag 22
	FirstUse      string    `json:"first_use,omitempty"` // DE48 tag 63
	ApprovalCode  string    `json:"approval_code,omitempty"`
	TransactionID string    `json:"transaction_id,omitempty"` // DE62
	Original      int       `json:"original,omitempty"`       // the purchase or hold that the entry is about
	At            time.Time `json:"at"`
}

// openingBalance is what every account has in every currency: ten times the largest DE4.
const openingBalance = 10_000_000_000_000

// Why the ledger does not book, as DE39.
const (
	booked        = "00"
	notPossible   = "12" // invalid transaction
	overHold      = "N8"
	overCapture   = "61"
	overBalance   = "51"
	notLocated    = "25"
	formatError   = "30"
	duplicateSent = "94"
)

// ledger keeps entries and what they leave on each account.
type ledger struct {
	mu      sync.Mutex
	entries []Entry
	spent   map[string]int64 // by account and currency
	parts   map[int]*parts   // of purchases and holds
}

// parts are what an amount consists of that was taken or held.
type parts struct {
	held, captured, refunded int64
}

func newLedger() *ledger { return &ledger{spent: map[string]int64{}, parts: map[int]*parts{}} }

// book books a purchase, a hold or a verification, unless the account has not that much left.
func (l *ledger) book(e Entry) (id int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	purse := e.Account + e.Currency
	if e.Amount > openingBalance-l.spent[purse] {
		return 0, false
	}
	l.spent[purse] += e.Amount
	e.State = "kept"
	id = l.append(e)
	switch e.Kind {
	case "purchase":
		l.parts[id] = &parts{captured: e.Amount}
	case "hold":
		l.parts[id] = &parts{held: e.Amount}
	}
	return id, true
}

// reverse gives a purchase or a hold back as a whole. Once reversed, nothing happens any more.
func (l *ledger) reverse(id int, e Entry) (code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	original, p := &l.entries[id-1], l.parts[id]
	switch {
	case original.State == "reversed":
		return booked
	case original.State == "captured" || p.refunded > 0:
		return notPossible
	}
	original.State = "reversed"
	e.Kind, e.Amount = "reversal", p.held+p.captured
	*p = parts{}
	l.giveBack(*original, e)
	return booked
}

// release lowers a hold to what stays; what was captured of it must be in that.
func (l *ledger) release(id int, stays int64, e Entry) (code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	original, p := l.entries[id-1], l.parts[id]
	back := p.held + p.captured - stays
	if original.Kind != "hold" || original.State == "reversed" || back < 0 || back > p.held {
		return notPossible
	}
	p.held -= back
	e.Kind, e.Amount = "release", back
	l.giveBack(original, e)
	return booked
}

// capture takes money that is held. It comes once.
func (l *ledger) capture(id int, e Entry) (code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	original, p := &l.entries[id-1], l.parts[id]
	switch {
	case original.Kind != "hold" || original.State != "kept":
		return notPossible
	case e.Amount > p.held:
		return overHold
	}
	original.State = "captured"
	p.held, p.captured = p.held-e.Amount, e.Amount
	e.Kind = "capture"
	l.about(*original, e)
	return booked
}

// refund gives back what was taken, in as many parts as the merchant likes.
func (l *ledger) refund(id int, e Entry) (code string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	original, p := l.entries[id-1], l.parts[id]
	switch {
	case p.captured == 0:
		return notPossible
	case e.Amount > p.captured-p.refunded:
		return overCapture
	}
	p.refunded += e.Amount
	e.Kind = "refund"
	l.giveBack(original, e)
	return booked
}

func (l *ledger) giveBack(original, e Entry) {
	l.spent[original.Account+original.Currency] -= e.Amount
	l.about(original, e)
}

// about books an entry about another.
func (l *ledger) about(original, e Entry) {
	e.State, e.Original = "kept", original.ID
	e.Account, e.Card, e.Scheme = original.Account, original.Card, original.Scheme
	e.Currency, e.DE42 = original.Currency, original.DE42
	l.append(e)
}

func (l *ledger) append(e Entry) int {
	e.ID = len(l.entries) + 1
	l.entries = append(l.entries, e)
	return e.ID
}

func (l *ledger) list() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Entry{}, l.entries...)
}
