package simulator

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// host is the acquirer's end of the ISO 8583 line. It remembers every message that it has
// answered, because a gateway in doubt asks again.
type host struct {
	stage   *stage
	issuer  *issuer
	dialect *dialect

	mu      sync.Mutex // the journal: one message is decided at a time
	asked   map[trace]*asked
	advised map[trace]*advised
	held    map[trace]*held
	tries   map[trace]int    // of advices
	rrns    map[string]trace // by DE32 and DE37

	switchboard
}

func newHost(s *stage, i *issuer) *host {
	return &host{
		stage: s, issuer: i, dialect: newDialect(),
		asked: map[trace]*asked{}, advised: map[trace]*advised{}, held: map[trace]*held{}, tries: map[trace]int{}, rrns: map[string]trace{},
		switchboard: switchboard{lines: map[*line]bool{}},
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

// attend serves one connection until either side hangs up, or nobody serves it any more though it stays open.
func (h *host) attend(l *line) {
	l.note("gateway", "connected", "")
	switch fault := h.stage.knobs.next(onConnection, subject{}); fault.Behaviour {
	case behaviourRefuse:
		l.reset()
		h.leave(l)
		return
	case behaviourHalfOpen:
		l.note("world", "deaf", behaviourHalfOpen)
		return
	case behaviourStall:
		if !h.stage.pause(fault.delay()) {
			h.leave(l)
			return
		}
	}
	for h.turn(l) {
	}
	if l.deaf {
		h.signOff(l)
		l.note("world", "deaf", behaviourHalfOpen)
		return
	}
	h.leave(l)
}

// turn takes one message and answers it; false means that it was the last of this connection.
func (h *host) turn(l *line) bool {
	frame, err := l.read()
	if err != nil {
		return false
	}
	m, err := h.dialect.decode(frame)
	if err != nil {
		h.stage.complain("acquirer", err.Error())
		return false
	}
	fault := h.fault(m)
	h.note(l, "gateway", m, fault.Behaviour)
	if fault.Behaviour == behaviourStall && !h.stage.pause(fault.delay()) {
		return false
	}
	a, how, err := h.answer(l, m, fault)
	if err != nil {
		h.stage.complain("acquirer", m.mti+": "+err.Error())
		return false
	}
	goOn := h.reply(l, a, how)
	if how.then != nil {
		how.then()
	}
	return goOn
}

// fault is what shall happen to a message. One that is out of turn or malformed has trouble enough.
func (h *host) fault(m message) Fault {
	if m.check() != nil {
		return Fault{}
	}
	switch {
	case m.mti == "0800" && m.fields[70] == "001":
		return h.stage.knobs.next(onSignOn, subject{})
	case m.mti == "0800" && m.fields[70] == "301":
		return h.stage.knobs.next(onEcho, subject{})
	case m.mti == "0800":
		return Fault{}
	}
	on, pan := onAcquirer, m.fields[2]
	about := subject{
		mti: m.mti, rrn: m.fields[37], card: pan[max(0, len(pan)-4):], merchant: m.fields[42],
		amount: h.minor(m.fields[4], m.fields[49]), currency: m.fields[49],
	}
	if m.mti[2] == '2' {
		on = onAdvice
		h.mu.Lock()
		h.tries[m.trace()]++
		about.tries = h.tries[m.trace()]
		h.mu.Unlock()
	}
	return h.stage.knobs.next(on, about)
}

// note writes into the history that a message passed.
func (h *host) note(l *line, from string, m message, did string) {
	p := Passage{
		Line: "acquirer", Connection: l.number, From: from, Type: m.mti, STAN: m.fields[11], RRN: m.fields[37],
		Amount: h.minor(m.fields[4], m.fields[49]), Currency: m.fields[49], Code: m.fields[39], Did: did,
	}
	if pan := m.fields[2]; len(pan) >= 12 {
		p.Card = mask(pan)
	}
	h.stage.passed(p)
}

// answer decides about one message. An error ends the connection: whoever sends that cannot be
// answered in this dialect.
func (h *host) answer(l *line, m message, fault Fault) (message, manner, error) {
	wrong := m.check()
	switch m.mti {
	case "0800":
		if wrong != nil {
			return message{}, manner{}, wrong
		}
		return h.manage(l, m, fault)
	case "0100", "0200", "0220", "0221", "0420", "0421":
		if !h.signedOn(l) {
			return message{}, manner{}, errors.New("sign-on comes first")
		}
	default:
		return message{}, manner{}, wrong
	}

	check, decide := checkAuthorisation, h.authorise
	if m.mti[2] == '2' {
		check, decide = checkAdvice, h.advise
	}
	if wrong == nil {
		wrong = check(m)
	}
	if wrong != nil { // about a message that can be answered at least
		h.stage.complain("acquirer", m.mti+": "+wrong.Error())
		a := m.answer(formatError)
		for id, value := range a.fields {
			if elements[id].check(value) != nil {
				delete(a.fields, id)
			}
		}
		return a, manner{delivery: atOnce}, nil
	}
	a, how := decide(l, m, fault)
	return a, how, nil
}

// manage answers a network message.
func (h *host) manage(l *line, m message, fault Fault) (message, manner, error) {
	how := manner{delivery: atOnce}
	if fault.Behaviour == behaviourDecline {
		return m.answer(fault.Code), how, nil
	}
	switch what := m.fields[70]; {
	case what == "001":
		how.then = h.signOn(l)
	case what != "002" && what != "301":
		return message{}, manner{}, errors.New("DE70 unknown")
	case !h.signedOn(l):
		return message{}, manner{}, errors.New("sign-on comes first")
	case what == "002":
		h.signOff(l)
	}
	a, how := spoil(m.answer(booked), fault, how)
	return a, how, nil
}

// unit is how many minor units of ISO 4217 this host counts as one in a currency.
func (h *host) unit(numeric string) int64 {
	c := currencies[numeric]
	digits, ok := h.stage.knobs.now().AcquirerExponents[c.alpha]
	if !ok {
		digits = c.exponent
	}
	unit := int64(1)
	for ; digits < c.exponent; digits++ {
		unit *= 10
	}
	return unit
}

// minor reads an amount of the wire, which has no more than 12 digits.
func (h *host) minor(digits, numeric string) int64 {
	return minorOf(digits) * h.unit(numeric)
}

func padDigits(v int64, width int) string { return fmt.Sprintf("%0*d", width, v) }

func trimZeros(v int64) string { return strconv.FormatInt(v, 10) }
