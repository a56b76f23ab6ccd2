package simulator

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const visaCard = "4000000000001091"

// hold makes an 0100; fields given replace or (if empty) remove its own.
func (g *terminal) hold(pan string, change map[int]string) message {
	m := g.buy(pan, change)
	m.mti = "0100"
	return m
}

// verify makes an 0100 that asks whether a card is good.
func (g *terminal) verify(pan string, change map[int]string) message {
	return with(g.hold(pan, map[int]string{4: "000000000000", 22: "012", 25: "51"}), change)
}

// about makes an advice about an original, with the DE38 that its answer had.
func (g *terminal) about(mti string, original, answer message, change map[int]string) message {
	code := answer.fields[38]
	if code == "" {
		code = "831000"
	}
	m := g.undo(original, map[int]string{38: code})
	m.mti = mti
	return with(m, change)
}

func (g *terminal) take(original, answer message, amount int64) message {
	return g.about("0220", original, answer, map[int]string{4: padDigits(amount, 12)})
}

func (g *terminal) giveBack(original, answer message, amount int64) message {
	return g.about("0220", original, answer, map[int]string{3: "200000", 4: padDigits(amount, 12), 12: "170000"})
}

func (g *terminal) lower(original message, stays int64) message {
	return g.undo(original, map[int]string{95: padDigits(stays, 12) + fmt.Sprintf("%030d", 0)})
}

// account adds up what the issuer's accounts have paid and what is still held, in minor units.
func account(w *World) (paid, held int64) {
	for _, e := range w.Ledger() {
		about := Entry{}
		if e.Original > 0 {
			about = w.Ledger()[e.Original-1]
		}
		switch e.Kind {
		case "purchase":
			paid += e.Amount
		case "hold":
			held += e.Amount
		case "capture":
			paid, held = paid+e.Amount, held-e.Amount
		case "release":
			held -= e.Amount
		case "refund":
			paid -= e.Amount
		case "reversal":
			if about.Kind == "hold" {
				held -= e.Amount
			} else {
				paid -= e.Amount
			}
		}
	}
	return paid, held
}

// says sends a message and wants an answer with a code, and the account as it then stands.
func (g *terminal) says(w *World, what string, m message, code string, wantPaid, wantHeld int64) message {
	g.t.Helper()
	a := g.ask(m)
	paid, held := account(w)
	if a.fields[39] != code || paid != wantPaid || held != wantHeld {
		g.t.Errorf("%s: DE39 %q, paid %d, held %d, want %q, %d, %d", what, a.fields[39], paid, held, code, wantPaid, wantHeld)
	}
	return a
}

// repeat makes an 0221 of an 0220 and an 0421 of an 0420.
func repeat(m message) message { return message{m.mti[:3] + "1", maps.Clone(m.fields)} }

const hundred = 10000000 // of the currency's unit: what terminal.buy asks for

