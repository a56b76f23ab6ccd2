package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"reprise/internal/payment"
)

// secrets are sealed numbers and CVNs that stand in a database.
type secrets struct {
	tokens []payment.Token
	bytes  [][]byte
}

// keepSecrets writes so many cards, each with a CVN, in rows as long as real ones: pages are split.
func keepSecrets(t *testing.T, s *Store, n int) secrets {
	t.Helper()
	var kept secrets
	for range n {
		pan, cvn := make([]byte, 48), make([]byte, 20)
		_, _ = rand.Read(pan)
		_, _ = rand.Read(cvn)
		card := storedCard()
		card.ID = payment.TokenID(fmt.Sprintf("pt-%x", pan[:8]))
		card.SealedPAN, card.Version = pan, 0
		d := s.newDraft()
		must(t, d.token(card))
		row := sealed(payment.RequestID(fmt.Sprintf("pr-%x", cvn[:8])), "v")
		row.Ciphertext = cvn
		row.Expires = time.Now().Add(time.Minute)
		d.keepCVN(row)
		must(t, d.commit(t.Context()))
		card.Version = 1
		kept.tokens, kept.bytes = append(kept.tokens, card), append(kept.bytes, pan, cvn)
	}
	return kept
}

func (k secrets) erase(t *testing.T, s *Store) {
	t.Helper()
	for _, card := range k.tokens {
		card.SealedPAN = nil
		d := s.newDraft()
		must(t, d.token(card))
		must(t, d.commit(t.Context()))
	}
}

// found counts what of it is in the files of the database.
func (k secrets) found(t *testing.T, db *database) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(db.url), "*"))
	must(t, err)
	n := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		for _, secret := range k.bytes {
			if bytes.Contains(content, secret) {
				n++
			}
		}
	}
	return n
}

// TestNothingErasedIsInTheFiles looks for sealed numbers and CVNs in the bytes of the database, its journal
// among them, after they were erased.
func TestNothingErasedIsInTheFiles(t *testing.T) {
	t.Parallel()
	db, c := newDatabase(t, "SQLite"), &clock{}
	s, other := db.open(t, at(c)), db.open(t) // as the operator's commands have it open beside a gateway
	kept := keepSecrets(t, s, 200)
	if n := kept.found(t, db); n < len(kept.bytes) {
		t.Fatalf("%d of %d secrets found while they are kept: the test looks in the wrong place", n, len(kept.bytes))
	}
	kept.erase(t, s)
	c.advance(2 * time.Minute)
	must(t, s.Sweep(t.Context()))
	if n := kept.found(t, db); n > 0 {
		t.Errorf("%d erased secrets in the files after a sweep", n)
	}

	kept = keepSecrets(t, s, 20)
	kept.erase(t, other)
	must(t, s.commit(t.Context(), stmt{sql: `DELETE FROM cvn_escrow`}))
	if kept.found(t, db) == 0 {
		t.Fatal("nothing is left in the journal: the test shows nothing")
	}
	must(t, s.Close(t.Context()))
	if n := kept.found(t, db); n > 0 {
		t.Errorf("%d erased secrets in the files after the store was closed", n)
	}
	must(t, other.Ping(context.Background())) // and whoever has it open still goes on
}

// TestScrubInTheWayOfAReader: who reads is not disturbed, nor waited for long, and it is made up for.
func TestScrubInTheWayOfAReader(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, "SQLite")
	s := db.open(t)
	kept := keepSecrets(t, s, 20)
	reading, err := s.engine.(*sqlite).read.BeginTx(t.Context(), nil)
	must(t, err)
	var n int
	must(t, reading.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM token`).Scan(&n))
	kept.erase(t, s)
	must(t, s.commit(t.Context(), stmt{sql: `DELETE FROM cvn_escrow`}))
	must(t, s.Sweep(t.Context()))
	must(t, reading.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM token WHERE length(sealed_pan) > 0`).Scan(&n))
	if n != 20 {
		t.Errorf("the reader sees %d numbers, want the 20 of when it began", n)
	}
	must(t, reading.Rollback())
	must(t, s.Sweep(t.Context()))
	if n := kept.found(t, db); n > 0 {
		t.Errorf("%d erased secrets in the files after the reader left and a sweep", n)
	}
}
