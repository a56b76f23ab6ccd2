package threeds

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// span is a range of card numbers of one length. Numbers of other lengths are other cards, however close.
type span struct {
	digits int // 13 to 19
	lo, hi uint64
}

func (a span) width() uint64 { return a.hi - a.lo }

// cardRange is what a directory server tells of the cards of a span.
type cardRange struct {
	span
	*support // of thousands of ranges the same
}

// support says who speaks which versions about the cards of a range.
type support struct {
	ACS []versions
	DS  []versions // empty in a row of a PRes that leaves it to the PRes
}

// versions are those from one to another, both included, of which only the ACS has a MethodURL.
type versions struct {
	First, Last string
	MethodURL   string `json:",omitempty"`
}

// within finds a protocol version in a list.
func within(list []versions, version string) (found versions, ok bool) {
	i := slices.IndexFunc(list, func(v versions) bool { return since(version, v.First) && since(v.Last, version) })
	if i < 0 {
		return versions{}, false
	}
	return list[i], true
}

// newest is the newest of our versions below a bound that both others speak too, and the ACS's Method URL for it; ok is
// false where there is none. An empty bound is none.
func (s *support) newest(ours []string, below string) (version, methodURL string, ok bool) {
	for _, v := range ours {
		acs, byACS := within(s.ACS, v)
		_, byDS := within(s.DS, v)
		if byACS && byDS && (below == "" || !since(v, below)) {
			return v, acs.MethodURL, true
		}
	}
	return "", "", false
}

// since says whether a version is one or a later one.
func since(version, one string) bool { return versionNumber(version) >= versionNumber(one) }

// versionNumber makes versions comparable. s is of class Version.
func versionNumber(s string) int {
	n := 0
	for part := range strings.SplitSeq(s, ".") {
		i, _ := strconv.Atoi(part)
		n = n*100 + i
	}
	return n
}

// rangeTable is what one directory server told us. It never changes: a new one takes its place.
type rangeTable struct {
	set    int64       // as it is kept
	loaded time.Time   // when the directory server said so last
	serial string      // of the PRes in which it did: the next one holds only what changed since
	ranges []cardRange // by digits, then lo
	reach  []uint64    // the highest hi among the ranges of the same digits up to here
}

func newRangeTable(ranges map[span]cardRange) *rangeTable {
	t := &rangeTable{ranges: make([]cardRange, 0, len(ranges)), reach: make([]uint64, len(ranges))}
	for _, r := range ranges {
		t.ranges = append(t.ranges, r)
	}
	slices.SortFunc(t.ranges, func(a, b cardRange) int {
		return cmp.Or(cmp.Compare(a.digits, b.digits), cmp.Compare(a.lo, b.lo), cmp.Compare(a.hi, b.hi))
	})
	for i, r := range t.ranges {
		t.reach[i] = r.hi
		if i > 0 && t.ranges[i-1].digits == r.digits {
			t.reach[i] = max(r.hi, t.reach[i-1])
		}
	}
	return t
}

// overlap says whether a card number is in two ranges.
func (t *rangeTable) overlap() bool {
	for i := 1; i < len(t.ranges); i++ {
		if t.ranges[i].digits == t.ranges[i-1].digits && t.ranges[i].lo <= t.reach[i-1] {
			return true
		}
	}
	return false
}

// as is the same table, kept as a set.
func (t *rangeTable) as(kept RangeSet) *rangeTable {
	return &rangeTable{set: kept.Set, loaded: kept.Loaded, serial: kept.Serial, ranges: t.ranges, reach: t.reach}
}

// find returns the narrowest range that holds a card number.
func (t *rangeTable) find(digits int, number uint64) (found cardRange, ok bool) {
	after, _ := slices.BinarySearchFunc(t.ranges, 0, func(r cardRange, _ int) int {
		if cmp.Or(cmp.Compare(r.digits, digits), cmp.Compare(r.lo, number)) <= 0 {
			return -1
		}
		return 1
	})
	for i := after - 1; i >= 0 && t.ranges[i].digits == digits && t.reach[i] >= number; i-- {
		r := t.ranges[i]
		if r.hi >= number && (!ok || r.width() < found.width()) {
			found, ok = r, true
		}
	}
	return found, ok
}

