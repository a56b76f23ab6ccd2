package simulator

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// raw reads what came, length and all, until nothing comes for a moment or the connection ends.
func (g *terminal) raw(want int) []byte {
	g.t.Helper()
	_ = g.line.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, want)
	n, err := io.ReadFull(g.line.conn, b)
	if err != nil {
		g.t.Fatalf("%d bytes came: %v", n, err)
	}
	return b
}

func (w *World) meets(t *testing.T, on occasion, f Fault) {
	t.Helper()
	if err := w.Turn(func(k *Knobs) { *k.at(on) = &f }); err != nil {
		t.Fatal(err)
	}
}

func TestMangledAnswers(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	frame := func() []byte {
		t.Helper()
		length := binary.BigEndian.Uint16(g.raw(2))
		return g.raw(int(length))
	}

	w.meets(t, onAcquirer, Fault{Behaviour: "garbled"})
	g.send(g.buy(visaCard, nil))
	if noise := frame(); string(noise[:4]) != "0210" {
		t.Errorf("MTI %q", noise[:4])
	} else if m, err := g.d.decode(noise); err == nil {
		t.Errorf("decodes, with %d elements", len(m.fields))
	}
	g.silent() // the line is good

	w.meets(t, onAcquirer, Fault{Behaviour: "other_stan"})
	asked := g.buy(visaCard, nil)
	if a := g.ask(asked); a.fields[11] == asked.fields[11] || a.fields[39] != "00" || a.fields[37] != asked.fields[37] {
		t.Errorf("STAN %s of %s", a.fields[11], asked.fields[11])
	}

	w.meets(t, onAcquirer, Fault{Behaviour: "half_answer"})
	g.send(g.buy(visaCard, nil))
	length := int(binary.BigEndian.Uint16(g.raw(2)))
	if rest, err := io.ReadAll(g.line.conn); err != nil || len(rest) == 0 || len(rest) >= length {
		t.Errorf("%d of %d bytes, %v", len(rest), length, err)
	}

	g = signedOn(t, w)
	w.meets(t, onAcquirer, Fault{Behaviour: "wrong_length"})
	g.stan = 500
	g.send(g.buy(visaCard, nil))
	length = int(binary.BigEndian.Uint16(g.raw(2)))
	if _, err := g.d.decode(g.raw(length - 7)); err != nil {
		t.Errorf("what is there: %v", err)
	}
	wantComplaints(t, w)
}

func TestAnswersOverOtherConnections(t *testing.T) {
	w := startWorld(t, nil)
	first, second := signedOn(t, w), signedOn(t, w)
	w.meets(t, onAcquirer, Fault{Behaviour: "other_connection"})
	asked := first.buy(visaCard, nil)
	first.send(asked)
	if a := second.receive(); a.fields[37] != asked.fields[37] {
		t.Errorf("RRN %s", a.fields[37])
	}
	first.silent()

	w.meets(t, onAcquirer, Fault{Behaviour: "reconnect"})
	second.stan = 100
	asked = second.buy(visaCard, nil)
	second.send(asked)
	second.hungUp()
	if a := first.receive(); a.fields[37] != asked.fields[37] {
		t.Errorf("RRN %s", a.fields[37])
	}

	w.meets(t, onAdvice, Fault{Behaviour: "reconnect"})
	undo := first.undo(asked, nil)
	first.send(undo)
	first.hungUp()
	third := signedOn(t, w)
	if a := third.receive(); a.mti != "0430" || a.fields[37] != asked.fields[37] || a.fields[39] != "00" {
		t.Errorf("%s %s", a.mti, a.fields[39])
	}
	wantComplaints(t, w)
}

