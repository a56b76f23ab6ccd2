package threeds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// Keep is where card ranges outlive a node, and where nodes share them: one asks a directory server, and all read what
// it wrote. A directory server is known by its name and its URL.
type Keep interface {
	// RangeSet reads what is kept of a directory server, which may be nothing.
	RangeSet(ctx context.Context, directory, url string) (RangeSet, error)
	// LeaseRanges lets one node ask until a time, and names the set that it may write. ok is false for all others that
	// have seen the same.
	LeaseRanges(ctx context.Context, seen RangeSet, until time.Time) (set int64, ok bool, err error)
	// WriteRanges writes a piece of a set that does not hold yet.
	WriteRanges(ctx context.Context, r RangeSet, piece int, data string) error
	// SwapRanges lets a set hold in the place of another, or the same one go on; payment.ErrTaken means that the other
	// no longer holds. Where the same goes on, a set that somebody else is writing stays whole.
	SwapRanges(ctx context.Context, r RangeSet, was int64) error
	// RestRanges notes a failure, and until when the directory server is left alone.
	RestRanges(ctx context.Context, r RangeSet) error
	// ReadRanges hands on the pieces of a set in their order: all, or none where the set no longer holds.
	ReadRanges(ctx context.Context, r RangeSet, each func(data string) error) error
}

// RangeSet is what is kept of the card ranges of a directory server, but for the ranges.
type RangeSet struct {
	Directory, URL string

	Set    int64     // names the ranges that hold; 0: none yet
	Serial string    // of the PRes that they are as of
	Loaded time.Time // when the directory server said so last; zero: never
	Until  time.Time // nobody asks it before
	Tries  int       // that failed since the last that did not
}

// How card ranges are looked after.
const (
	// refreshEvery is how often a directory server is asked where the settings do not say: twice as often as it must
	// be (EMV 3DS 2.2 §5.6), so that a time in which it does not answer makes no ranges old.
	refreshEvery = 12 * time.Hour
	// restAtLeast is how soon it is asked again for a node that has just started.
	restAtLeast = time.Hour
	// lookEvery is how often a node looks whether another has written a newer set, and lookSoon how often one that has
	// none.
	lookEvery = time.Minute
	lookSoon  = time.Second
	// leaseFor is how long others wait for the node that asks: a PReq and a second one, for all ranges. While nobody
	// has any, no node waits for one that has died for long.
	leaseFor   = 2*loadTimeout + 15*time.Second
	leaseFirst = 5 * time.Second

	retryFirst = time.Second
	retryLast  = 10 * time.Minute
)

// piece is a part of a set of ranges as it is kept, JSON. It is read by nodes of other versions too.
type piece struct {
	All      int         `json:"all"` // ranges of the whole set; 0: written before that was said
	Supports []*support  `json:"supports"`
	Ranges   []keptRange `json:"ranges"`
}

// keptRange is digits, lo, hi, and the place of its support in the piece.
type keptRange [4]uint64

// pieceSize is how many ranges are in a piece: some 80 kB of it.
const pieceSize = 2000

// errGone says that a set was swapped for another between looking and reading.
var errGone = errors.New("threeds: the set of card ranges is gone")

// errBroken says that a set holds of which ranges are missing. A version later than this one has nothing to do with it, so
// that also who has ranges from before asks for all of them.
var errBroken = fmt.Errorf("threeds: card ranges are missing: %w", errUnreadable)

// keepRanges looks after the ranges of a directory server until ctx ends.
func (s *Server) keepRanges(ctx context.Context, d *directory) {
	since := s.o.Now()
	for {
		tick, stop := s.o.Timer(s.tend(ctx, d, since))
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return
		}
	}
}

// tend takes over what another node has written since, or, when it is time and no other node does, asks the directory
// server. It says when to look again. since is when this node started.
func (s *Server) tend(ctx context.Context, d *directory, since time.Time) (again time.Duration) {
	kept, err := s.o.Keep.RangeSet(ctx, d.Name, d.URL)
	if err == nil {
		err = s.takeOver(ctx, d, kept)
	}
	have := d.ranges.Load()
	look, lease := lookEvery, leaseFor
	if have == nil {
		look, lease = lookSoon, leaseFirst
	}
	switch {
	case errors.Is(err, errGone):
		return lookSoon
	case err != nil && !errors.Is(err, errUnreadable):
		s.warn(ctx, "card ranges not read", d, err)
		return look
	}
	now := s.o.Now()
	if wait := d.due(kept, since, now, have == nil || errors.Is(err, errBroken)).Sub(now); wait > 0 {
		return min(wait, look)
	}
	set, ok, err := s.o.Keep.LeaseRanges(ctx, kept, now.Add(lease))
	if err != nil {
		s.warn(ctx, "card ranges not kept", d, err)
	}
	if !ok {
		return look
	}
	err = s.renew(ctx, d, kept, set)
	switch {
	case err == nil || ctx.Err() != nil:
		return lookEvery
	case errors.Is(err, payment.ErrTaken): // another was faster: what it wrote is as new
		return lookSoon
	}
	d.failures.Add(1)
	retry := min(retryFirst<<min(kept.Tries, 20), retryLast)
	s.o.Log.Warn("card ranges not loaded", "directory", d.Name, "error", err, "retry", retry)
	kept.Until, kept.Tries = s.o.Now().Add(retry), kept.Tries+1
	if err := s.o.Keep.RestRanges(ctx, kept); err != nil {
		s.warn(ctx, "card ranges not kept", d, err)
	}
	return min(retry, lookEvery)
}

