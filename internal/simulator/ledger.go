package simulator

import (
	"sync"
	"time"
)

// Entry is one line of the issuer's ledger. There is no PAN in it: the account is a keyed hash
// that means nothing in another process, the card is masked (PCI DSS 3.4.1, 3.5.1.1).
type Entry struct {
	ID            int       `json:"id"`    // from 1, in the order of booking
	Kind          string    `json:"kind"`  // purchase or reversal
	State         string    `json:"state"` // kept or reversed; a reversal is always kept
	Account       string    `json:"account"`
	Card          string    `json:"card"`
	Scheme        string    `json:"scheme"`
	Amount        int64     `json:"amount"`   // minor units of the currency
	Currency      string    `json:"currency"` // ISO 4217 numeric
	RRN           string    `json:"rrn"`      // DE37
	STAN          string    `json:"stan"`     // DE11 of this message
	DE7           string    `json:"de7"`      // of this message
	DE32          string    `json:"de32"`
	DE41          string    `json:"de41"`
	DE42          string    `json:"de42"`
	ApprovalCode  string    `json:"approval_code,omitempty"`
	TransactionID string    `json:"transaction_id,omitempty"` // DE62
	Original      int       `json:"original,omitempty"`       // a reversal's purchase
	At            time.Time `json:"at"`
}

// openingBalance is what every account has in every currency: ten times the largest DE4.
const openingBalance = 10_000_000_000_000

// ledger keeps entries and what they leave on each account.
type ledger struct {
	mu      sync.Mutex
	entries []Entry
	spent   map[string]int64 // by account and currency
}

// purchase books a captured purchase, unless the account has not that much left.
func (l *ledger) purchase(e Entry) (id int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	purse := e.Account + e.Currency
	if e.Amount > openingBalance-l.spent[purse] {
		return 0, false
	}
	l.spent[purse] += e.Amount
	e.Kind, e.State = "purchase", "kept"
	return l.append(e), true
}

// reverse books the reversal of a kept purchase. Once reversed, nothing happens any more.
func (l *ledger) reverse(purchase int, e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	original := &l.entries[purchase-1]
	if original.State != "kept" {
		return
	}
	original.State = "reversed"
	e.Kind, e.State, e.Original = "reversal", "kept", purchase
	e.Account, e.Card, e.Scheme = original.Account, original.Card, original.Scheme
	e.Amount, e.Currency, e.DE42 = original.Amount, original.Currency, original.DE42
	l.spent[e.Account+e.Currency] -= e.Amount
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
