package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/payment"
)

// town is a sandbox for one test: a house, the world around it, and a merchant's endpoint that listens.
type town struct {
	*Sandbox
	*front
	*ear
	auditor
	t        *testing.T
	log      *lockedBuffer
	dir      string
	database string // URL of a PostgreSQL database; empty: SQLite in dir
	clock    *clock
	outside  Outside
	cards    *atomic.Int64 // cards of single tests, see ownCard
	urls     *atomic.Int64 // URLs of single endpoints, see ownURL
	severed  *atomic.Value // the address that nobody reaches any more
	wires    *wires
}

// openTown starts a sandbox on free ports. Every answer and every webhook is checked against the contract.
func openTown(t *testing.T, change ...func(*SandboxSettings)) *town {
	t.Helper()
	w := &town{t: t, log: &lockedBuffer{}, dir: t.TempDir(), ear: listen(t), clock: newClock()}
	s := SandboxSettings{
		Listen: "127.0.0.1:0", Data: w.dir, Webhooks: []string{w.ear.url}, Calm: true,
		Violation: func(err error) { t.Errorf("contract: %v", err) },
	}
	for _, c := range change {
		c(&s)
	}
	w.dir = s.Data
	w.outside = Real()
	w.outside.Now, w.outside.Timer, w.outside.Within = w.clock.now, w.clock.timer, w.clock.within
	w.severed, w.cards, w.urls, w.wires = &atomic.Value{}, &atomic.Int64{}, &atomic.Int64{}, &wires{}
	w.outside.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if w.severed.Load() == address {
			return nil, errors.New("severed")
		}
		c, err := Real().Dial(ctx, network, address)
		if err == nil {
			w.wires.laid(address, c)
		}
		return c, err
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var err error
	if w.Sandbox, err = OpenSandbox(t.Context(), w.outside, s, log); err != nil {
		t.Fatalf("%v\n%s", err, w.log)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = w.Sandbox.shop.Close() // at once: a shutdown waits for connections that webhooks opened and did not use
		if err := w.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if t.Failed() {
			t.Logf("log of the house:\n%s", w.log)
		}
	})
	w.front = newFront(t, w.PublicURL, w.ShopURL)
	w.bank = &bank{t: t, control: w.ControlURL, http: w.front.http}
	w.database = s.Database
	w.openBooks()
	return w
}

// openBooks lets the auditor in.
func (w *town) openBooks() {
	w.auditor = audit(w.t, filepath.Join(w.dir, "reprise.db"), w.database, w.bank)
}

// in is the same town for a subtest, which fails by itself.
func (w *town) in(t *testing.T) *town {
	copied, front, bank := *w, *w.front, *w.bank
	copied.t, front.t, copied.auditor.t, bank.t = t, t, t, t
	copied.front, copied.bank = &front, &bank
	return &copied
}

// forward moves the clock of the house and its world. What is due by then happens, and the house is ready
// again when forward returns. Webhooks on their way are waited for: to the house they would be late.
func (w *town) forward(d time.Duration) {
	w.t.Helper()
	w.eventually("every webhook sent once", func() bool {
		return w.count(`SELECT COUNT(*) FROM work WHERE kind = $1 AND attempt = 0`, string(payment.WorkWebhook)) == 0
	})
	w.clock.forward(d)
	w.eventually("ready after the clock was moved", func() bool { return len(w.problems(w.t.Context())) == 0 })
}

// webhook waits for the one delivery of an event about an object, named by any of its ids.
func (w *town) webhook(event, id string) webhookSeen {
	w.t.Helper()
	return w.ear.wait(w.t, event, id)
}

// eventually looks until something is so, and fails after a time that is long for any machine.
func (w *town) eventually(what string, is func() bool) {
	w.t.Helper()
	eventually(w.t, what, is)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}
