package acquirer_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/acquirer"
	"reprise/internal/card"
	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// Whole exchanges with a host that shares no code with this line: what one packs the other must understand, and
// the money must be where both think it is.

var shop = payment.Merchant{
	ID: "64118d86854d7d89206e732d", Name: "Toko Buku Melati", City: "Jakarta", Country: "ID", MCC: "5942",
	AcquirerBIN: "400552", CardAcceptor: "MELATI01", Terminal: "WEB00001",
}

func timer(d time.Duration) (<-chan time.Time, func() bool) {
	timer := time.NewTimer(d)
	return timer.C, timer.Stop
}

func task(f func()) { go f() }

func newWorld(t *testing.T) *simulator.World {
	t.Helper()
	world, err := simulator.New(simulator.Options{
		Dir: t.TempDir(), Calm: true, Log: slog.New(slog.DiscardHandler),
		Now: time.Now, Rand: rand.Reader, Timer: timer, Go: task, Dial: (&net.Dialer{}).DialContext, Listen: net.Listen,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := world.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := world.Close(context.Background()); err != nil {
			t.Log(err)
		}
		for _, c := range world.Complaints() {
			t.Errorf("the host complains: %s", c.What)
		}
	})
	return world
}

// till is a merchant's end of the line: it reserves, sends, and remembers.
type till struct {
	*testing.T
	*acquirer.Line
	world *simulator.World
	shop  payment.Merchant
	pan   card.PAN
}

// asks sends an authorisation and returns its trace and what came of it.
func (l *till) asks(why payment.Purpose, amount int64, on payment.CardOnFile, absent bool) (payment.Trace, payment.Answer) {
	l.Helper()
	trace, err := l.Reserve(l.Context(), l.shop, why, payment.Money{Minor: amount, Currency: "IDR"})
	if err != nil {
		l.Fatal(err)
	}
	p := acquirer.Authorisation{
		Trace: trace, Merchant: l.shop, PAN: l.pan, Expiry: card.Expiry{Year: time.Now().Year() + 2, Month: 11},
		OnFile: on, Absent: absent,
	}
	if !absent {
		if p.CVN, err = card.ParseCVN([]byte("731"), 3); err != nil {
			l.Fatal(err)
		}
	}
	return trace, l.Authorise(l.Context(), p)
}

// tells sends an advice twice, as itself and as its repeat; the host must say the same to both.
func (l *till) tells(kind payment.AdviceKind, original payment.Trace, code string, amount int64, stays string) payment.Answer {
	l.Helper()
	trace, err := l.ReserveAdvice(l.Context(), l.shop, kind, original, payment.Money{Minor: amount, Currency: "IDR"})
	if err != nil {
		l.Fatal(err)
	}
	a := payment.Advice{Kind: kind, Original: original, Code: code, Trace: trace, Retained: stays}
	first := l.Advise(l.Context(), a, l.pan)
	a.Tries = 1
	if again := l.Advise(l.Context(), a, l.pan); again != first {
		l.Errorf("%s: %+v, and repeated %+v", kind, first, again)
	}
	return first
}

// has compares the issuer's books with what they should be.
func (l *till) has(paid, held int64) {
	l.Helper()
	book := l.world.Ledger()
	var gotPaid, gotHeld int64
	for _, e := range book {
		hold := e.Original > 0 && book[e.Original-1].Kind == "hold"
		switch e.Kind {
		case "purchase":
			gotPaid += e.Amount
		case "hold":
			gotHeld += e.Amount
		case "capture":
			gotPaid, gotHeld = gotPaid+e.Amount, gotHeld-e.Amount
		case "refund":
			gotPaid -= e.Amount
		case "release", "reversal":
			if hold {
				gotHeld -= e.Amount
			} else {
				gotPaid -= e.Amount
			}
		}
	}
	if gotPaid != paid || gotHeld != held {
		l.Errorf("paid %d, held %d, want %d, %d", gotPaid, gotHeld, paid, held)
	}
}

