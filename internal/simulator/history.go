package simulator

import (
	"slices"
	"sync"
	"time"
)

// Passage is one message that passed on a line of this world, so that it can be read afterwards what happened.
// There is no PAN, no CVN and no authentication value in it.
type Passage struct {
	Number     int       `json:"number"` // from 1, in the order of passing
	At         time.Time `json:"at"`
	Line       string    `json:"line"`                 // acquirer, directory, acs or merchant
	Connection int       `json:"connection,omitempty"` // of the acquirer line: from 1, in the order of coming
	From       string    `json:"from"`                 // gateway or world
	Type       string    `json:"type"`                 // MTI, messageType or event; or what became of the connection
	STAN       string    `json:"stan,omitempty"`       // DE11
	RRN        string    `json:"rrn,omitempty"`        // DE37
	Amount     int64     `json:"amount,omitempty"`     // minor units of the currency
	Currency   string    `json:"currency,omitempty"`   // ISO 4217 numeric
	Card       string    `json:"card,omitempty"`       // masked (PCI DSS 3.4.1)
	ID         string    `json:"id,omitempty"`         // threeDSServerTransID or webhook-id
	Version    string    `json:"version,omitempty"`    // messageVersion
	Method     string    `json:"method,omitempty"`     // threeDSCompInd of an AReq
	Code       string    `json:"code,omitempty"`       // DE39, transStatus or HTTP status
	Did        string    `json:"did,omitempty"`        // what was done with it, if not what is usual
}

// historyLength is how many passages are kept; the oldest go first.
const historyLength = 5000

// history keeps what passed last.
type history struct {
	mu     sync.Mutex
	passed int
	kept   []Passage // a ring, once it is full
}

func (s *stage) passed(p Passage) {
	h := &s.history
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passed++
	p.Number, p.At = h.passed, s.now().UTC()
	if len(h.kept) < historyLength {
		h.kept = append(h.kept, p)
		return
	}
	h.kept[(h.passed-1)%historyLength] = p
}

// passed3DS writes down an EMV 3DS message.
func (s *stage) passed3DS(line, from string, o object, did string) {
	p := Passage{
		Line: line, From: from, Type: elementName(o.text("messageType")), Currency: o.text("purchaseCurrency"),
		Amount: minorOf(o.text("purchaseAmount")), Version: known(o.text("messageVersion"), versions...),
		Method: known(o.text("threeDSCompInd"), "Y", "N", "U"), Code: orElse(o, "transStatus", o.text("errorCode")), Did: did,
	}
	if id := o.text("threeDSServerTransID"); uuidShape.MatchString(id) {
		p.ID = id
	}
	if pan := o.text("acctNumber"); len(pan) >= 12 {
		p.Card = mask(pan)
	}
	s.passed(p)
}

// known is a text that may be repeated, or "".
func known(text string, of ...string) string {
	if slices.Contains(of, text) {
		return text
	}
	return ""
}

// list returns what is kept, oldest first.
func (h *history) list() []Passage {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.kept) < historyLength {
		return append([]Passage{}, h.kept...)
	}
	oldest := h.passed % historyLength
	return append(append([]Passage{}, h.kept[oldest:]...), h.kept[:oldest]...)
}