func TestHostThatIsNotListening(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	g := signedOn(t, w)
	w.meets(t, onAcquirer, Fault{Behaviour: "half_open"})
	asked := g.buy(visaCard, nil)
	g.send(asked)
	eventually(t, "booked", func() bool { return len(w.Ledger()) == 1 })
	g.send(g.undo(asked, nil))
	other := signedOn(t, w) // is served
	other.stan = 100
	if a := other.ask(other.undo(asked, nil)); a.fields[39] != "00" {
		t.Errorf("DE39 %q", a.fields[39])
	}
	if n := len(w.Ledger()); n != 2 {
		t.Errorf("%d entries: who is deaf has heard something", n)
	}

	w.meets(t, onAcquirer, Fault{Behaviour: "stall", DelayMS: 3000})
	stalled := other.buy(visaCard, nil)
	other.send(stalled)
	other.send(other.undo(stalled, nil)) // waits behind it
	eventually(t, "the host looks away", func() bool { return c.pending(3*time.Second) > 0 })
	if n := len(w.Ledger()); n != 2 {
		t.Errorf("%d entries while the host looks away", n)
	}
	c.Advance(3 * time.Second)
	if a := other.receive(); a.mti != "0210" || a.fields[39] != "00" {
		t.Errorf("%s %s", a.mti, a.fields[39])
	}
	if a := other.receive(); a.mti != "0430" || a.fields[39] != "00" {
		t.Errorf("%s %s", a.mti, a.fields[39])
	}

	w.meets(t, onConnection, Fault{Behaviour: "refuse"})
	if conn, err := net.Dial("tcp", w.Kit().Acquirer); err == nil { // or it is reset before Dial returns
		(&terminal{t: t, line: &line{conn: conn, stage: w.stage}, d: newDialect()}).hungUp()
		conn.Close()
	}
	w.meets(t, onConnection, Fault{Behaviour: "stall", DelayMS: 3000})
	slow := dialHost(t, w)
	slow.send(network("001"))
	eventually(t, "the host looks away", func() bool { return c.pending(3*time.Second) > 0 })
	c.Advance(3 * time.Second)
	if a := slow.receive(); a.fields[39] != "00" {
		t.Errorf("sign-on: %s", a.fields[39])
	}

	w.meets(t, onSignOn, Fault{Behaviour: "decline", Code: "91"})
	refused := dialHost(t, w)
	if a := refused.ask(network("001")); a.fields[39] != "91" {
		t.Errorf("sign-on: %s", a.fields[39])
	}
	w.meets(t, onEcho, Fault{Behaviour: "drop_connection"})
	slow.send(network("301"))
	slow.hungUp()
	wantComplaints(t, w)
	refused.send(network("301"))
	refused.hungUp()
	wantComplaints(t, w, "acquirer: 0800: sign-on comes first")
}

func TestPurchaseAfterItsReversal(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	w.meets(t, onAcquirer, Fault{Behaviour: "after_reversal", Reversals: 2})
	asked := g.buy(visaCard, nil)
	g.send(asked)
	g.send(asked) // somebody is impatient: a duplicate, and nothing more
	if a := g.receive(); a.fields[39] != "94" {
		t.Errorf("DE39 %q", a.fields[39])
	}
	undo := g.undo(asked, nil)
	for _, mti := range []string{"0420", "0421"} {
		undo.mti = mti
		if a := g.ask(undo); a.fields[39] != "25" {
			t.Errorf("%s: %q", mti, a.fields[39])
		}
	}
	if a := g.receive(); a.mti != "0210" || a.fields[39] != "00" || a.fields[37] != asked.fields[37] {
		t.Errorf("%s %s", a.mti, a.fields[39])
	}
	if paid, _ := account(w); paid != 10000000 {
		t.Errorf("paid %d", paid)
	}
	if a := g.ask(undo); a.fields[39] != "00" {
		t.Errorf("once more: %q", a.fields[39])
	}
	if paid, _ := account(w); paid != 0 {
		t.Errorf("paid %d", paid)
	}
	wantComplaints(t, w)
}

// TestTroubleByAmount: an amount needs no knob, and does not wear off.
func TestTroubleByAmount(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	for range 2 {
		asked := g.buy(visaCard, map[int]string{4: "000001902200"})
		g.send(asked)
		g.silent()
		undo := g.undo(asked, nil)
		for _, want := range []string{"25", "25", "00"} {
			if a := g.ask(undo); a.fields[39] != want {
				t.Errorf("DE39 %q, want %q", a.fields[39], want)
			}
			undo.mti = "0421"
		}
	}
	wantComplaints(t, w)
}
