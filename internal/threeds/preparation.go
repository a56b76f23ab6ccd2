package threeds

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// errInconsistent reports changes to ranges that we do not have: something was lost on the way.
var errInconsistent = errors.New("threeds: the changes do not fit the card ranges that we have")

// lost are the codes that say the same: of the directory server, which no longer knows as of when ours are, or of
// ourselves.
var lost = []string{invalidSerial, overlappingRange, impossibleAction}

// told is what a directory server said of its card ranges.
type told struct {
	table    *rangeTable // that it was told, where nothing changed
	serial   string
	rows     int
	complete bool // all of them, and not what changed
}

// loadRanges asks for what changed since the last time. Where the directory server no longer knows that
// time, or the changes do not fit, it asks for everything.
func (s *Server) loadRanges(ctx context.Context, d *directory, have *rangeTable) (told, error) {
	if have == nil || have.serial == "" {
		return s.prepare(ctx, d, nil)
	}
	changes, err := s.prepare(ctx, d, have)
	erro, _ := errors.AsType[*Erro](err)
	if errors.Is(err, errInconsistent) || erro != nil && slices.Contains(lost, erro.Code) {
		return s.prepare(ctx, d, nil)
	}
	return changes, err
}

// prepare asks in the newest version that the directory server speaks.
func (s *Server) prepare(ctx context.Context, d *directory, have *rangeTable) (t told, err error) {
	for _, version := range d.spoken() {
		t, err = s.prepareIn(ctx, d, version, have)
		if !unspoken(err) {
			break
		}
	}
	return t, err
}

// prepareIn sends one PReq and reads the PRes: all of it, or none.
func (s *Server) prepareIn(ctx context.Context, d *directory, version string, have *rangeTable) (told, error) {
	transaction, err := s.newTransaction()
	if err != nil {
		return told{}, err
	}
	fields := map[string]any{"threeDSServerTransID": transaction, "threeDSServerRefNumber": d.ServerRef}
	put(fields, "threeDSServerOperatorID", d.OperatorID)
	l := newLoader(have)
	l.strict = tables[version].strict()
	if have != nil {
		put(fields, "serialNum", have.serial)
	}
	request := newMessage("PReq", version, fields)
	want := expected{types: []string{"PRes"}, stream: &stream{"cardRangeData", l.take}}
	answer, err := s.exchange(ctx, d, request, want, loadTimeout)
	if err != nil {
		return told{}, err
	}
	table, err := l.table(answer, have)
	if err != nil {
		if violation, ok := errors.AsType[*Erro](err); ok {
			err = s.object(ctx, d, request, violation)
		}
		return told{}, err
	}
	return told{table: table, serial: answer.text("serialNum"), rows: l.rows, complete: have == nil}, nil
}

// loader applies the rows of a PRes in the order that it says, which may stand behind them.
type loader struct {
	ranges   map[span]cardRange
	delta    bool
	strict   bool // the version says what may not be: else the narrower range counts, and a row whatever was before
	rows     int
	changes  []change            // in the order received
	supports map[string]*support // one for all ranges that have the same
	backward string              // an element that ends a span before it begins
}

// change is what a row does to the ranges of some spans: add "A", modify "M" or delete "D" them.
type change struct {
	spans  []span
	action string
	told   *support
}

func newLoader(have *rangeTable) *loader {
	l := &loader{ranges: map[span]cardRange{}, supports: map[string]*support{}}
	if have != nil {
		l.delta = true
		for _, r := range have.ranges {
			l.ranges[r.span] = r
		}
	}
	return l
}

// take reads one row, whose elements obey the rules of its version. From 2.3.1 on a row may be about several spans.
func (l *loader) take(row map[string]any) {
	l.rows++
	c := change{action: scalar(row["actionInd"])}
	if c.action != "D" {
		c.told = l.intern(support{ACS: acsVersions(row), DS: dsVersions(row)})
	}
	add := func(bounds map[string]any, within, first, last string) {
		key, ok := spanOf(scalar(bounds[first]), scalar(bounds[last]))
		if !ok {
			l.backward = within + last
		}
		c.spans = append(c.spans, key)
	}
	if list, ok := row["ranges"].([]any); ok {
		for _, element := range list {
			bounds, _ := element.(map[string]any)
			add(bounds, "cardRangeData.ranges.", "start", "end")
		}
	} else {
		add(row, "cardRangeData.", "startRange", "endRange")
	}
	l.changes = append(l.changes, c)
}

