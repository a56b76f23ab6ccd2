package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// host is the acquirer's end of the ISO 8583 line. It remembers every message that it has
// answered, because a gateway in doubt asks again.
type host struct {
	stage   *stage
	issuer  *issuer
	dialect *dialect

	mu        sync.Mutex // the journal: one message is decided at a time
	purchases map[trace]*taken
	reversals map[trace]*undone
	rrns      map[string]trace // by DE32 and DE37

	linesMu sync.Mutex
	lines   map[*line]bool
	closed  bool
}

// trace identifies a message of one class: the host's key for duplicates.
type trace struct {
	de32, de41, de7, de11, de37 string
}

func (m message) trace() trace {
	return trace{m.fields[32], m.fields[41], m.fields[7], m.fields[11], m.fields[37]}
}

// taken is an 0200 that this host has seen.
type taken struct {
	account, amount, currency, approval string
	entry                               int            // 0: declined
	same                                map[int]string // what a reversal repeats, by element
}

// repeated are the elements that a reversal has from its original, besides those that find it.
var repeated = []int{12, 13, 18, 19, 25, 33, 42}

// undone is an 0420 or 0421 that this host has acknowledged.
type undone struct {
	seal string // of everything but the MTI
	code string
}

func newHost(s *stage, i *issuer) *host {
	return &host{
		stage: s, issuer: i, dialect: newDialect(),
		purchases: map[trace]*taken{}, reversals: map[trace]*undone{}, rrns: map[string]trace{},
		lines: map[*line]bool{},
	}
}

func (h *host) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		line := &line{conn: conn, stage: h.stage}
		if !h.enter(line) {
			_ = conn.Close()
			return
		}
		if !h.stage.spawn(func() { h.attend(line) }) {
			h.leave(line)
		}
	}
}

func (h *host) enter(l *line) bool {
	h.linesMu.Lock()
	defer h.linesMu.Unlock()
	if h.closed {
		return false
	}
	h.lines[l] = true
	return true
}

func (h *host) leave(l *line) {
	h.linesMu.Lock()
	defer h.linesMu.Unlock()
	delete(h.lines, l)
	_ = l.conn.Close()
}

func (h *host) close(context.Context) error {
	h.linesMu.Lock()
	defer h.linesMu.Unlock()
	h.closed = true
	for l := range h.lines {
		_ = l.conn.Close()
	}
	return nil
}

// attend serves one connection until either side hangs up.
func (h *host) attend(l *line) {
	defer h.leave(l)
	for {
		frame, err := l.read()
		if err != nil {
			return
		}
		m, err := h.dialect.decode(frame)
		if err != nil {
			h.stage.complain("acquirer", err.Error())
			return
		}
		a, how, err := h.answer(l, m)
		if err != nil {
			h.stage.complain("acquirer", m.mti+": "+err.Error())
			return
		}
		if how.hangUp {
			return
		}
		if how.copies == 0 {
			continue
		}
		packed, err := h.dialect.encode(a)
		if err != nil {
			h.stage.log.Error("answer not packed", "mti", a.mti, "err", err)
			return
		}
		if how.delay > 0 { // meanwhile others are answered: answers come in any order
			h.stage.spawn(func() {
				if h.stage.pause(how.delay) {
					_ = l.send(packed, how.copies)
				}
			})
			continue
		}
		if l.send(packed, how.copies) != nil {
			return
		}
	}
}

// manner is how an answer goes back.
type manner struct {
	delivery
	hangUp bool
}

// answer decides about one message. An error ends the connection: whoever sends that cannot be
// answered in this dialect.
func (h *host) answer(l *line, m message) (message, manner, error) {
	fault := m.check()
	switch m.mti {
	case "0800":
		if fault != nil {
			return message{}, manner{}, fault
		}
		switch what := m.fields[70]; {
		case what == "001":
			l.signedOn = true
		case what != "002" && what != "301":
			return message{}, manner{}, errors.New("DE70 unknown")
		case !l.signedOn:
			return message{}, manner{}, errors.New("sign-on comes first")
		case what == "002":
			l.signedOn = false
		}
		return m.answer("0810", "00"), manner{delivery: atOnce}, nil
	case "0200", "0420", "0421":
		if !l.signedOn {
			return message{}, manner{}, errors.New("sign-on comes first")
		}
	default:
		return message{}, manner{}, fault
	}

	mti, check, decide := "0210", checkPurchase, h.purchase
	if m.mti != "0200" {
		mti, check, decide = "0430", checkReversal, h.reversal
	}
	if fault == nil {
		fault = check(m)
	}
	if fault != nil { // DE39 30: format error, about a message that can be answered at least
		h.stage.complain("acquirer", m.mti+": "+fault.Error())
		a := m.answer(mti, "30")
		for id, value := range a.fields {
			if elements[id].check(value) != nil {
				delete(a.fields, id)
			}
		}
		return a, manner{delivery: atOnce}, nil
	}
	a, how := decide(m)
	return a, how, nil
}

