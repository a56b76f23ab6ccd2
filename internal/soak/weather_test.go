package soak

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// weather decides what happens next. Everything that is done through a seam waits here for its turn: a message that
// is under way, a timer that is over, a task that begins, a statement before it goes to the database and again after
// it. One thing happens at a time; the next one only once everybody has come to rest. So the same seed is the same
// story.
type weather struct {
	chance *rand.Rand
	began  time.Time
	brew   func(*step) // what may go wrong with the step that is about to be taken; nil: good weather

	mu    sync.Mutex
	steps []*step
	poke  chan struct{}

	taken   int
	history []line
	print   uint64 // of the history
}

// step is something that happens when the scheduler says so.
type step struct {
	at   time.Time
	who  *node  // nil: nobody who can die
	kind string // deliver, timer, task, dial, before, after
	what string
	// about tells it from others that look alike; nil: nothing does.
	about func() string
	on    *pipe // of a delivery
	take  func()
}

// line is a line of the story.
type line struct {
	at   time.Duration
	who  string
	text string
}

func newWeather(seed uint64) *weather {
	return &weather{chance: rand.New(rand.NewPCG(seed, 0x5eed)), began: time.Now(), poke: make(chan struct{}, 1)}
}

// roll is a number below n.
func (w *weather) roll(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chance.IntN(n)
}

// toss says yes once in n times.
func (w *weather) toss(n int) bool { return w.roll(n) == 0 }

// release lets everything that a node waits for happen now.
func (w *weather) release(who *node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, s := range w.steps {
		if s.who == who && s.at.After(now) {
			s.at = now
		}
	}
}

// tell writes a line of the story.
func (w *weather) tell(who *node, format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history = append(w.history, line{time.Since(w.began), who.called(), fmt.Sprintf(format, args...)})
}

// next puts a step on the list.
func (w *weather) next(s *step) {
	w.mu.Lock()
	w.steps = append(w.steps, s)
	w.mu.Unlock()
	select {
	case w.poke <- struct{}{}:
	default:
	}
}

// pass lets the caller wait for its turn. It says whether its node still lives then.
func (w *weather) pass(who *node, kind, what string, about func() string) bool {
	if who.isDead() {
		return false
	}
	<-w.turn(who, kind, what, about)
	return !who.isDead()
}

// turn is closed when it is the caller's turn.
func (w *weather) turn(who *node, kind, what string, about func() string) <-chan struct{} {
	turn := make(chan struct{})
	w.next(&step{at: time.Now(), who: who, kind: kind, what: what, about: about, take: func() { close(turn) }})
	return turn
}

// timer is the Timer of a node.
func (w *weather) timer(who *node, d time.Duration) (<-chan time.Time, func() bool) {
	fired := make(chan time.Time, 1)
	s := w.after(who, d, func() { fired <- time.Now() })
	return fired, func() bool { return w.drop(s) }
}

// within is the Within of a node.
func (w *weather) within(who *node, ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := w.after(who, d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		w.drop(s)
		cancel(nil)
	}
}

// after has something happen to a node when a time has passed.
func (w *weather) after(who *node, d time.Duration, take func()) *step {
	s := &step{at: time.Now().Add(max(d, 0)), who: who, kind: "timer", what: d.String(), take: take}
	if who.isDead() { // it is to come to its end, and time has to pass meanwhile
		s.at = time.Now().Add(min(max(d, 0), 50*time.Millisecond))
	}
	w.next(s)
	return s
}

// drop takes a step off the list, if it was not taken yet.
func (w *weather) drop(s *step) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, other := range w.steps {
		if other == s {
			w.steps = append(w.steps[:i], w.steps[i+1:]...)
			return true
		}
	}
	return false
}

// tooLong is how many steps a story has at most.
const tooLong = 1_000_000

// until lets things happen until over says so, which is asked whenever everybody is at rest. It returns false when
// nothing would ever happen again, or when that takes longer than limit.
func (w *weather) until(limit time.Duration, over func() bool) bool {
	end := time.Now().Add(limit)
	for {
		synctest.Wait()
		if over() {
			return true
		}
		s, wait := w.draw()
		switch {
		case w.taken > tooLong:
			return false
		case s != nil:
			w.takeStep(s)
		case !time.Now().Before(end):
			return false
		default:
			w.sleep(min(wait, time.Until(end)))
		}
	}
}

// draw picks a step that is due, or says how long there is none. Those that came up at once, from tasks that ran at the
// same time, stand in an order that does not depend on who was first.
func (w *weather) draw() (*step, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	wait := time.Duration(1 << 62)
	var due []*step
	for _, s := range w.steps {
		at := s.at
		if s.who != nil && s.who.frozen.After(at) && !s.who.isDead() {
			at = s.who.frozen
		}
		if d := at.Sub(now); d > 0 {
			wait = min(wait, d)
		} else {
			due = append(due, s)
		}
	}
	if len(due) == 0 {
		return nil, wait
	}
	slices.SortStableFunc(due, func(a, b *step) int {
		return cmp.Or(strings.Compare(a.who.called(), b.who.called()), strings.Compare(a.kind, b.kind), strings.Compare(a.what, b.what), a.at.Compare(b.at), a.compareAbout(b))
	})
	s := due[w.chance.IntN(len(due))]
	w.steps = slices.DeleteFunc(w.steps, func(other *step) bool { return other == s })
	return s, 0
}

// compareAbout is asked of few: what a step is about takes longer to say than the rest.
func (s *step) compareAbout(other *step) int {
	if s == other || s.about == nil || other.about == nil {
		return 0
	}
	return strings.Compare(s.about(), other.about())
}

func (w *weather) takeStep(s *step) {
	w.taken++
	w.mark(s)
	if w.brew != nil {
		w.brew(s)
	}
	s.take()
}

// mark adds a step to what tells one story from another.
func (w *weather) mark(s *step) {
	h := fnv.New64a()
	line := binary.LittleEndian.AppendUint64(make([]byte, 0, 128), w.print)
	line = binary.LittleEndian.AppendUint64(line, uint64(time.Since(w.began)))
	for _, word := range []string{s.who.called(), s.kind, s.what} {
		line = append(append(line, word...), 0)
	}
	_, _ = h.Write(line)
	w.print = h.Sum64()
}

// sleep lets time pass, unless something comes up before: the inner clocks of net/http tick on their own.
func (w *weather) sleep(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.poke:
	}
}

// random is a source of randomness that the seed decides. Who asks for bytes at the same time as another does so in no
// order: therefore each length has a source of its own, and the pause before a line is dialled again does not hang on
// whether somebody was given an id before.
type random struct {
	mu      sync.Mutex
	key     [32]byte
	sources map[int]*rand.ChaCha8
}

func newRandom(seed uint64, of byte) io.Reader {
	r := &random{sources: map[int]*rand.ChaCha8{}}
	binary.LittleEndian.PutUint64(r.key[:], seed)
	r.key[31] = of
	return r
}

func (r *random) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	source := r.sources[len(p)]
	if source == nil {
		key := r.key
		binary.LittleEndian.PutUint64(key[8:], uint64(len(p)))
		source = rand.NewChaCha8(key)
		r.sources[len(p)] = source
	}
	return source.Read(p)
}