func TestCaptureAndRelease(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	ask := g.hold(visaCard, nil)
	a := g.says(w, "hold", ask, "00", 0, hundred)
	if a.mti != "0110" || len(a.fields[38]) != 6 || len(a.fields[62]) != 15 {
		t.Errorf("%s, DE38 %q, DE62 %q", a.mti, a.fields[38], a.fields[62])
	}
	g.says(w, "the same again", ask, "94", 0, hundred)

	capture := g.take(ask, a, 6000000)
	got := g.says(w, "capture of a part", capture, "00", 6000000, 4000000)
	for _, id := range echoed["0230"] {
		if got.mti != "0230" || got.fields[id] != capture.fields[id] {
			t.Errorf("%s DE%d: %q, want %q", got.mti, id, got.fields[id], capture.fields[id])
		}
	}
	g.says(w, "its repeat", repeat(capture), "00", 6000000, 4000000)
	g.says(w, "sent again as if it were new", capture, "94", 6000000, 4000000)
	g.says(w, "its repeat, another amount", with(repeat(capture), map[int]string{4: "000006000001"}), "30", 6000000, 4000000)
	g.says(w, "a second capture", g.take(ask, a, 1000000), "12", 6000000, 4000000)
	g.says(w, "reversal of what was captured", g.undo(ask, nil), "12", 6000000, 4000000)

	g.says(w, "release of too much", g.lower(ask, 5999999), "12", 6000000, 4000000)
	release := g.lower(ask, 6000000)
	g.says(w, "release of the rest", release, "00", 6000000, 0)
	g.says(w, "its repeat", repeat(release), "00", 6000000, 0)

	never := g.hold(visaCard, nil) // not sent
	early := g.take(never, message{}, 1)
	g.says(w, "capture of what is not there", early, "25", 6000000, 0)
	b := g.says(w, "it comes", never, "00", 6000000, hundred)
	g.says(w, "capture with another DE38", repeat(early), "25", 6000000, hundred)
	g.says(w, "capture of more than is held", g.take(never, b, hundred+1), "N8", 6000000, hundred)
	g.says(w, "the hold is lowered first", g.lower(never, 3000000), "00", 6000000, 3000000)
	g.says(w, "capture of more than is left", g.take(never, b, 3000001), "N8", 6000000, 3000000)
	g.says(w, "capture of what is left", g.take(never, b, 3000000), "00", 9000000, 0)

	given := g.hold(visaCard, nil)
	c := g.says(w, "a third hold", given, "00", 9000000, hundred)
	g.says(w, "given up", g.undo(given, map[int]string{38: c.fields[38]}), "00", 9000000, 0)
	g.says(w, "capture of what was given up", g.take(given, c, 1), "12", 9000000, 0)

	want := []string{
		"1 hold captured 10000000 of 0", "2 capture kept 6000000 of 1", "3 release kept 4000000 of 1",
		"4 hold captured 10000000 of 0", "5 release kept 7000000 of 4", "6 capture kept 3000000 of 4",
		"7 hold reversed 10000000 of 0", "8 reversal kept 10000000 of 7",
	}
	var book []string
	for _, e := range w.Ledger() {
		book = append(book, fmt.Sprint(e.ID, " ", e.Kind, " ", e.State, " ", e.Amount, " of ", e.Original))
	}
	if diff := cmp.Diff(want, book); diff != "" {
		t.Errorf("ledger (-want +got):\n%s", diff)
	}
	wantComplaints(t, w,
		"acquirer: 0221: differs from the first one in more than its MTI",
		"acquirer: 0220: captures more than is held",
		"acquirer: 0420: takes back what was captured or refunded",
		"acquirer: 0420: does not leave what was captured",
		"acquirer: 0221: DE38 is not the original's",
		"acquirer: 0220: captures more than is held",
		"acquirer: 0220: captures more than is held",
		"acquirer: 0220: captures more than is held")
}

func TestRefunds(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	ask := g.buy(visaCard, nil)
	a := g.says(w, "purchase", ask, "00", hundred, 0)
	first := g.giveBack(ask, a, 4000000)
	g.says(w, "a part", first, "00", 6000000, 0)
	g.says(w, "its repeat", repeat(first), "00", 6000000, 0)
	g.says(w, "more than is left", g.giveBack(ask, a, 6000001), "61", 6000000, 0)
	g.says(w, "the rest", g.giveBack(ask, a, 6000000), "00", 0, 0)
	g.says(w, "and more", g.giveBack(ask, a, 1), "61", 0, 0)
	g.says(w, "reversal of what was refunded", g.undo(ask, nil), "12", 0, 0)

	held := g.hold(visaCard, nil)
	b := g.says(w, "hold", held, "00", 0, hundred)
	g.says(w, "refund of what is only held", g.giveBack(held, b, 1), "12", 0, hundred)
	g.says(w, "capture", g.take(held, b, 7000000), "00", 7000000, 3000000)
	g.says(w, "refund of more than was captured", g.giveBack(held, b, 7000001), "61", 7000000, 3000000)
	g.says(w, "refund of a captured hold", g.giveBack(held, b, 7000000), "00", 0, 3000000)
	wantComplaints(t, w,
		"acquirer: 0220: refunds more than was captured",
		"acquirer: 0220: refunds more than was captured",
		"acquirer: 0420: takes back what was captured or refunded",
		"acquirer: 0220: refunds more than was captured",
		"acquirer: 0220: refunds more than was captured")
}

