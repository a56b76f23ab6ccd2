package soak

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// A fault is one thing that goes wrong.
type fault string

const (
	killAnywhere     fault = "kill -9, anywhere"
	killBeforeCommit fault = "kill -9 before a commit"
	killAfterCommit  fault = "kill -9 after a commit"
	suspend          fault = "process suspended"
	skewClock        fault = "clock of a node is off"
	stopInOrder      fault = "node stopped in order"

	commitRefused fault = "database refuses a commit"
	commitUnsure  fault = "answer to a commit lost"
	commitLost    fault = "commit lost, and so is its answer"
	readRefused   fault = "database refuses a read"
)

// Of the wires: each with each.
var (
	wireLines  = []string{lineAPI, lineResults, lineSink, lineDirectory, lineAcquirer, lineACS}
	wireFaults = []string{"sever", "cut", "silence", "delay"}
)

// Of the bank's pages, and of the merchant's moods.
var (
	bankFaults = []string{"skip_method", "reload_erro", "skip_rreq", "skip_cres"}
	sinkMoods  = []string{"fail", "hang", "slow", "drop", "redirect", "lose"}
)

// ofHouse are the faults of processes and of the database.
var ofHouse = []fault{
	killAnywhere, killBeforeCommit, killAfterCommit, suspend, skewClock, stopInOrder,
	commitRefused, commitUnsure, commitLost, readRefused,
}

// allFaults are all that there are. What the world can do to its messages, the world lists itself.
func allFaults() []fault {
	all := slices.Clone(ofHouse)
	for _, line := range wireLines {
		for _, f := range wireFaults {
			all = append(all, fault("wire "+line+" "+f))
		}
	}
	for _, scenario := range simulator.Scenarios() {
		knob, behaviour, _ := strings.Cut(scenario.When, " ")
		if scenario.Kind == "fault" && knob != "next_delivery" && behaviour != "any" { // the merchant here is our own sink
			all = append(all, fault(scenario.When))
		}
	}
	for _, f := range bankFaults {
		all = append(all, fault("bank "+f))
	}
	for _, m := range sinkMoods {
		all = append(all, fault("merchant "+m))
	}
	return all
}

// plan is what goes wrong in a story, and when.
type plan struct {
	at    []int // steps after which the next fault is due, ascending
	armed []fault
}

// newPlan draws a plan. Processes and the database are what most promises hang on: they have a good share.
func (s *story) newPlan(within int) *plan {
	p := &plan{}
	for range 1 + s.roll(19) {
		p.at = append(p.at, s.taken+s.roll(within))
	}
	slices.Sort(p.at)
	return p
}

func (s *story) drawFault() fault {
	from := s.all
	if s.toss(3) {
		from = ofHouse
	}
	return from[s.roll(len(from))]
}

// brewing is asked before each step: what is due is armed, and what can happen now happens.
func (s *story) brewing(st *step) {
	if !s.stormy {
		return
	}
	s.noticed(st)
	p := s.plan
	if len(p.at) > 0 && st.kind == "after" && (strings.Contains(st.what, "INSERT advice") && s.toss(2) || strings.Contains(st.what, "INSERT authentication") && s.toss(3)) {
		p.at[0] = min(p.at[0], s.taken+s.roll(12)) // what follows is soon over, and is to be disturbed, too
	}
	for len(p.at) > 0 && s.taken >= p.at[0] {
		p.at = p.at[1:]
		f := s.drawFault()
		s.fancy = s.roll(3 * fancies)
		if !s.atOnce(f, st) {
			p.armed = append(p.armed, f)
		}
	}
	if st.who == nil || st.who.isDead() {
		return
	}
	if writes(st.what) && (st.kind == "before" || st.kind == "after") {
		s.met[st.kind+" "+st.what]++
	}
	f, ok := p.take(func(f fault) bool {
		return (f == killBeforeCommit && st.kind == "before" || f == killAfterCommit && st.kind == "after") && s.worth(st.what)
	})
	if ok {
		s.happens(f)
		s.deaths[st.kind+" "+st.what]++
		s.die(st.who, st.kind+" "+st.what)
	}
}

// fancies is how many kinds of commits there are to those that wait for one kind alone.
const fancies = 8