// NotReadyError says that the card ranges of directory servers were never loaded, so that nothing can be
// said of a card that is in no range known.
type NotReadyError struct{ Directories []string }

func (e *NotReadyError) Error() string {
	return "threeds: card ranges not loaded yet from " + strings.Join(e.Directories, ", ")
}

// Unwrap says that it may be otherwise in a moment.
func (e *NotReadyError) Unwrap() error { return payment.ErrUnavailable }

// Ready is nil once every directory server has told its card ranges, else a *NotReadyError.
func (s *Server) Ready() error {
	var missing []string
	for _, d := range s.directories {
		if d.ranges.Load() == nil {
			missing = append(missing, d.Name)
		}
	}
	if missing == nil {
		return nil
	}
	return &NotReadyError{missing}
}

// oldAfter is when card ranges are older than they may be (EMV 3DS 2.2 §5.6: a day), with an hour of grace. They still
// serve: most of them are right, and a card that has moved is refused by its bank.
const oldAfter = 25 * time.Hour

// Ranges is how much a directory server has told us, and when.
type Ranges struct {
	Directory string
	N         int
	Loaded    time.Time // by whichever node; zero: never
	Old       bool      // older than they may be
	Failures  int64     // times that this node asked in vain
}

// Ranges says what every directory server has told us.
func (s *Server) Ranges() []Ranges {
	var all []Ranges
	for _, d := range s.directories {
		r := Ranges{Directory: d.Name, Failures: d.failures.Load()}
		if table := d.ranges.Load(); table != nil {
			r.N, r.Loaded = len(table.ranges), table.loaded
			r.Old = s.o.Now().Sub(table.loaded) > oldAfter
		}
		all = append(all, r)
	}
	return all
}

// Range finds the directory to ask about a card, the protocol version to speak, and the URL of its 3DS Method, which may be
// empty.
// A card that is in no range, or in one with which we share no version, is not enrolled: the error is
// payment.ErrNotFound. It is a *NotReadyError while that cannot be known.
func (s *Server) Range(_ context.Context, pan card.PAN) (directory, version, methodURL string, err error) {
	d, r, err := s.locate(pan)
	if err != nil {
		return "", "", "", err
	}
	version, methodURL, ok := s.speak(d, r, "")
	if !ok {
		return "", "", "", fmt.Errorf("threeds: no common version: %w", payment.ErrNotFound)
	}
	return d.Name, version, methodURL, nil
}

// speak is what is spoken about the cards of a range, below a version or at all, and where its 3DS Method is, if it has
// one that a browser may be sent to.
func (s *Server) speak(d *directory, r cardRange, below string) (version, methodURL string, ok bool) {
	version, methodURL, ok = r.newest(d.spoken(), below)
	if !s.browserURL(methodURL) {
		methodURL = ""
	}
	return version, methodURL, ok
}

// locate finds the directory server that a card belongs to: of those that may speak for its brand the one that knows it in
// the narrowest range.
func (s *Server) locate(pan card.PAN) (of *directory, found cardRange, err error) {
	revealed := pan.Reveal()
	number, err := strconv.ParseUint(revealed, 10, 64)
	if err != nil {
		return nil, cardRange{}, fmt.Errorf("threeds: card number: %w", payment.ErrNotFound)
	}
	var missing []string
	for _, d := range s.directories {
		if !d.serves(pan.Brand()) {
			continue
		}
		table := d.ranges.Load()
		if table == nil {
			missing = append(missing, d.Name)
			continue
		}
		if r, ok := table.find(len(revealed), number); ok && (of == nil || r.width() < found.width()) {
			of, found = d, r
		}
	}
	if of == nil {
		if missing != nil {
			return nil, cardRange{}, &NotReadyError{missing}
		}
		return nil, cardRange{}, payment.ErrNotFound
	}
	return of, found, nil
}
