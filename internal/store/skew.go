package store

import (
	"context"
	"fmt"
	"time"
)

const (
	// MaxSkew is how far a gateway's clock may be off the database's, and so at most two seconds off another
	// node's. What nodes agree on by the clock has that much room: a purchase leaves at most 2 s after its
	// commit and is taken for lost 4 s after its answer was due, and 12 s of lease, 1 s of poll and 2 s make
	// the 15 s in which the work of a dead node is taken up.
	MaxSkew   = time.Second
	skewEvery = time.Minute
)

// clocked says whether anyone looks at the clocks. An SQLite file has no other than ours.
func (s *Store) clocked() bool { return s.dialect.clock != "" && s.Options.MaxSkew > 0 }

// checkClock compares the clock of this node with the database's. It says by how much they differ at least: the time
// that the question took is not held against anyone.
func (s *Store) checkClock(ctx context.Context) error {
	if !s.clocked() {
		return nil
	}
	var at int64
	before := s.Now()
	if err := s.one(ctx, s.dialect.clock, nil, &at); err != nil {
		return err
	}
	after, theirs := s.Now(), fromMicros(at)
	switch {
	case theirs.Before(before.Add(-s.Options.MaxSkew)):
		return fmt.Errorf("store: this machine's clock is %v ahead of the database's; nodes may differ from it by %v", before.Sub(theirs), s.Options.MaxSkew)
	case theirs.After(after.Add(s.Options.MaxSkew)):
		return fmt.Errorf("store: this machine's clock is %v behind the database's; nodes may differ from it by %v", theirs.Sub(after), s.Options.MaxSkew)
	}
	return nil
}
