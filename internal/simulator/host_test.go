package simulator

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// terminal is a gateway's end of the acquirer line, as simple as can be.
type terminal struct {
	t    *testing.T
	line *line
	d    *dialect
	stan int
}

func dialHost(t *testing.T, w *World) *terminal {
	t.Helper()
	conn, err := net.Dial("tcp", w.Kit().Acquirer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &terminal{t: t, line: &line{conn: conn, stage: w.stage}, d: newDialect()}
}

func signedOn(t *testing.T, w *World) *terminal {
	t.Helper()
	g := dialHost(t, w)
	g.send(network("001"))
	if a := g.receive(); a.mti != "0810" || a.fields[39] != "00" {
		t.Fatalf("sign-on: %s %s", a.mti, a.fields[39])
	}
	return g
}

func network(what string) message {
	return message{"0800", map[int]string{7: "1123081500", 11: "000001", 70: what}}
}

func (g *terminal) send(m message) {
	g.t.Helper()
	packed, err := g.d.encode(m)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := g.line.conn.Write(packed); err != nil {
		g.t.Fatal(err)
	}
}

func (g *terminal) receive() message {
	g.t.Helper()
	_ = g.line.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	frame, err := g.line.read()
	if err != nil {
		g.t.Fatalf("no answer: %v", err)
	}
	m, err := g.d.decode(frame)
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

// silent proves that nothing comes: an echo sent now is the next thing answered.
func (g *terminal) silent() {
	g.t.Helper()
	g.send(network("301"))
	if a := g.receive(); a.mti != "0810" || a.fields[70] != "301" {
		g.t.Fatalf("got a %s where silence was expected", a.mti)
	}
}

func (g *terminal) hungUp() {
	g.t.Helper()
	_ = g.line.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := g.line.read(); err != io.EOF && !strings.Contains(fmt.Sprint(err), "reset") {
		g.t.Fatalf("connection not dropped: %v", err)
	}
}

// buy makes an 0200; fields given replace or (if empty) remove its own.
func (g *terminal) buy(pan string, change map[int]string) message {
	g.stan++
	m := message{"0200", map[int]string{
		2: pan, 3: "000000", 4: "000010000000", 7: "1123081500", 11: fmt.Sprintf("%06d", g.stan),
		12: "151500", 13: "1123", 14: "3012", 18: "5734", 19: "360", 22: "102", 25: "59", 32: "400001", 33: "400002",
		37: fmt.Sprintf("632708%06d", g.stan), 41: "TERM0001", 42: "MERCHANT0000001",
		43: fmt.Sprintf("%-25s%-13sID", "Toko Kopi", "Jakarta"), 48: "2204C1019203123", 49: "360",
	}}
	return with(m, change)
}

func with(m message, change map[int]string) message {
	fields := maps.Clone(m.fields)
	for id, value := range change {
		if fields[id] = value; value == "" {
			delete(fields, id)
		}
	}
	return message{m.mti, fields}
}

// undo makes the 0420 of an 0100 or 0200.
func (g *terminal) undo(m message, change map[int]string) message {
	g.stan++
	f := maps.Clone(m.fields)
	for _, id := range []int{14, 22, 43, 48} {
		delete(f, id)
	}
	f[90] = m.mti + f[11] + f[7] + fmt.Sprintf("%011s%011s", f[32], f[33])
	f[7], f[11] = "1123081530", fmt.Sprintf("%06d", g.stan)
	return with(message{"0420", f}, change)
}

func (g *terminal) ask(m message) message {
	g.t.Helper()
	g.send(m)
	return g.receive()
}

// TestBytesOnTheWire compares with bytes written by hand from docs/acquirer-profile.md.
func TestBytesOnTheWire(t *testing.T) {
	w := startWorld(t, nil)
	conn, err := net.Dial("tcp", w.Kit().Acquirer)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// Length 39; bits 1 (secondary bitmap), 7, 11 and 70.
	ask := "0027" + hex.EncodeToString([]byte("0800")) + "8220000000000000" + "0400000000000000" +
		hex.EncodeToString([]byte("1123081500"+"000042"+"001"))
	// Length 41; bit 39 besides.
	want := "0029" + hex.EncodeToString([]byte("0810")) + "8220000002000000" + "0400000000000000" +
		hex.EncodeToString([]byte("1123081500"+"000042"+"00"+"001"))
	raw, err := hex.DecodeString(ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(raw); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want)/2)
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, hex.EncodeToString(got)); diff != "" {
		t.Errorf("0810 (-want +got):\n%s", diff)
	}
}

