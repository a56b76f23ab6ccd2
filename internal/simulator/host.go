package simulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
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
	rrns    map[string]trace // by DE32 and DE37

	linesMu sync.Mutex
	lines   map[*line]bool
	closed  bool
}

func newHost(s *stage, i *issuer) *host {
	return &host{
		stage: s, issuer: i, dialect: newDialect(),
		asked: map[trace]*asked{}, advised: map[trace]*advised{}, rrns: map[string]trace{}, lines: map[*line]bool{},
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
		return m.answer(booked), manner{delivery: atOnce}, nil
	case "0100", "0200", "0220", "0221", "0420", "0421":
		if !l.signedOn {
			return message{}, manner{}, errors.New("sign-on comes first")
		}
	default:
		return message{}, manner{}, fault
	}

	check, decide := checkAuthorisation, h.authorise
	if m.mti[2] == '2' {
		check, decide = checkAdvice, h.advise
	}
	if fault == nil {
		fault = check(m)
	}
	if fault != nil { // about a message that can be answered at least
		h.stage.complain("acquirer", m.mti+": "+fault.Error())
		a := m.answer(formatError)
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

// spoil applies the behaviour that the control port asked for to an answer that would go out otherwise as
// how says.
func spoil(a message, fault Fault, how manner) (message, manner) {
	switch fault.Behaviour {
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
	amount, _ := strconv.ParseInt(digits, 10, 64)
	return amount * h.unit(numeric)
}

func padDigits(v int64, width int) string { return fmt.Sprintf("%0*d", width, v) }

func trimZeros(v int64) string { return strconv.FormatInt(v, 10) }