// warn logs what is not because the node stops.
func (s *Server) warn(ctx context.Context, what string, d *directory, err error) {
	if ctx.Err() == nil {
		s.o.Log.Warn(what, "directory", d.Name, "error", err)
	}
}

// due is when the directory server is to be asked next: as often as the settings say, and sooner for a node that has
// started since. One that has no ranges, because none are kept or they cannot be read, does not wait. What a clock that
// went ahead has written does not count.
func (d *directory) due(kept RangeSet, since, now time.Time, none bool) time.Time {
	at := kept.Loaded
	switch {
	case none || at.After(now.Add(time.Minute)):
		at = time.Time{}
	case at.Before(since):
		at = at.Add(d.Rest)
	default:
		at = at.Add(d.Refresh)
	}
	if kept.Until.After(at) && kept.Until.Before(now.Add(retryLast+time.Minute)) {
		at = kept.Until
	}
	return at
}

// takeOver makes the ranges that are kept ours, where others hold than those that we have.
func (s *Server) takeOver(ctx context.Context, d *directory, kept RangeSet) error {
	have := d.ranges.Load()
	switch {
	case kept.Set == 0:
		return nil
	case have != nil && have.set == kept.Set:
		if !have.loaded.Equal(kept.Loaded) { // said again elsewhere
			d.ranges.Store(have.as(kept))
		}
		return nil
	}
	l := newLoader(nil)
	pieces, all := 0, 0
	err := s.o.Keep.ReadRanges(ctx, kept, func(data string) (err error) {
		pieces++
		all, err = l.takePiece(data)
		return err
	})
	switch {
	case err != nil:
		return err
	case pieces == 0 && d.gone != kept.Set:
		d.gone = kept.Set
		return errGone
	case pieces == 0 || all > 0 && all != len(l.ranges): // it still holds, so that nobody has swapped it away
		return errBroken
	}
	table := newRangeTable(l.ranges).as(kept)
	d.ranges.Store(table)
	s.o.Log.Info("card ranges read", "directory", d.Name, "ranges", len(l.ranges), "loaded", kept.Loaded)
	s.reportForeign(d, table)
	return nil
}

// renew asks the directory server, has what it says kept as a set for all nodes, and makes that ours.
func (s *Server) renew(ctx context.Context, d *directory, kept RangeSet, set int64) error {
	have := d.ranges.Load()
	if have != nil && have.set != kept.Set { // what is kept cannot be read
		have = nil
	}
	told, err := s.loadRanges(ctx, d, have)
	if err != nil {
		return err
	}
	now := kept
	now.Serial, now.Loaded = told.serial, s.o.Now()
	if told.table != have {
		now.Set = set
		for i := 0; i*pieceSize < max(1, len(told.table.ranges)); i++ { // one at least, so that none is none
			data, err := told.table.piece(i)
			if err != nil {
				return err
			}
			if err := s.o.Keep.WriteRanges(ctx, now, i, data); err != nil {
				return err
			}
		}
	}
	if err := s.o.Keep.SwapRanges(ctx, now, kept.Set); err != nil {
		return err
	}
	d.ranges.Store(told.table.as(now))
	s.o.Log.Info("card ranges loaded", "directory", d.Name, "rows", told.rows, "ranges", len(told.table.ranges), "complete", told.complete)
	s.reportForeign(d, told.table)
	return nil
}

// piece writes the n-th part of a table.
func (t *rangeTable) piece(n int) (string, error) {
	p := piece{All: len(t.ranges)}
	places := map[*support]uint64{}
	for _, r := range t.ranges[n*pieceSize : min((n+1)*pieceSize, len(t.ranges))] {
		at, known := places[r.support]
		if !known {
			at = uint64(len(p.Supports))
			places[r.support], p.Supports = at, append(p.Supports, r.support)
		}
		p.Ranges = append(p.Ranges, keptRange{uint64(r.digits), r.lo, r.hi, at})
	}
	data, err := json.Marshal(p)
	return string(data), err
}

// errUnreadable says that a set was written as this version does not read it.
var errUnreadable = errors.New("threeds: the card ranges that are kept cannot be read")

// takePiece puts back what piece wrote, and says how many ranges the whole set has, 0 where that was not written.
func (l *loader) takePiece(data string) (all int, err error) {
	var p piece
	if err := json.Unmarshal([]byte(data), &p); err != nil {
		return 0, errUnreadable // the error's text would repeat what was read
	}
	for i, told := range p.Supports {
		if told == nil {
			return 0, errUnreadable
		}
		p.Supports[i] = l.intern(*told)
	}
	for _, r := range p.Ranges {
		if r[3] >= uint64(len(p.Supports)) {
			return 0, errUnreadable
		}
		key := span{int(r[0]), r[1], r[2]}
		l.ranges[key] = cardRange{key, p.Supports[r[3]]}
	}
	return p.All, nil
}