func newTill(t *testing.T, digits string) *till {
	t.Helper()
	pan, err := card.ParsePAN(digits)
	if err != nil {
		t.Fatal(err)
	}
	world := newWorld(t)
	var numbers atomic.Int64
	line, err := acquirer.New(acquirer.Options{
		Address: world.Kit().Acquirer, Forwarder: "200100", AnswerTimeout: 5 * time.Second,
		Lease: func(_ context.Context, _ string, period, size int64) (int64, int64, error) {
			return numbers.Add(size) - size, period, nil
		},
		Late: func(context.Context, string, func(payment.Trace) payment.Answer) error { return nil },
		Now:  time.Now, Rand: rand.Reader, Timer: timer, Within: context.WithTimeout, Go: task, Dial: (&net.Dialer{}).DialContext,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	line.Start()
	t.Cleanup(func() {
		if err := line.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for end := time.Now().Add(10 * time.Second); line.Ready() != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(line.Ready())
		}
	}
	return &till{t, line, world, shop, pan}
}

// use says how a card on file is used.
func use(kind payment.CardOnFileType, when payment.Sequence, first string) payment.CardOnFile {
	return payment.CardOnFile{Type: kind, Sequence: when, NetworkTransactionID: first}
}

func TestHoldIsCapturedInPartReleasedAndRefunded(t *testing.T) {
	l := newTill(t, "4000000000001091")
	hold, a := l.asks(payment.Authorisation, 10000000, use(payment.CustomerUnscheduled, payment.Initial, ""), false)
	if a.Outcome != payment.Approved {
		t.Fatalf("%+v", a)
	}
	l.has(0, 10000000)
	code := a.Authorization.AuthorizationCode
	if c := l.tells(payment.CaptureAdvice, hold, code, 6000000, ""); c.Outcome != payment.Approved {
		t.Errorf("capture: %+v", c)
	}
	if r := l.tells(payment.Release, hold, code, 0, "000006000000"); r.Outcome != payment.Approved {
		t.Errorf("release: %+v", r)
	}
	l.has(6000000, 0)
	for range 2 {
		if r := l.tells(payment.RefundAdvice, hold, code, 2500000, ""); r.Outcome != payment.Approved {
			t.Errorf("refund: %+v", r)
		}
	}
	l.has(1000000, 0)

	given, a := l.asks(payment.Authorisation, 5000000, use(payment.CustomerUnscheduled, payment.Subsequent, a.Authorization.NetworkTransactionID), false)
	if r := l.tells(payment.Reversal, given, a.Authorization.AuthorizationCode, 0, ""); r.Outcome != payment.Approved {
		t.Errorf("reversal: %+v", r)
	}
	l.has(1000000, 0)
}

func TestCardIsVerifiedThenUsedByTheMerchant(t *testing.T) {
	for _, pan := range []string{"4000000000001091", "5200000000001005", "3337000000200004"} {
		l := newTill(t, pan)
		_, a := l.asks(payment.Verification, 0, use(payment.Recurring, payment.Initial, ""), false)
		first := a.Authorization.NetworkTransactionID
		if a.Outcome != payment.Approved || first == "" {
			t.Fatalf("verification: %+v", a)
		}
		for _, kind := range []payment.CardOnFileType{payment.MerchantUnscheduled, payment.Recurring} {
			bought, a := l.asks(payment.Purchase, 100000, use(kind, payment.Subsequent, first), true)
			if a.Outcome != payment.Approved {
				t.Fatalf("purchase: %+v", a)
			}
			if r := l.tells(payment.RefundAdvice, bought, a.Authorization.AuthorizationCode, 100000, ""); r.Outcome != payment.Approved {
				t.Errorf("refund: %+v", r)
			}
		}
		l.has(0, 0)
		if book := l.world.Ledger(); book[0].TransactionID != first || book[1].FirstUse != first || book[1].Indicator != "M101" || book[3].Indicator != "M102" {
			t.Errorf("%+v", book)
		}
	}
}

// A factor of a hundred is the dearest mistake: the host counts rupiah without decimals, and so do we.
func TestAcquirerCountsOtherwise(t *testing.T) {
	l := newTill(t, "4000000000001091")
	if err := l.world.Turn(func(k *simulator.Knobs) { k.AcquirerExponents = map[string]int{"IDR": 0} }); err != nil {
		t.Fatal(err)
	}
	l.shop.AcquirerExponents = map[string]int{"IDR": 0}
	hold, a := l.asks(payment.Authorisation, 10000000, payment.CardOnFile{}, false)
	if a.Outcome != payment.Approved || hold.Amount != "000000100000" {
		t.Fatalf("%s for DE4 %s", a.Outcome, hold.Amount)
	}
	l.has(0, 10000000)
	code := a.Authorization.AuthorizationCode
	l.tells(payment.CaptureAdvice, hold, code, 6000000, "")
	l.tells(payment.Release, hold, code, 0, "000000060000")
	l.tells(payment.RefundAdvice, hold, code, 2500000, "")
	l.has(3500000, 0)
	if _, a := l.asks(payment.Purchase, 1005400, payment.CardOnFile{}, false); a.Failure != payment.InsufficientBalance {
		t.Errorf("the issuer sees another amount: %+v", a)
	}
}

// A host that knows an advice and was sent it as if it were new does not say what it made of it: the repeat asks.
func TestAdviceSentAgainAsIfItWereNew(t *testing.T) {
	l := newTill(t, "4000000000001091")
	bought, a := l.asks(payment.Purchase, 100000, payment.CardOnFile{}, false)
	trace, err := l.ReserveAdvice(t.Context(), shop, payment.RefundAdvice, bought, payment.Money{Minor: 100000, Currency: "IDR"})
	if err != nil {
		t.Fatal(err)
	}
	refund := payment.Advice{Kind: payment.RefundAdvice, Original: bought, Code: a.Authorization.AuthorizationCode, Trace: trace}
	for tries, want := range []payment.Outcome{payment.Approved, payment.Unknown, payment.Approved} {
		refund.Tries = tries / 2
		if got := l.Advise(t.Context(), refund, l.pan); got.Outcome != want {
			t.Errorf("time %d: %+v", tries, got)
		}
	}
	l.has(0, 0)
}
