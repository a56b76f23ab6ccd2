package store

import (
	"context"
	"strings"
	"testing"
	"time"
)

// testSkew: a node whose clock is not the database's does not begin, and one whose clock leaves it says so. A file
// has no clock of its own.
func testSkew(t *testing.T, db *database) {
	opened := func(ahead time.Duration) error {
		s, err := Open(t.Context(), db.options(func(o *Options) {
			o.Now, o.MaxSkew = func() time.Time { return time.Now().Add(ahead) }, MaxSkew
		}))
		if err != nil {
			return err
		}
		return s.Close(context.Background())
	}
	must(t, opened(0))
	for ahead, want := range map[time.Duration]string{time.Minute: "ahead of", -time.Minute: "behind"} {
		err := opened(ahead)
		if db.kind == "SQLite" {
			must(t, err)
		} else if err == nil || !strings.Contains(err.Error(), want+" the database's") {
			t.Errorf("a clock that is off by %v: %v", ahead, err)
		}
	}

	var c clock
	var log logged
	s := db.open(t, at(&c), log.to, func(o *Options) {
		o.MaxSkew = MaxSkew
		timer := o.Timer
		o.Timer = func(d time.Duration) (<-chan time.Time, func() bool) {
			if d == skewEvery {
				d = time.Millisecond
			}
			return timer(d)
		}
	})
	s.StartWork()
	c.advance(time.Minute)
	if db.kind == "PostgreSQL" {
		eventually(t, "logged", func() bool { return strings.Contains(log.String(), "ahead of the database's") })
	}
}
