package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
)

// TestBackupUnderLoad: a gateway is backed up while it is paid at, and lost some time after. The backup is restored:
// everything of before is there as the bank has it, only what came after is missing, and a gateway on it goes on with
// numbers that the bank has not seen.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	world, err := OpenWorld(Real(), WorldSettings{Listen: "127.0.0.1:0", Data: t.TempDir(), Calm: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = world.Close(t.Context()) })
	at := func(s *SandboxSettings) { s.Simulator = world.ControlURL() }
	w := openTown(t, at)

	for range 5 {
		w.givenBack()
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, err := w.send("POST", "/v3/payment_requests", SandboxSecretKey, w.paymentRequest(visaChallenge, channel("skip_three_ds", true)))
				if err != nil || a.body["status"] != "SUCCEEDED" {
					t.Errorf("%v %v", a, err)
					return
				}
			}
		})
	}
	for range 3 { // CVNs in escrow
		w.submitted(w.newSession(visaChallenge), "123")
	}
	w.eventually("the load is on", func() bool { return len(w.bank.ledger()) > 40 })
	before := w.count(`SELECT COUNT(*) FROM request WHERE state = 'SUCCEEDED'`)
	begun := w.outside.Now()
	to := filepath.Join(t.TempDir(), "reprise.backup")
	made, err := Backup(t.Context(), w.outside, filepath.Join(w.dir, "reprise.db"), to)
	if err != nil || made.Rows == 0 || made.Bytes == 0 {
		t.Fatalf("%+v %v", made, err)
	}
	more := len(w.bank.ledger())
	w.eventually("and goes on", func() bool { return len(w.bank.ledger()) > more+40 })
	close(stop)
	load.Wait()
	if n := w.escrow(); n != 3 {
		t.Fatalf("%d CVNs in escrow, want 3", n)
	}
	if _, err := Restore(t.Context(), w.outside, to, filepath.Join(w.dir, "reprise.db"), true); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("restored under a gateway: %v", err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Error(err)
	}

	dir := t.TempDir()
	keys, err := os.ReadFile(filepath.Join(w.dir, keyFileName))
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, keyFileName), keys, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	restored, err := Restore(t.Context(), w.outside, to, filepath.Join(dir, "reprise.db"), false)
	if err != nil || restored.Rows != made.Rows {
		t.Fatalf("%+v %v", restored, err)
	}
	again := openTown(t, at, func(s *SandboxSettings) { s.Data = dir })
	if n := again.count(`SELECT COUNT(*) FROM request WHERE state = 'SUCCEEDED'`); n < before {
		t.Errorf("%d payments are restored, of %d that there were", n, before)
	}
	if n := again.escrow(); n != 0 {
		t.Errorf("%d CVNs were in the backup", n)
	}
	again.forward(answerTimeout + 5*time.Second) // what was with the acquirer at the backup is settled
	again.eventually("no outcome is waited for", func() bool {
		return again.count(`SELECT COUNT(*) FROM request WHERE state = $1`, string(payment.Authorizing)) == 0
	})
	again.acknowledged()
	found := again.reconciled(again.bank.settlement(), payment.Window{})
	lost := 0
	for _, f := range found.Findings {
		switch {
		case f.Kind == payment.OnlyThere && !f.At.Before(begun):
			lost++
		case f.Differs:
			t.Errorf("%+v", f)
		}
	}
	if lost < 20 || lost != found.Differences || found.Matched < 40 {
		t.Errorf("%d bookings are of the time after the backup, of %d differences; %d matched", lost, found.Differences, found.Matched)
	}

	for n := range 20 {
		if got := again.newRequest(visaChallenge, channel("skip_three_ds", true), with("reference_id", fmt.Sprint("after-", n))); got["status"] != "SUCCEEDED" {
			t.Fatalf("%v", got)
		}
	}
	seen := map[string]string{}
	for _, e := range again.bank.ledger() {
		if e.Kind == "purchase" {
			if other, twice := seen[e.RRN]; twice {
				t.Errorf("RRN %s was given out twice, with STAN %s and %s", e.RRN, other, e.STAN)
			}
			seen[e.RRN] = e.STAN
		}
	}
	stans := map[string]bool{}
	for _, e := range again.bank.ledger() {
		if key := fmt.Sprint(e.DE41, e.STAN); stans[key] {
			t.Errorf("STAN %s of %s was given out twice within minutes", e.STAN, e.DE41)
		} else {
			stans[key] = true
		}
	}
	for _, c := range again.bank.complaints() {
		t.Errorf("the world complains about %s: %s", c.Line, c.What)
	}
}

// TestBackupOfAServer: PostgreSQL has better tools.
func TestBackupOfAServer(t *testing.T) {
	for _, database := range []string{"postgres://db.example/reprise", "postgresql://reprise:hidden@db.example/reprise"} {
		_, backup := Backup(t.Context(), Real(), database, filepath.Join(t.TempDir(), "x"))
		_, restore := Restore(t.Context(), Real(), "x", database, true)
		for _, err := range []error{backup, restore} {
			if err == nil || !strings.Contains(err.Error(), "--no-unlogged-table-data") || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%v", err)
			}
		}
	}
}
