package app

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/internal/payment"
)

// settlement is the bank's file, line by line.
func (b *bank) settlement() []string {
	b.t.Helper()
	response, err := b.http.Get(b.control + "/settlement")
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.Header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" {
		b.t.Fatalf("%v %v", response.Header, err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\r\n"), "\r\n")
}

// reconciled compares the books of the house with a file.
func (w *town) reconciled(file []string, window payment.Window) Reconciliation {
	w.t.Helper()
	found, err := w.office().Reconcile(w.t.Context(), ReadSettlement(strings.NewReader(strings.Join(file, "\n"))), window)
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// agrees holds the books of the house against the bank's, whatever was under way, and wants no difference.
func (w *town) agrees() Reconciliation {
	w.t.Helper()
	found := w.reconciled(w.bank.settlement(), payment.Window{})
	for _, f := range found.Findings {
		if f.Differs {
			w.t.Errorf("the books differ: %+v", f)
		}
	}
	if found.Matched != found.Rows || found.Differences != 0 {
		w.t.Errorf("%d of %d rows matched, %d differences", found.Matched, found.Rows, found.Differences)
	}
	return found
}

// lost has a purchase booked whose answer nobody hears, and its reversal acknowledged.
func (w *town) lost() {
	w.t.Helper()
	session := w.newSession(visaChallenge, skipping)
	w.bank.next("silence")
	_, done := w.held(session)
	w.eventually("booked", func() bool { return len(w.bank.purchases("kept")) > 0 })
	w.forward(answerTimeout)
	w.failed(session, done(), "PARTNER_TIMEOUT_ERROR")
}

// TestReconcile: whatever may become of money, a house and its bank agree about it, to the last minor unit; and of
// each way in which they may not, the operator is told which payment it is about.
func TestReconcile(t *testing.T) {
	t.Parallel()
	w := openTown(t, func(s *SandboxSettings) { s.Calm = false })
	w.lost()
	paid := w.paid10000()
	held := w.held10000()
	refunded := w.captured4000()
	w.refundEnds(w.back(refunded)["id"], "SUCCEEDED")
	given := w.held10000()
	if status, said := w.act(given, "cancel", nil); status != 200 {
		t.Fatal(said)
	}
	w.acknowledged()
	w.bank.turn(`{"next_advice":{"behaviour":"decline","code":"51"}}`)
	w.refundEnds(w.back(paid)["id"], "FAILED")
	w.acknowledged()

	whole := w.agrees()
	if len(whole.Taken) != 1 || whole.Taken[0] != (Taken{"IDR", 1000000, 1000000}) {
		t.Errorf("taken: %v", whole.Taken)
	}
	if len(whole.Findings) != 1 || whole.Findings[0].Kind != payment.AdviceEnded || whole.Findings[0].AdviceIs != payment.AdviceRefused {
		t.Errorf("beside the refused refund: %+v", whole.Findings)
	}

	file := w.bank.settlement()
	row := func(kind, state string) int {
		t.Helper()
		for i, line := range file {
			if strings.Contains(line, ","+kind+","+state+",") {
				return i
			}
		}
		t.Fatalf("no %s %s in:\n%s", kind, state, strings.Join(file, "\n"))
		return 0
	}
	change := func(i int, old, new string) []string {
		t.Helper()
		changed := slices.Clone(file)
		if changed[i] = strings.Replace(file[i], old, new, 1); changed[i] == file[i] {
			t.Fatalf("nothing of %q in %s", old, file[i])
		}
		return changed
	}
	purchase, reversed, hold := row("purchase", "kept"), row("purchase", "reversed"), row("hold", "kept")
	capture, release, refund := row("capture", "kept"), row("release", "kept"), row("refund", "kept")
	for name, test := range map[string]struct {
		file []string
		want payment.FindingKind
		says string // by our books
	}{
		"a purchase is missing":    {slices.Delete(slices.Clone(file), purchase, purchase+1), payment.OnlyHere, "SUCCEEDED, 10000 IDR"},
		"a hold is missing":        {slices.Delete(slices.Clone(file), hold, hold+1), payment.OnlyHere, "AUTHORIZED, 10000 IDR"},
		"a capture is missing":     {slices.Delete(slices.Clone(file), capture, capture+1), payment.OnlyHere, "CAPTURE DONE, 4000 IDR"},
		"a release is missing":     {slices.Delete(slices.Clone(file), release, release+1), payment.OnlyHere, "RELEASE DONE, 6000 IDR"},
		"a refund is missing":      {slices.Delete(slices.Clone(file), refund, refund+1), payment.OnlyHere, "REFUND DONE, 4000 IDR"},
		"a purchase of more":       {change(purchase, ",1000000,", ",1000001,"), payment.OtherAmount, "SUCCEEDED, 10000 IDR"},
		"a capture of all":         {change(capture, ",400000,", ",1000000,"), payment.OtherAmount, "CAPTURE DONE, 4000 IDR"},
		"a refund of less":         {change(refund, ",400000,", ",399999,"), payment.OtherAmount, "REFUND DONE, 4000 IDR"},
		"another currency":         {change(purchase, ",IDR,", ",USD,"), payment.OtherMoney, "SUCCEEDED, 10000 IDR"},
		"another currency, back":   {change(refund, ",IDR,", ",USD,"), payment.OtherMoney, "REFUND DONE, 4000 IDR"},
		"a purchase is reversed":   {change(purchase, ",kept,", ",reversed,"), payment.OtherState, "SUCCEEDED, 10000 IDR"},
		"a hold is captured":       {change(hold, ",kept,", ",captured,"), payment.OtherState, "AUTHORIZED, 10000 IDR"},
		"a hold is not captured":   {change(row("hold", "captured"), ",captured,", ",kept,"), payment.OtherState, "SUCCEEDED, 10000 IDR"},
		"a hold became a purchase": {change(hold, ",hold,", ",purchase,"), payment.OtherState, "AUTHORIZED, 10000 IDR"},
		"a failed purchase stands": {change(reversed, ",reversed,", ",kept,"), payment.KeptThere, "FAILED, reversal DONE"},
		"a hold given up stands":   {change(row("hold", "reversed"), ",reversed,", ",kept,"), payment.KeptThere, "CANCELED, reversal DONE"},
		"a row comes twice":        {append(slices.Clone(file), file[purchase]), payment.TwiceThere, fmt.Sprint("one message, booked on line ", purchase+1)},
		"a row is not ours":        {append(slices.Clone(file), strings.Replace(file[purchase], ",SANDBOX1,", ",SANDBOX2,", 1)), payment.OnlyThere, "no such message"},
		"a refund is not ours":     {append(slices.Clone(file), strings.Replace(file[refund], ",SANDBOX1,", ",SANDBOX2,", 1)), payment.OnlyThere, "no such message"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			found := w.reconciled(test.file, payment.Window{})
			if found.Differences != 1 {
				t.Errorf("%d differences", found.Differences)
			}
			for _, f := range found.Findings {
				if f.Differs && (f.Kind != test.want || f.Ours != test.says) {
					t.Errorf("%s: %+v", f.Kind, f)
				}
			}
			if diff := slices.ContainsFunc(found.Findings, func(f Finding) bool { return f.Early() }); diff {
				t.Error("something is too young, without a grace")
			}
			grace := w.reconciled(test.file, payment.Window{Grace: time.Hour})
			if young := slices.Contains([]payment.FindingKind{payment.OnlyHere, payment.KeptThere}, test.want) || name == "a hold is not captured"; young != (grace.Differences == 0) {
				t.Errorf("with an hour's grace: %+v", grace.Findings)
			}
		})
	}
	t.Run("windows", func(t *testing.T) {
		w := w.in(t)
		now := w.outside.Now()
		if found := w.reconciled(file[:1], payment.Window{To: now.Add(-time.Hour)}); found.Differences != 0 || found.Records != 0 {
			t.Errorf("nothing was sent an hour ago: %+v", found)
		}
		if found := w.reconciled(file, payment.Window{From: now}); found.Differences != 0 || found.Outside != found.Rows || found.Rows != len(file)-1 {
			t.Errorf("nothing is sent yet: %+v", found)
		}
		all := w.reconciled(file[:1], payment.Window{})
		if some := w.reconciled(file[:1], payment.Window{Kinds: []payment.BookingKind{payment.BookedHold}}); some.Differences != 2 || all.Differences != 6 {
			t.Errorf("an empty file has %d differences, %d with holds alone: %+v", all.Differences, some.Differences, some.Findings)
		}
	})
	_ = held
}

// TestReadSettlement: a file that is not one is refused as a whole, each bad row by its line, and nothing of it is
// repeated.
func TestReadSettlement(t *testing.T) {
	head := "settlement_v1,booked_at,settlement_date,kind,state,amount,currency,de32,de41,de42,de37,de11,de7,de38,card"
	good := "1,2026-03-04T05:06:07.5Z,2026-03-04,purchase,kept,1000000,IDR,400551,SANDBOX1,reprise_sandbox,606305000001,000001,0304050607,831000,•••• 1091"
	read := func(lines ...string) (list []payment.Booking, said string) {
		for b, err := range ReadSettlement(strings.NewReader(strings.Join(lines, "\n"))) {
			if err != nil {
				said += err.Error() + "\n"
			} else {
				list = append(list, b)
			}
		}
		return list, said
	}
	list, said := read("\ufeff"+head+"\r", good+"\r", "")
	want := payment.Booking{
		Line: 2, Kind: payment.BookedPurchase, State: payment.BookingKept, Amount: payment.Money{Minor: 1000000, Currency: "IDR"},
		Key: payment.BookingKey{Acquirer: "400551", Terminal: "SANDBOX1", Transmitted: "0304050607", STAN: "000001", RRN: "606305000001"},
		At:  time.Date(2026, 3, 4, 5, 6, 7, 500_000_000, time.UTC),
	}
	if len(list) != 1 || list[0] != want || said != "" {
		t.Errorf("%+v\n%s", list, said)
	}
	if list, said := read("state,kind,settlement_v1,booked_at,amount,currency,de32,de41,de37,de11,de7",
		"reversed,hold,x,2026-03-04T05:06:07+07:00,5,USD,1,T,606305ABCdef,000001,0304050607"); len(list) != 1 || said != "" || list[0].Key.RRN != "606305ABCDEF" {
		t.Errorf("only what is needed, in another order: %+v\n%s", list, said)
	}
	for name, test := range map[string]struct {
		line string
		want string
	}{
		"kind":      {strings.Replace(good, "purchase", "sale", 1), "line 3: kind"},
		"state":     {strings.Replace(good, "kept", "captured", 1), "line 3: state"},
		"amount":    {strings.Replace(good, "1000000", "10000.00", 1), "line 3: amount"},
		"sign":      {strings.Replace(good, "1000000", "-1", 1), "line 3: amount"},
		"currency":  {strings.Replace(good, "IDR", "360", 1), "line 3: currency"},
		"no such":   {strings.Replace(good, "IDR", "XQQ", 1), "line 3: currency"},
		"time":      {strings.Replace(good, "T05:06:07.5Z", "", 1), "line 3: booked_at"},
		"RRN":       {strings.Replace(good, "606305000001", "6063", 1), "line 3: de37"},
		"STAN":      {strings.Replace(good, ",000001,", ",1,", 1), "line 3: de11"},
		"DE7":       {strings.Replace(good, "0304050607", "1304050607", 1), "line 3: de7"},
		"card":      {strings.Replace(good, "•••• 1091", "4000000000001091", 1), "line 3: card"},
		"short row": {"1,2", "line 3: 2 fields under 15 columns"},
		"no CSV":    {`1,"2` + good, "line 3: "},
		"quote":     {`1"` + good, "line 3: "},
	} {
		list, said := read(head, good, test.line, good)
		if !strings.Contains(said, test.want) || strings.Contains(said, "1091") || strings.Contains(said, "360") {
			t.Errorf("%s: %s", name, said)
		}
		if len(list) == 0 {
			t.Errorf("%s: good rows were not read", name)
		}
	}
	for name, test := range map[string]struct{ head, want string }{
		"nothing":      {"", "line 1: the file is empty"},
		"other":        {strings.Replace(head, "settlement_v1", "settlement_v2", 1), "line 1: there is no column settlement_v1"},
		"foreign":      {head + ",pan", "line 1: column 16 is none of a settlement file"},
		"double":       {head + ",card", "line 1: column card is there twice"},
		"several":      {"settlement_v1", "line 1: there is no column de37"},
		"not even CSV": {`"`, "line 1: "},
	} {
		if _, said := read(test.head); !strings.Contains(said, test.want) {
			t.Errorf("%s: %s", name, said)
		}
	}
	w := payment.Window{To: time.Now()}
	_, err := (&Office{outside: Real()}).Reconcile(t.Context(), ReadSettlement(strings.NewReader(head+"\nx\n"+good+"\ny")), w)
	if err == nil || !strings.Contains(err.Error(), "line 2: ") || !strings.Contains(err.Error(), "line 4: ") || !strings.Contains(err.Error(), "nothing was compared") {
		t.Errorf("%v", err)
	}
}

// BenchmarkBook reads a file of a million rows; the bytes are what it takes to have them in memory.
func BenchmarkBook(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		k := newBook()
		var line bytes.Buffer
		for n := range 1_000_000 {
			line.Reset()
			fmt.Fprintf(&line, "%012d", n)
			if _, err := k.add(payment.Booking{
				Line: n, Kind: payment.BookedPurchase, State: payment.BookingKept, Amount: payment.Money{Minor: int64(n), Currency: "IDR"},
				Key: payment.BookingKey{Acquirer: "400551", Terminal: "SANDBOX1", Transmitted: "0304050607", STAN: fmt.Sprintf("%06d", n%999_999), RRN: line.String()},
			}, true); err != nil {
				b.Fatal(err)
			}
		}
	}
}