// worth says whether a fault that waits for a commit takes this one. Those that come every second would have them all,
// and those by which a payment ends none; and one in three waits for a kind alone, or the rare ones would go free.
func (s *story) worth(what string) bool {
	kind := fnv.New32a()
	_, _ = kind.Write([]byte(what))
	switch {
	case !writes(what):
		return false
	case s.fancy < fancies:
		return int(kind.Sum32()%fancies) == s.fancy
	case strings.Contains(what, "INSERT notice"), strings.Contains(what, "INSERT advice"),
		strings.HasPrefix(what, "INSERT idempotency, UPDATE"):
		return true
	case strings.Contains(what, "request"), strings.Contains(what, "token"), strings.Contains(what, "card_range"):
		return s.toss(5)
	}
	return s.toss(25)
}

// writes says whether a statement's name is that of a commit.
func writes(what string) bool { return !strings.HasPrefix(what, "SELECT") }

// take takes an armed fault that wanted picks.
func (p *plan) take(wanted func(fault) bool) (fault, bool) {
	for i, f := range p.armed {
		if wanted(f) {
			p.armed = slices.Delete(p.armed, i, i+1)
			return f, true
		}
	}
	return "", false
}

// happens counts a fault, and in which states attempts were.
func (s *story) happens(f fault) {
	s.tell(nil, "FAULT %s", f)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[string(f)]++
	for _, state := range s.states() {
		s.reached[string(f)+" / "+state]++
	}
}

// states are those in which attempts are now.
func (s *story) states() (found []string) {
	rows, err := s.books.Query(`SELECT DISTINCT state FROM request`)
	if err != nil {
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var state string
		if rows.Scan(&state) == nil {
			found = append(found, state)
		}
	}
	return found
}

// die kills a node, and has it started again after a while.
func (s *story) die(n *node, why string) {
	s.crashes++
	n.kill(why)
	again := time.Duration(500+s.roll(25_000)) * time.Millisecond
	go func() {
		over, _ := s.timer(nil, again)
		<-over
		s.restart(n)
	}()
}

// stop has a node stop in order, and start again.
func (s *story) stop(n *node) {
	s.tell(n, "is told to stop")
	n.house = nil
	select {
	case s.stops[n.number] <- struct{}{}:
	default:
	}
	gone, life := n.gone, n.life
	again := time.Duration(s.roll(10_000)) * time.Millisecond
	go func() {
		<-gone
		over, _ := s.timer(nil, again)
		<-over
		if !n.dead.Load() && n.life == life { // killed meanwhile: then another starts it
			s.tell(n, "starts again")
			n.start()
		}
	}()
}

func (s *story) restart(n *node) {
	<-n.gone
	if !n.dead.Load() {
		return
	}
	select {
	case <-s.stops[n.number]:
	default:
	}
	s.tell(n, "starts again")
	n.start()
}

// atOnce lets a fault happen that needs no occasion. st is the step that is about to be taken.
func (s *story) atOnce(f fault, st *step) bool {
	n := st.who
	if n.isDead() || n == nil {
		n = s.nodes[s.roll(len(s.nodes))]
	}
	kind, what, _ := strings.Cut(string(f), " ")
	switch {
	case n.isDead() && slices.Contains(ofHouse, f):
		return false
	case f == stopInOrder:
		if n.house == nil {
			return false // it is just starting
		}
		s.happens(f)
		s.stop(n)
	case f == killAnywhere:
		s.happens(f)
		s.deaths["at "+st.kind]++
		s.die(n, "before "+st.kind+" "+st.what)
	case f == suspend:
		s.happens(f)
		n.frozen = time.Now().Add(time.Duration(1+s.roll(30)) * time.Second)
		n.stood = n.frozen
		s.tell(n, "is suspended until %s", n.frozen.Sub(s.began))
	case f == skewClock:
		s.happens(f)
		n.skew = time.Duration(s.roll(4001)-2000) * time.Millisecond
		s.tell(n, "its clock is off by %s", n.skew)
	case strings.HasPrefix(kind, "next_"):
		s.spoil(f, kind, what)
	case kind == "bank":
		s.bank[f] = false
		s.knob(func(k *simulator.Knobs) { spoilBank(k, what, true) })
		go func() {
			over, _ := s.timer(nil, time.Duration(5+s.roll(40))*time.Second)
			<-over
			s.knob(func(k *simulator.Knobs) { spoilBank(k, what, false) })
		}()
	case kind == "merchant":
		s.sink.turn(what, 1+s.roll(4))
	default:
		return false
	}
	return true
}

// armed is a fault of the world that has not happened yet as often as it is to.
type armed struct {
	fault fault
	times int
}