func TestPurchaseIsBookedAndAnswered(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	ask := g.buy("4000000000001091", nil)
	a := g.ask(ask)
	for _, id := range echoed["0210"] {
		if a.fields[id] != ask.fields[id] {
			t.Errorf("DE%d: %q, want %q", id, a.fields[id], ask.fields[id])
		}
	}
	if a.mti != "0210" || a.fields[39] != "00" || a.fields[44] != " Y       M" {
		t.Errorf("%s, DE39 %q, DE44 %q", a.mti, a.fields[39], a.fields[44])
	}
	for id, size := range map[int]int{38: 6, 62: 15, 63: 22} {
		if len(a.fields[id]) != size || !alnum.holds(a.fields[id]) {
			t.Errorf("DE%d: %q", id, a.fields[id])
		}
	}
	if _, there := a.fields[2]; there {
		t.Error("the PAN came back")
	}
	second := g.ask(g.buy("4000000000001091", nil))
	if second.fields[38] == a.fields[38] || second.fields[62] == a.fields[62] {
		t.Error("two purchases have the same DE38 or DE62")
	}

	book := w.Ledger()
	if len(book) != 2 {
		t.Fatalf("%d entries", len(book))
	}
	got := book[0]
	if got.Account == "" || got.Account != book[1].Account {
		t.Errorf("accounts %q and %q", got.Account, book[1].Account)
	}
	got.Account, got.At = "", time.Time{}
	want := Entry{
		ID: 1, Kind: "purchase", State: "kept", Card: "•••• 1091", Scheme: "visa", Amount: 10000000, Currency: "360",
		RRN: ask.fields[37], STAN: ask.fields[11], DE7: ask.fields[7], DE32: "400001", DE41: "TERM0001",
		DE42: "MERCHANT0000001", DE22: "102", Indicator: "C101", ApprovalCode: a.fields[38], TransactionID: a.fields[62],
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	if other := startWorld(t, nil); other.issuer.account("4000000000001091") == book[0].Account {
		t.Error("two worlds name an account alike: the key is not random")
	}
	wantComplaints(t, w)
}

func TestIssuerDecides(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	const visa, mastercard, amex = "4111111111111111", "5555555555554444", "378282246310005"
	cvn := func(v string) map[int]string { return map[int]string{48: fmt.Sprintf("2204C10192%02d%s", len(v), v)} }
	amount := func(v string) map[int]string { return map[int]string{4: v} }
	for _, c := range []struct {
		name, pan   string
		change      map[int]string
		code, de44  string
		advice      string
		notApproved bool
	}{
		{name: "no CVN", pan: visa, change: map[int]string{48: "2204C101"}, code: "00", de44: " Y"},
		{name: "amex", pan: amex, change: cvn("1234"), code: "00", de44: " Y       M"},
		{name: "wrong CVN, visa", pan: visa, change: cvn("999"), code: "N7", de44: " Y       N"},
		{name: "wrong CVN, mastercard", pan: mastercard, change: cvn("999"), code: "82", de44: " Y       N", advice: "840201"},
		{name: "wrong CVN, amex", pan: amex, change: cvn("9999"), code: "82", de44: " Y       N"},
		{name: "wrong CVN waved through", pan: visa, change: cvn("998"), code: "00", de44: " Y       N"},
		{name: "wrong CVN waved through, amex", pan: amex, change: cvn("9998"), code: "00", de44: " Y       N"},
		{name: "expired", pan: visa, change: map[int]string{14: "2001"}, code: "54", de44: " Y       M"},
		{name: "no such card", pan: "4111111111111112", code: "14"},
		{name: "no such range", pan: "6011000000000004", code: "14"},
		{name: "expired by amount", pan: mastercard, change: amount("000001005100"), code: "54", de44: " Y       M", advice: "840201"},
		{name: "CVN by amount", pan: visa, change: amount("000001005800"), code: "82", de44: " Y       N"},
		{name: "wrong authentication value", pan: visa, change: map[int]string{48: "2204C101" + "420205" +
			"4328AAIBBYNoEwAAACcKhAJkdQAAAAA=" + "66372e537f539-d59f-4ebe-8d56-7fdc31a8e9b4" + "9203123"}, code: "05", de44: " Y       M  1"},
	} {
		before := len(w.Ledger())
		a := g.ask(g.buy(c.pan, c.change))
		if a.fields[39] != c.code || a.fields[44] != c.de44 || a.fields[48] != c.advice {
			t.Errorf("%s: DE39 %q DE44 %q DE48 %q, want %q %q %q", c.name, a.fields[39], a.fields[44], a.fields[48], c.code, c.de44, c.advice)
		}
		_, hasCode := a.fields[38]
		booked := len(w.Ledger()) - before
		if approved := c.code == "00"; hasCode != approved || (booked == 1) != approved {
			t.Errorf("%s: DE38 there: %v, booked: %d", c.name, hasCode, booked)
		}
	}
	wantComplaints(t, w)
}

func TestDuplicatesAndReversals(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	ask := g.buy("4000000000001091", nil)
	bought := g.ask(ask)
	if a := g.ask(ask); a.fields[39] != "94" || len(w.Ledger()) != 1 {
		t.Errorf("duplicate: DE39 %q, %d entries", a.fields[39], len(w.Ledger()))
	}

	never := g.buy("4000000000001091", nil) // not sent
	early := g.undo(never, nil)
	if a := g.ask(early); a.mti != "0430" || a.fields[39] != "25" {
		t.Errorf("original unknown: %s %q", a.mti, a.fields[39])
	}
	if a := g.ask(never); a.fields[39] != "00" {
		t.Errorf("original after its reversal: %q", a.fields[39])
	}
	early.mti = "0421"
	if a := g.ask(early); a.fields[39] != "00" || w.Ledger()[1].State != "reversed" {
		t.Errorf("repeat, now that the original has come: %q", a.fields[39])
	}

	if a := g.ask(g.undo(ask, map[int]string{4: "000010000001"})); a.fields[39] != "25" {
		t.Errorf("another amount: %q", a.fields[39])
	}
	if a := g.ask(g.undo(ask, map[int]string{38: "XXXXXX"})); a.fields[39] != "25" {
		t.Errorf("another approval code: %q", a.fields[39])
	}
	undo := g.undo(ask, map[int]string{38: bought.fields[38]})
	for i := range 3 {
		a := g.ask(undo)
		if a.mti != "0430" || a.fields[39] != "00" || a.fields[11] != undo.fields[11] {
			t.Errorf("answer %d: %s %q", i, a.mti, a.fields[39])
		}
		undo.mti = "0421"
	}
	if a := g.ask(with(undo, map[int]string{18: "5999"})); a.fields[39] != "30" {
		t.Errorf("a repeat that differs: %q", a.fields[39])
	}
	other := g.buy("4000000000001091", nil)
	g.ask(other)
	if a := g.ask(g.undo(other, map[int]string{12: "151501"})); a.fields[39] != "00" {
		t.Errorf("another local time: %q", a.fields[39])
	}
	book := w.Ledger()
	if len(book) != 6 || book[0].State != "reversed" || book[3].Kind != "reversal" || book[3].Original != 1 || book[3].Amount != 10000000 {
		t.Errorf("ledger: %+v", book)
	}
	declined := g.buy("4000000000001091", map[int]string{4: "000001005900"})
	g.ask(declined)
	if a := g.ask(g.undo(declined, nil)); a.fields[39] != "00" || len(w.Ledger()) != 6 {
		t.Errorf("reversal of a decline: %q", a.fields[39])
	}
	wantComplaints(t, w,
		"acquirer: 0420: DE4 is not the original's",
		"acquirer: 0420: DE38 is not the original's",
		"acquirer: 0421: differs from the first one in more than its MTI",
		"acquirer: 0420: DE12 is not the original's")
}

func TestHostIsStrict(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	const pan = "4000000000001091"
	var want []string
	for _, c := range []struct {
		what   string
		change map[int]string
	}{
		{"DE14 is missing", map[int]string{14: ""}},
		{"DE38 does not belong in a 0200", map[int]string{38: "831000"}},
		{"DE3 is not of this message", map[int]string{3: "200000"}},
		{"DE4 is zero", map[int]string{4: "000000000000"}},
		{"DE7 is no time", map[int]string{7: "1323081500"}},
		{"DE14 is no month", map[int]string{14: "3013"}},
		{"DE22 is neither typed nor on file", map[int]string{22: "812"}},
		{"DE37 is not made as the profile says", map[int]string{37: "632724000001"}},
		{"DE49 is no currency", map[int]string{49: "000"}},
		{"DE48: tag 92 is cut off", map[int]string{48: "2204C101920312"}},
		{"DE48: tag 22 twice", map[int]string{48: "2204C1012204C101"}},
		{"DE48 has an unknown tag", map[int]string{48: "2204C1019901X"}},
		{"DE48 tag 92 is no CVN of this card", map[int]string{48: "2204C10192041234"}},
		{"DE22 is on file and DE48 tag 22 is missing", map[int]string{48: "9203123"}},
		{"DE48 tag 22 is no indicator", map[int]string{48: "2204C1059203123"}},
		{"DE22 is typed in a payment that the merchant begins", map[int]string{22: "012", 48: "2204M1016305AB123"}},
		{"DE48 tag 63 before the first use", map[int]string{22: "012", 48: "2204C1016305AB123"}},
		{"DE48 tag 63 is no network transaction id", map[int]string{48: "2204C1016305AB-23"}},
		{"DE48 tag 63 is missing in a payment that the merchant begins", map[int]string{48: "2204M101"}},
		{"DE48 tag 92 in a payment that the merchant begins", map[int]string{48: "2204M1026305AB1239203123"}},
		{"DE48 tag 43 needs tags 42 and 66", map[int]string{48: "2204C1014328AAIBBYNoEwAAACcKhAJkdQAAAAA="}},
	} {
		if a := g.ask(g.buy(pan, c.change)); a.fields[39] != "30" {
			t.Errorf("%s: DE39 %q", c.what, a.fields[39])
		}
		want = append(want, "acquirer: 0200: "+c.what)
	}
	ask := g.buy(pan, nil)
	g.ask(ask)
	for what, change := range map[string]map[int]string{
		"DE90 names another acquirer than DE32": {90: "0200" + ask.fields[11] + ask.fields[7] + "0000040000900000400002"},
	} {
		if a := g.ask(g.undo(ask, change)); a.fields[39] != "30" {
			t.Errorf("%s: DE39 %q", what, a.fields[39])
		}
		want = append(want, "acquirer: 0420: "+what)
	}
	if a := g.ask(g.buy(pan, map[int]string{37: ask.fields[37]})); a.fields[39] != "00" {
		t.Errorf("DE37 used again: %q", a.fields[39])
	}
	want = append(want, "acquirer: 0200: DE37 used before by another message")
	if len(w.Ledger()) != 2 {
		t.Errorf("%d entries", len(w.Ledger()))
	}

	for what, send := range map[string]func(*terminal){
		"0200: sign-on comes first": func(g *terminal) { g.send(g.buy(pan, nil)) },
	} {
		other := dialHost(t, w)
		send(other)
		other.hungUp()
		want = append(want, "acquirer: "+what)
	}
	packed, err := g.d.encode(network("301"))
	if err != nil {
		t.Fatal(err)
	}
	packed[1]++
	if _, err := g.line.conn.Write(append(packed, 'X')); err != nil {
		t.Fatal(err)
	}
	g.hungUp()
	want = append(want, "acquirer: not a message of this dialect: bytes behind the last element")
	wantComplaints(t, w, want...)
}

func TestSignOff(t *testing.T) {
	w := startWorld(t, nil)
	g := signedOn(t, w)
	if a := g.ask(network("002")); a.fields[39] != "00" {
		t.Errorf("sign-off: %q", a.fields[39])
	}
	g.send(g.buy("4000000000001091", nil))
	g.hungUp()
	wantComplaints(t, w, "acquirer: 0200: sign-on comes first")
}

func TestAcquirerFaults(t *testing.T) {
	w := startWorld(t, nil)
	const pan = "4000000000001091"
	next := func(f Fault) {
		t.Helper()
		if err := w.Turn(func(k *Knobs) { k.NextAcquirer = &f }); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (amounts []int64) {
		for _, e := range w.Ledger() {
			if e.Kind == "purchase" {
				amounts = append(amounts, e.Amount)
			}
		}
		return amounts
	}
	g := signedOn(t, w)

	next(Fault{Behaviour: "silence", Times: 2})
	for range 2 {
		g.send(g.buy(pan, nil))
	}
	g.silent()
	if len(kept()) != 2 {
		t.Errorf("silence: %d booked", len(kept()))
	}
	next(Fault{Behaviour: "lost"})
	lost := g.buy(pan, nil)
	g.send(lost)
	g.silent()
	if a := g.ask(g.undo(lost, nil)); a.fields[39] != "25" || len(kept()) != 2 {
		t.Errorf("lost: reversal %q, %d booked", a.fields[39], len(kept()))
	}
	next(Fault{Behaviour: "wrong_amount"})
	if a := g.ask(g.buy(pan, nil)); a.fields[39] != "00" || a.fields[4] != "000010000001" {
		t.Errorf("wrong_amount: %q %q", a.fields[39], a.fields[4])
	}
	next(Fault{Behaviour: "wrong_currency"})
	if a := g.ask(g.buy(pan, nil)); a.fields[39] != "00" || a.fields[49] != "840" {
		t.Errorf("wrong_currency: %q %q", a.fields[39], a.fields[49])
	}
	next(Fault{Behaviour: "partial"})
	part := g.buy(pan, nil)
	if a := g.ask(part); a.fields[39] != "10" || a.fields[4] != "000005000000" || a.fields[38] == "" {
		t.Errorf("partial: %q %q", a.fields[39], a.fields[4])
	}
	if a := g.ask(g.undo(part, nil)); a.fields[39] != "00" {
		t.Errorf("partial reversed: %q", a.fields[39])
	}
	if diff := cmp.Diff([]int64{10000000, 10000000, 10000000, 10000000, 5000000}, kept()); diff != "" {
		t.Errorf("purchases (-want +got):\n%s", diff)
	}
	next(Fault{Behaviour: "twice"})
	twice := g.ask(g.buy(pan, nil))
	if diff := cmp.Diff(twice.fields, g.receive().fields); diff != "" {
		t.Errorf("twice:\n%s", diff)
	}

	if err := w.Turn(func(k *Knobs) { k.NextAdvice = &Fault{Behaviour: "silence"} }); err != nil {
		t.Fatal(err)
	}
	ask := g.buy(pan, nil)
	g.ask(ask)
	undo := g.undo(ask, nil)
	g.send(undo)
	g.silent()
	undo.mti = "0421"
	before := len(w.Ledger())
	if a := g.ask(undo); a.fields[39] != "00" || len(w.Ledger()) != before {
		t.Errorf("0421 after a lost 0430: %q", a.fields[39])
	}

	next(Fault{Behaviour: "drop_connection"})
	dropped := g.buy(pan, nil)
	g.send(dropped)
	g.hungUp()
	again := signedOn(t, w)
	again.stan = 900
	if a := again.ask(again.undo(dropped, nil)); a.fields[39] != "00" {
		t.Errorf("reversal on another connection: %q", a.fields[39])
	}
	wantComplaints(t, w)
}

func TestLateAnswersComeOutOfOrder(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	g := signedOn(t, w)
	if err := w.Turn(func(k *Knobs) { k.NextAcquirer = &Fault{Behaviour: "late", DelayMS: 3000} }); err != nil {
		t.Fatal(err)
	}
	late := g.buy("4000000000001091", nil)
	g.send(late)
	prompt := g.buy("4000000000001091", nil)
	if a := g.ask(prompt); a.fields[11] != prompt.fields[11] {
		t.Fatalf("STAN %s came first", a.fields[11])
	}
	eventually(t, "a timer for the late answer", func() bool { return c.pending(3*time.Second) > 0 })
	c.Advance(3 * time.Second)
	if a := g.receive(); a.fields[11] != late.fields[11] || a.fields[39] != "00" {
		t.Errorf("late answer: STAN %s, DE39 %q", a.fields[11], a.fields[39])
	}
}

// TestHostilityChangesNoOutcome runs the normal, not calm, world.
func TestHostilityChangesNoOutcome(t *testing.T) {
	w := startWorld(t, func(o *Options) { o.Calm = false })
	g := signedOn(t, w)
	answers, lost := map[string]int{}, 0
	var bought []message
	await := func(stan string) {
		for answers[stan] == 0 {
			a := g.receive()
			if a.fields[39] != "00" {
				t.Fatalf("%s: DE39 %q", a.mti, a.fields[39])
			}
			answers[a.fields[11]]++
		}
	}
	for range 18 {
		m := g.buy("4000000000001091", nil)
		g.send(m)
		await(m.fields[11])
		bought = append(bought, m)
	}
	for i, m := range bought[:10] {
		undo := g.undo(m, nil)
		g.send(undo)
		if (i+1)%5 == 0 { // the fixed pattern: this acknowledgement is lost once
			lost++
			undo.mti = "0421"
			g.send(undo)
		}
		await(undo.fields[11])
	}
	g.silentAfterCopies(answers)
	twice := 0
	for _, times := range answers {
		if times == 2 {
			twice++
		}
	}
	if len(answers) != 28 || twice != 4 || lost != 2 {
		t.Errorf("%d answered, %d twice", len(answers), twice)
	}
	reversed := 0
	for _, e := range w.Ledger() {
		if e.State == "reversed" {
			reversed++
		}
	}
	if reversed != 10 || len(w.Ledger()) != 28 {
		t.Errorf("%d entries, %d reversed", len(w.Ledger()), reversed)
	}
	wantComplaints(t, w)
}

// silentAfterCopies collects second copies until an echo comes back.
func (g *terminal) silentAfterCopies(answers map[string]int) {
	g.t.Helper()
	g.send(network("301"))
	for {
		a := g.receive()
		if a.mti == "0810" {
			return
		}
		answers[a.fields[11]]++
	}
}

func TestVanishedAndStalledPeers(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	gone := signedOn(t, w)
	gone.send(gone.buy("4000000000001091", nil))
	gone.line.conn.Close()
	if a := signedOn(t, w).ask(network("301")); a.fields[39] != "00" {
		t.Errorf("the host does not serve others: %q", a.fields[39])
	}

	// A pipe has no buffer: a peer that does not read blocks the first write, as a full socket does.
	host, stalled := net.Pipe()
	defer stalled.Close()
	sent := make(chan error, 1)
	go func() { sent <- (&line{conn: host, stage: w.stage}).send([]byte("answer"), 1) }()
	var err error
	eventually(t, "the write is given up", func() bool {
		c.Advance(writeWithin) // more than once: its limit may not have begun
		select {
		case err = <-sent:
			return true
		default:
			return false
		}
	})
	if err == nil {
		t.Error("a write that nobody reads succeeded")
	}
	if _, err := stalled.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection is not closed: %v", err)
	}
}