// purchase answers an 0200.
func (h *host) purchase(m message) (message, manner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := m.trace()
	if h.purchases[key] != nil {
		return m.answer("0210", "94"), manner{delivery: atOnce} // duplicate: nothing changes
	}
	fault := h.stage.knobs.nextPurchase()
	if fault.Behaviour == behaviourLost {
		return message{}, manner{} // no copy of any answer
	}
	if before, used := h.rrns[m.fields[32]+m.fields[37]]; used && before != key {
		h.stage.complain("acquirer", "0200: DE37 used before by another purchase")
	}
	h.rrns[m.fields[32]+m.fields[37]] = key

	private, _ := parseTags(m.fields[48]) // checked already
	amount, _ := strconv.ParseInt(m.fields[4], 10, 64)
	d := h.issuer.decide(purchase{
		pan: m.fields[2], expiry: m.fields[14], cvn: private["92"],
		amount: amount, partial: fault.Behaviour == behaviourPartial,
		value: private["43"], eci: private["42"], dsTransID: strings.TrimPrefix(private["66"], "2"),
		entry: Entry{
			Amount: amount, Currency: m.fields[49], RRN: m.fields[37], STAN: m.fields[11], DE7: m.fields[7],
			DE32: m.fields[32], DE41: m.fields[41], DE42: m.fields[42],
		},
	})
	h.purchases[key] = &taken{
		account: h.issuer.account(m.fields[2]), amount: m.fields[4], currency: m.fields[49],
		approval: d.approval, entry: d.entry, same: map[int]string{},
	}
	for _, id := range repeated {
		h.purchases[key].same[id] = m.fields[id]
	}

	a := m.answer("0210", d.code)
	a.fields[4] = padDigits(d.amount, 12)
	for id, value := range map[int]string{38: d.approval, 44: d.results, 62: d.network, 63: d.reference} {
		if value != "" {
			a.fields[id] = value
		}
	}
	if d.advice != "" {
		a.fields[48] = "84" + "02" + d.advice
	}
	return h.spoil(a, fault)
}

// spoil applies the behaviour that the control port asked for, or else the daily hostility.
func (h *host) spoil(a message, fault Fault) (message, manner) {
	how := manner{delivery: atOnce}
	switch fault.Behaviour {
	case "":
		how.delivery = h.stage.hostility.purchase(h.stage.knobs.now().Calm)
	case behaviourSilence:
		how.copies = 0
	case behaviourDrop:
		how.hangUp = true
	case behaviourLate:
		how.delay = time.Duration(fault.DelayMS) * time.Millisecond
	case behaviourTwice:
		how.copies = 2
	case behaviourWrongAmount:
		amount, _ := strconv.ParseInt(a.fields[4], 10, 64)
		a.fields[4] = padDigits((amount+1)%1_000_000_000_000, 12)
	case behaviourWrongCurrency:
		wrong := "840"
		if a.fields[49] == wrong {
			wrong = "978"
		}
		a.fields[49] = wrong
	}
	return a, how
}

// reversal answers an 0420 or 0421. A repeat gets the same answer and changes nothing; only "no
// such original" is judged again, because the original may have come in between.
func (h *host) reversal(m message) (message, manner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key, seal := m.trace(), h.seal(m)
	how := manner{delivery: atOnce}
	if h.stage.knobs.loseReversal() {
		how.copies = 0
	}
	if known := h.reversals[key]; known != nil {
		if known.seal != seal {
			h.stage.complain("acquirer", m.mti+": differs from the first one in more than its MTI")
			return m.answer("0430", "30"), how
		}
		return m.answer("0430", known.code), how
	}

	original := m.fields[90]
	purchase := h.purchases[trace{m.fields[32], m.fields[41], original[10:20], original[4:10], m.fields[37]}]
	if purchase == nil {
		return m.answer("0430", "25"), how // unable to locate the original
	}
	if fault := purchase.differs(h.issuer, m); fault != "" {
		h.stage.complain("acquirer", m.mti+": "+fault+" is not the original's")
		return m.answer("0430", "25"), how
	}
	for _, id := range repeated {
		if purchase.same[id] != m.fields[id] { // a fault, but the original is found without it
			h.stage.complain("acquirer", fmt.Sprintf("%s: DE%d is not the original's", m.mti, id))
		}
	}
	if purchase.entry != 0 {
		h.issuer.ledger.reverse(purchase.entry, Entry{
			RRN: m.fields[37], STAN: m.fields[11], DE7: m.fields[7], DE32: m.fields[32], DE41: m.fields[41],
			At: h.stage.now().UTC(),
		})
	}
	h.reversals[key] = &undone{seal: seal, code: "00"}
	if how.copies > 0 {
		how.delivery = h.stage.hostility.reversal(h.stage.knobs.now().Calm)
	}
	return m.answer("0430", "00"), how
}

// differs names the element in which a reversal contradicts its purchase.
func (t *taken) differs(i *issuer, m message) string {
	approval, given := m.fields[38]
	switch {
	case t.account != i.account(m.fields[2]):
		return "DE2"
	case t.amount != m.fields[4]:
		return "DE4"
	case t.currency != m.fields[49]:
		return "DE49"
	case given && approval != t.approval:
		return "DE38"
	}
	return ""
}

// seal fingerprints a message without its MTI, under the issuer's key because a PAN is in it.
func (h *host) seal(m message) string {
	var b strings.Builder
	for _, id := range h.dialect.ids {
		if value, ok := m.fields[id]; ok {
			fmt.Fprintf(&b, "%d:%d:%s", id, len(value), value)
		}
	}
	return h.issuer.seal("reversal", b.String())
}

func padDigits(v int64, width int) string { return fmt.Sprintf("%0*d", width, v) }

func trimZeros(v int64) string { return strconv.FormatInt(v, 10) }