func TestAdvicesAreCheckedStrictly(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	bought, held := g.buy(visaCard, nil), g.hold(visaCard, nil)
	a, b := g.ask(bought), g.ask(held)
	checked := g.verify(visaCard, nil)
	g.ask(checked)
	var want []string
	for _, c := range []struct {
		mti, what string
		m         message
		code      string
	}{
		{"0220", "DE90 names no authorisation", g.take(bought, a, 1), "30"},
		{"0420", "DE90 names no authorisation", g.lower(bought, 1), "30"},
		{"0420", "DE95 leaves nothing to give back", g.lower(held, hundred), "30"},
		{"0420", "DE95 says more than how much stays", with(g.lower(held, 1), map[int]string{95: fmt.Sprintf("%042d", 7)}), "30"},
		{"0220", "DE3 is not of this message", with(g.take(held, b, 1), map[int]string{3: "010000"}), "30"},
		{"0420", "DE3 is not of this message", with(g.undo(held, nil), map[int]string{3: "200000"}), "30"},
		{"0220", "DE4 is zero", g.take(held, b, 0), "30"},
		{"0220", "DE38 is missing", with(g.take(held, b, 1), map[int]string{38: ""}), "30"},
		{"0220", "DE95 does not belong in a 0220", with(g.take(held, b, 1), map[int]string{95: fmt.Sprintf("%042d", 0)}), "30"},
		{"0420", "DE25 of a verification in a message that is none", g.undo(checked, nil), "30"},
		{"0420", "DE4 is not the original's", with(g.undo(checked, nil), map[int]string{4: "000000000001", 25: "59"}), "25"},
		{"0220", "DE49 is not the original's", with(g.take(held, b, 1), map[int]string{49: "840"}), "25"},
	} {
		if got := g.ask(c.m); got.fields[39] != c.code {
			t.Errorf("%s: DE39 %q, want %q", c.what, got.fields[39], c.code)
		}
		want = append(want, "acquirer: "+c.mti+": "+c.what)
	}
	if paid, held := account(w); paid != hundred || held != hundred {
		t.Errorf("paid %d, held %d", paid, held)
	}
	wantComplaints(t, w, want...)
}

func TestVerification(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	for pan, code := range map[string]string{visaCard: "85", "5555555555554444": "85", "3337000000200004": "00"} {
		a := g.ask(g.verify(pan, nil))
		if _, approved := a.fields[38]; a.fields[39] != code || approved || len(a.fields[62]) != 15 || a.fields[44] != " Y       M" {
			t.Errorf("DE39 %q, DE38 there: %v, DE62 %q, DE44 %q", a.fields[39], approved, a.fields[62], a.fields[44])
		}
	}
	if a := g.ask(g.verify(visaCard, map[int]string{48: "2204C1019203999"})); a.fields[39] != "N7" {
		t.Errorf("wrong CVN: DE39 %q", a.fields[39])
	}
	for what, change := range map[string]map[int]string{
		"DE4 of a verification is not zero": {4: "000000000001"},
		"DE4 is zero":                       {25: "59"},
	} {
		if a := g.ask(g.verify(visaCard, change)); a.fields[39] != "30" {
			t.Errorf("%s: DE39 %q", what, a.fields[39])
		}
	}
	if paid, held := account(w); len(w.Ledger()) != 3 || paid != 0 || held != 0 {
		t.Errorf("%d entries, paid %d, held %d", len(w.Ledger()), paid, held)
	}
	complaints := map[string]bool{}
	for _, c := range w.Complaints() {
		complaints[c.What] = true
	}
	if len(complaints) != 2 {
		t.Errorf("%v", complaints)
	}
}