// table is what the ranges are now: those that we have, where nothing changed.
func (l *loader) table(answer Message, have *rangeTable) (*rangeTable, error) {
	if err := l.finish(answer); err != nil {
		return nil, err
	}
	if l.rows == 0 && have != nil {
		return have, nil
	}
	t := newRangeTable(l.ranges)
	if l.strict && t.overlap() {
		return nil, refuse(overlappingRange, "cardRangeData.ranges", answer)
	}
	return t, nil
}

// finish applies what was taken, as the PRes wants it: its versions of the directory server hold for rows that say none,
// and its readOrder 02 means the last row first (EMV 3DS 2.3.1 table A.1). The error is an *Erro where the PRes is wrong by
// itself, and errInconsistent where it does not fit what we had.
func (l *loader) finish(answer Message) error {
	if l.backward != "" {
		return refuse(invalidFormat, l.backward, answer)
	}
	if answer.text("readOrder") == "02" {
		slices.Reverse(l.changes)
	}
	whole := dsVersions(answer.fields)
	for _, c := range l.changes {
		told := c.told
		if told != nil && len(told.DS) == 0 {
			told = l.intern(support{ACS: told.ACS, DS: whole})
		}
		for _, key := range c.spans {
			if !l.possible(key, c.action) {
				if l.strict {
					return refuse(impossibleAction, "cardRangeData.actionInd", answer)
				}
				return errInconsistent
			}
			l.apply(key, c.action, told)
		}
	}
	l.changes = nil
	return nil
}

// possible says whether a range is there for what a row does to it, or is not there. Before 2.3.1 one may be added again,
// and all ranges may come as changes to none.
func (l *loader) possible(key span, action string) bool {
	_, have := l.ranges[key]
	if action == "D" || action == "M" {
		return have || !l.strict && !l.delta
	}
	return !have || !l.strict
}

func (l *loader) apply(key span, action string, told *support) {
	if action == "D" {
		delete(l.ranges, key)
		return
	}
	l.ranges[key] = cardRange{key, told}
}

// intern keeps one copy of what a hundred thousand rows repeat.
func (l *loader) intern(told support) *support {
	var b strings.Builder
	for _, list := range [][]versions{told.ACS, told.DS} {
		for _, v := range list {
			b.WriteString(v.First + " " + v.Last + " " + v.MethodURL + "\n")
		}
		b.WriteByte('\n')
	}
	if kept, ok := l.supports[b.String()]; ok {
		return kept
	}
	l.supports[b.String()] = &told
	return &told
}

// spanOf reads the first and the last number of a range.
func spanOf(first, last string) (span, bool) {
	lo, errLo := strconv.ParseUint(first, 10, 64)
	hi, errHi := strconv.ParseUint(last, 10, 64)
	return span{len(first), lo, hi}, len(first) == len(last) && errLo == nil && errHi == nil && lo <= hi
}

// acsVersions are those that a row says of the ACS: a first and a last one, or from 2.3.1 on each with a Method URL of
// its own.
func acsVersions(row map[string]any) []versions {
	list, ok := row["acsProtocolVersions"].([]any)
	if !ok {
		return []versions{{
			First: scalar(row["acsStartProtocolVersion"]), Last: scalar(row["acsEndProtocolVersion"]), MethodURL: scalar(row["threeDSMethodURL"]),
		}}
	}
	var told []versions
	for _, element := range list {
		one, _ := element.(map[string]any)
		version := scalar(one["version"])
		told = append(told, versions{First: version, Last: version, MethodURL: scalar(one["threeDSMethodURL"])})
	}
	return told
}

// dsVersions are those that a row, or a PRes, says of the directory server: a first and a last one, or from 2.3.1 on a
// list; nil where it says nothing. Where one end is missing there is none.
func dsVersions(told map[string]any) []versions {
	if list, ok := told["dsProtocolVersions"].([]any); ok {
		var all []versions
		for _, version := range list {
			all = append(all, versions{First: scalar(version), Last: scalar(version)})
		}
		return all
	}
	first, last := scalar(told["dsStartProtocolVersion"]), scalar(told["dsEndProtocolVersion"])
	if first == "" || last == "" {
		return nil
	}
	return []versions{{First: first, Last: last}}
}
