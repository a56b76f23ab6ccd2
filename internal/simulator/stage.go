package simulator

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// stage is what every actor stands on: the seams, the knobs, the book of complaints.
type stage struct {
	now    func() time.Time
	timer  func(time.Duration) (<-chan time.Time, func() bool)
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	random *random
	log    *slog.Logger

	knobs      *knobs
	hostility  hostility
	complaints complaints
	history    history

	start func(func())
	over  chan struct{} // closed when the world ends

	mu    sync.Mutex
	ended bool
	tasks sync.WaitGroup
}

func newStage(o Options) *stage {
	return &stage{
		now: o.Now, timer: o.Timer, dial: o.Dial, start: o.Go, log: o.Log,
		random: &random{source: o.Rand},
		knobs:  &knobs{set: Knobs{Calm: o.Calm}},
		over:   make(chan struct{}),
	}
}

// spawn starts a task that Close waits for; once the world has ended nothing starts any more.
func (s *stage) spawn(task func()) bool {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	s.tasks.Add(1)
	s.mu.Unlock()
	s.start(func() {
		defer s.tasks.Done()
		task()
	})
	return true
}

func (s *stage) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.over)
	}
}

func (s *stage) wait(ctx context.Context) error {
	idle := make(chan struct{})
	s.start(func() {
		s.tasks.Wait()
		close(idle)
	})
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("simulator: tasks still running: %w", ctx.Err())
	}
}

// pause waits; false means that the world ended meanwhile.
func (s *stage) pause(d time.Duration) bool {
	fired, stop := s.timer(d)
	select {
	case <-fired:
		return true
	case <-s.over:
		stop()
		return false
	}
}

// limit calls late unless the returned function is called within d. Socket deadlines would
// compare the seam's clock with the kernel's; a timer of the seams compares with nothing.
func (s *stage) limit(d time.Duration, late func()) (done func()) {
	finished := make(chan struct{})
	started := s.spawn(func() {
		fired, stop := s.timer(d)
		select {
		case <-fired:
		case <-s.over:
		case <-finished:
		}
		stop()
		select { // what is finished is not late, whichever of them was seen first
		case <-finished:
		default:
			late()
		}
	})
	if !started {
		late()
	}
	return func() { close(finished) }
}

// random hands out randomness; the lock lets a test's source be a plain reader.
type random struct {
	mu     sync.Mutex
	source io.Reader
}

// Read never fails: without randomness nothing here may go on, as with crypto/rand itself.
func (r *random) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := io.ReadFull(r.source, p); err != nil {
		panic("simulator: the source of randomness failed: " + err.Error())
	}
	return len(p), nil
}

func (r *random) bytes(n int) []byte {
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// text draws n characters from an alphabet of at most 64. The bias does not matter: these are
// references, not keys.
func (r *random) text(n int, alphabet string) string {
	b := r.bytes(n)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

// uuid is a version 4 UUID in its canonical lower-case form.
func (r *random) uuid() string {
	b := r.bytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Complaint is something that the gateway did and should not have done. It names fields, never
// their values.
type Complaint struct {
	At   time.Time `json:"at"`
	Line string    `json:"line"` // acquirer, directory, acs or merchant
	What string    `json:"what"`
}

// complaints keeps the first thousand: a gateway that earns more has a fault to look for first.
type complaints struct {
	mu   sync.Mutex
	kept []Complaint
}

func (c *complaints) list() []Complaint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Complaint{}, c.kept...)
}

func (s *stage) complain(line, what string) {
	s.log.Warn("complaint", "line", line, "what", what)
	s.complaints.mu.Lock()
	defer s.complaints.mu.Unlock()
	if len(s.complaints.kept) < 1000 {
		s.complaints.kept = append(s.complaints.kept, Complaint{At: s.now(), Line: line, What: what})
	}
}