// What a gateway meets when its advices are not answered as they should be.
func TestAdviceFaults(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	next := func(f Fault) {
		t.Helper()
		if err := w.Turn(func(k *Knobs) { k.NextAdvice = &f }); err != nil {
			t.Fatal(err)
		}
	}
	ask := g.buy(visaCard, nil)
	a := g.ask(ask)

	next(Fault{Behaviour: "silence", Times: 2})
	first := g.giveBack(ask, a, 1000000)
	g.send(first)
	g.send(repeat(first))
	g.silent()
	g.says(w, "the third try", repeat(first), "00", 9000000, 0)

	next(Fault{Behaviour: "lost"})
	second := g.giveBack(ask, a, 1000000)
	g.send(second)
	g.silent()
	g.says(w, "lost, and repeated", repeat(second), "00", 8000000, 0)

	next(Fault{Behaviour: "decline", Code: "57"})
	third := g.giveBack(ask, a, 1000000)
	g.says(w, "declined", third, "57", 8000000, 0)
	g.says(w, "and its repeat", repeat(third), "57", 8000000, 0)

	next(Fault{Behaviour: "drop_connection"})
	fourth := g.giveBack(ask, a, 1000000)
	g.send(fourth)
	g.hungUp()
	again := signedOn(t, w)
	again.says(w, "dropped, and repeated", repeat(fourth), "00", 7000000, 0)
	wantComplaints(t, w)
}

func TestAuthorisationFaults(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	next := func(f Fault) {
		t.Helper()
		if err := w.Turn(func(k *Knobs) { k.NextAcquirer = &f }); err != nil {
			t.Fatal(err)
		}
	}
	next(Fault{Behaviour: "silence"})
	ask := g.hold(visaCard, nil)
	g.send(ask)
	g.silent()
	g.says(w, "reversal of a hold", g.undo(ask, nil), "00", 0, 0)
	next(Fault{Behaviour: "partial"})
	g.says(w, "half of it", g.hold(visaCard, nil), "10", 0, hundred/2)
	next(Fault{Behaviour: "decline", Code: "05", AdviceCode: "21"})
	if a := g.says(w, "declined", g.hold("5555555555554444", nil), "05", 0, hundred/2); a.fields[48] != "840221" {
		t.Errorf("DE48 %q", a.fields[48])
	}
	g.says(w, "by amount", g.hold(visaCard, map[int]string{4: "000001005400"}), "51", 0, hundred/2)
	wantComplaints(t, w)
}

// TestHostileAcknowledgements: of five captures and refunds the third is acknowledged twice and the fifth late; the
// money moves once.
func TestHostileAcknowledgements(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Calm, o.Now, o.Timer = false, c.Now, c.Timer })
	g := signedOn(t, w)
	ask := g.buy(visaCard, nil)
	a := g.ask(ask)
	answers := map[string]int{}
	for i := range 5 {
		refund := g.giveBack(ask, a, 1000000)
		g.send(refund)
		if i == 4 {
			g.silent()
			eventually(t, "a timer for the late answer", func() bool { return c.pending(400*time.Millisecond) > 0 })
			c.Advance(400 * time.Millisecond)
		}
		got := g.receive()
		for got.fields[11] != refund.fields[11] { // the second copy of the one before
			answers[got.fields[11]]++
			got = g.receive()
		}
		answers[got.fields[11]]++
		if got.fields[39] != "00" {
			t.Errorf("refund %d: DE39 %q", i, got.fields[39])
		}
	}
	if paid, _ := account(w); paid != hundred-5000000 || len(answers) != 5 || answers["000004"] != 2 {
		t.Errorf("paid %d, answers %v", paid, answers)
	}
	wantComplaints(t, w)
}