// noticed counts the faults of the world that have happened since it was asked last: a knob that is set does nothing by
// itself. st is the step that is about to be taken.
func (s *story) noticed(st *step) {
	if st.kind == "deliver" && st.what == lineACS+">" {
		for f, counted := range s.bank {
			if !counted {
				s.bank[f] = true
				s.happens(f)
			}
		}
	}
	if len(s.set) == 0 {
		return
	}
	now, knobs := map[string]int{}, s.world.Knobs()
	for knob := range s.set {
		if f := waiting(&knobs, knob); f != nil {
			now[knob] = f.Times
		}
	}
	for _, knob := range slices.Sorted(maps.Keys(s.set)) {
		a := s.set[knob]
		for ; a.times > now[knob]; a.times-- {
			s.happens(a.fault)
		}
		if s.set[knob] = a; a.times == 0 {
			delete(s.set, knob)
		}
	}
}

// knobFields are the fields of the world's knobs, by the names at its control door.
var knobFields = sync.OnceValue(func() map[string]int {
	fields := map[string]int{}
	for i := range reflect.TypeFor[simulator.Knobs]().NumField() {
		fields[reflect.TypeFor[simulator.Knobs]().Field(i).Tag.Get("json")] = i
	}
	return fields
})

// waiting is the fault that a knob holds ready.
func waiting(k *simulator.Knobs, knob string) *simulator.Fault {
	i, known := knobFields()[knob]
	if !known {
		panic("the world has no knob " + knob)
	}
	return reflect.ValueOf(k).Elem().Field(i).Interface().(*simulator.Fault)
}

// spoil sets a knob of the world for the next messages.
func (s *story) spoil(of fault, knob, behaviour string) {
	times := 1 + s.roll(3)
	s.set[knob] = armed{of, times}
	s.tell(nil, "set: %s, %d times", of, times)
	f := map[string]any{"behaviour": behaviour, "times": times}
	switch behaviour {
	case "late", "stall":
		f["delay_ms"] = 500 + s.roll(30_000)
	case "decline":
		f["code"] = []string{"05", "51", "91", "96", "1A", "65", "1A", "65"}[s.roll(8)] // half of them: until the payer is authenticated
		if knob == "next_advice" && !s.toss(15) {                                       // a host that refuses for good means work for the operator
			f["code"] = "25"
		}
	case "after_reversal":
		f["reversals"] = s.roll(4)
	}
	setting, err := json.Marshal(map[string]any{knob: f})
	s.knob(func(k *simulator.Knobs) {
		before := json.Unmarshal([]byte(`{"`+knob+`": null}`), k) // or what was left of it would stay
		if err := errors.Join(err, before, json.Unmarshal(setting, k)); err != nil {
			s.wrong("%v", err)
		}
	})
}

// holdUp has the acquirer lose what it is advised of next. A capture is acknowledged at once otherwise, and hardly
// anything ever happens meanwhile.
func (s *story) holdUp() {
	if s.stormy {
		s.spoil("next_advice lost", "next_advice", "lost")
	}
}

func spoilBank(k *simulator.Knobs, what string, on bool) {
	*map[string]*bool{
		"skip_method": &k.SkipMethod, "reload_erro": &k.ReloadErro, "skip_rreq": &k.SkipRReq, "skip_cres": &k.SkipCRes,
	}[what] = on
}

func (s *story) knob(change func(*simulator.Knobs)) {
	if err := s.world.Turn(change); err != nil {
		s.wrong("a knob: %v", err)
	}
}

// onWire is asked of each segment.
func (s *story) onWire(p *pipe) trouble {
	if !s.stormy {
		return trouble{}
	}
	f, ok := s.plan.take(func(f fault) bool { return strings.HasPrefix(string(f), "wire "+p.from.line+" ") })
	if !ok {
		return trouble{}
	}
	s.happens(f)
	kind := string(f[strings.LastIndexByte(string(f), ' ')+1:])
	return trouble{kind: kind, delay: time.Duration(200+s.roll(20_000)) * time.Millisecond}
}

// troubleWith is asked of each statement: nil, or what becomes of it instead.
func (s *story) troubleWith(n *node, what string, about func() string) func(do func() error) error {
	if !s.stormy {
		return nil
	}
	f, ok := s.plan.take(func(f fault) bool {
		switch f {
		case commitRefused, commitUnsure, commitLost:
			return s.worth(what)
		case readRefused:
			return !writes(what)
		}
		return false
	})
	if !ok {
		return nil
	}
	s.happens(f)
	s.tell(n, "%s: %s", f, what)
	return func(do func() error) error {
		switch f {
		case commitUnsure:
			_ = do()
			s.pass(n, "after", what, about)
			return payment.ErrUnsure
		case commitLost:
			return payment.ErrUnsure
		}
		return payment.ErrUnavailable
	}
}
