package threeds

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// How often card ranges are asked for: at least once a day (EMV 3DS 2.2 §5.6), and after a failure soon
// again but ever more slowly.
const (
	refreshEvery = 24 * time.Hour
	retryFirst   = time.Second
	retryLast    = 10 * time.Minute
)

// errInconsistent reports changes to ranges that we do not have: something was lost on the way.
var errInconsistent = errors.New("threeds: the changes do not fit the card ranges that we have")

// keepRanges loads the ranges of a directory server, again and again until ctx ends.
func (s *Server) keepRanges(ctx context.Context, d *directory) {
	retry := retryFirst
	for {
		pause := refreshEvery
		if err := s.loadRanges(ctx, d); err == nil {
			retry = retryFirst
		} else {
			if ctx.Err() != nil {
				return
			}
			s.o.Log.Warn("card ranges not loaded", "directory", d.Name, "error", err, "retry", retry)
			pause, retry = retry, min(2*retry, retryLast)
		}
		tick, stop := s.o.Timer(pause)
		select {
		case <-tick:
		case <-ctx.Done():
			stop()
			return
		}
	}
}

// loadRanges asks for what changed since the last time. Where the directory server no longer knows that
// time, or the changes do not fit, it asks for everything.
func (s *Server) loadRanges(ctx context.Context, d *directory) error {
	have := d.ranges.Load()
	if have == nil || have.serial == "" {
		return s.prepare(ctx, d, nil)
	}
	err := s.prepare(ctx, d, have)
	erro, _ := errors.AsType[*Erro](err)
	if errors.Is(err, errInconsistent) || erro != nil && erro.Code == invalidSerial {
		return s.prepare(ctx, d, nil)
	}
	return err
}

// prepare sends one PReq and puts what the PRes says in the place of the ranges so far: all of it, or none.
func (s *Server) prepare(ctx context.Context, d *directory, have *rangeTable) error {
	transaction, err := s.newTransaction()
	if err != nil {
		return err
	}
	fields := map[string]any{"threeDSServerTransID": transaction, "threeDSServerRefNumber": d.ServerRef}
	put(fields, "threeDSServerOperatorID", d.OperatorID)
	l := newLoader(have)
	if have != nil {
		put(fields, "serialNum", have.serial)
	}
	answer, err := s.exchange(ctx, d, newMessage("PReq", spoken[0], fields),
		expected{types: []string{"PRes"}, stream: &stream{"cardRangeData", l.take}}, loadTimeout)
	if err != nil {
		return err
	}
	if l.fault != nil {
		return l.fault
	}
	for _, key := range l.undated {
		if r, ok := l.ranges[key]; ok {
			if r.dsFirst == "" {
				r.dsFirst = answer.text("dsStartProtocolVersion")
			}
			if r.dsLast == "" {
				r.dsLast = answer.text("dsEndProtocolVersion")
			}
			l.ranges[key] = r
		}
	}
	table := newRangeTable(answer.text("serialNum"), l.ranges)
	table.loaded = s.o.Now()
	d.ranges.Store(table)
	s.o.Log.Info("card ranges loaded", "directory", d.Name, "rows", l.rows, "ranges", len(l.ranges), "complete", have == nil)
	return nil
}

// loader applies the rows of a PRes in the order received.
type loader struct {
	ranges  map[span]cardRange
	delta   bool
	rows    int
	undated []span // without versions of the directory server of their own: those of the PRes hold
	texts   map[string]string
	fault   error
}

func newLoader(have *rangeTable) *loader {
	l := &loader{ranges: map[span]cardRange{}, texts: map[string]string{}}
	if have != nil {
		l.delta = true
		for _, r := range have.ranges {
			l.ranges[r.span] = r
		}
	}
	return l
}

// take applies one row, whose elements obey rangeRules.
func (l *loader) take(row map[string]any) {
	l.rows++
	text := func(field string) string {
		s, _ := row[field].(string)
		return l.intern(s)
	}
	first, last := scalar(row["startRange"]), scalar(row["endRange"])
	lo, errLo := strconv.ParseUint(first, 10, 64)
	hi, errHi := strconv.ParseUint(last, 10, 64)
	if len(first) != len(last) || errLo != nil || errHi != nil || hi < lo {
		l.fault = refuse(invalidFormat, "cardRangeData.endRange", Message{Type: "PRes"})
		return
	}
	key := span{len(first), lo, hi}
	_, have := l.ranges[key]
	action := text("actionInd")
	if l.delta && !have && (action == "D" || action == "M") {
		l.fault = errInconsistent
		return
	}
	if action == "D" {
		delete(l.ranges, key)
		return
	}
	r := cardRange{
		span: key, methodURL: text("threeDSMethodURL"),
		acsFirst: text("acsStartProtocolVersion"), acsLast: text("acsEndProtocolVersion"),
		dsFirst: text("dsStartProtocolVersion"), dsLast: text("dsEndProtocolVersion"),
	}
	if r.dsFirst == "" || r.dsLast == "" {
		l.undated = append(l.undated, key)
	}
	l.ranges[key] = r
}

// intern keeps one copy of a text that a hundred thousand rows repeat.
func (l *loader) intern(s string) string {
	if kept, ok := l.texts[s]; ok {
		return kept
	}
	l.texts[s] = s
	return s
}
