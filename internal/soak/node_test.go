package soak

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"

	"reprise/internal/app"
	"reprise/internal/payment"
)

// errDead is what a dead node's calls come to. Nobody sees it.
var errDead = errors.New("this node is dead")

// node is one gateway that may die. Dead, it goes through the motions of stopping, but nothing that it does leaves
// it: every seam is shut.
type node struct {
	name   string
	number int
	s      *story
	dead   atomic.Bool
	frozen time.Time // until then it does nothing at all, as a process that was suspended
	skew   time.Duration
	stood  time.Time // until when it was suspended last
	life   int       // how often it has started
	house  *app.House
	gone   chan struct{} // closed when a dead one has stopped moving
}

// called is its name in the story; the world has none.
func (n *node) called() string {
	if n == nil {
		return "-"
	}
	return n.name
}

func (n *node) isDead() bool { return n != nil && n.dead.Load() }

// outside is the world as a node sees it; a nil node is whoever does not die.
func (s *story) outside(n *node, of byte) app.Outside {
	return app.Outside{
		Now: func() time.Time {
			if n == nil {
				return time.Now()
			}
			return time.Now().Add(n.skew)
		},
		Timer: func(d time.Duration) (<-chan time.Time, func() bool) { return s.timer(n, d) },
		Within: func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
			return s.within(n, ctx, d)
		},
		Rand: newRandom(s.seed, of),
		Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			return s.net.dial(ctx, n, address)
		},
		Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			a, err := netip.ParseAddr(host)
			return []netip.Addr{a}, err
		},
		Listen: func(_, address string) (net.Listener, error) {
			if n.isDead() {
				return nil, errDead
			}
			return s.net.listen(n, address)
		},
		Go: func(task func()) {
			turn := s.turn(n, "task", "", func() string { return runtime.FuncForPC(reflect.ValueOf(task).Pointer()).Name() })
			go func() {
				<-turn
				task()
			}()
		},
	}
}

// start opens a house on the database. It is done in a task of its own, so that it may die meanwhile.
func (n *node) start() {
	n.life++
	n.gone = make(chan struct{})
	n.dead.Store(false)
	n.skew = 0
	s, life := n.s, n.life
	go func() {
		gone := n.gone
		defer close(gone)
		settings, err := app.InWorld(s.outside(n, byte(16*n.number+life%16)), app.SandboxSettings{
			Listen: loopback(portNode + 100*n.number), Data: s.dir,
		}, s.world.Kit(), slog.New(slog.DiscardHandler))
		if err != nil {
			s.wrong("node %s: %v", n.name, err)
			return
		}
		settings.ResultsListen = loopback(portNode + 100*n.number + 1)
		settings.PublicURL = "http://" + loopback(portAPI)
		settings.ResultsURL = "https://" + loopback(portResults) + "/"
		settings.Database = filepath.Join(s.dir, databaseFile)
		settings.Watch = n.watch
		settings.Violation = func(err error) { s.wrong("against the contract: %v", err) }
		for {
			house, err := app.Open(context.Background(), s.outside(n, byte(16*n.number+life%16)), settings, slog.New(&journal{n: n}))
			if err == nil {
				n.run(house)
				return
			}
			if n.isDead() {
				return
			}
			s.tell(n, "does not start: %v", err)
			if pause, _ := s.timer(n, time.Second); true {
				<-pause
			}
		}
	}()
}

// run lets a house live until it is told to stop, or dies.
func (n *node) run(house *app.House) {
	if !n.isDead() {
		n.house = house
	}
	<-n.s.stops[n.number]
	told := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	if n.isDead() {
		cancel()
	}
	defer cancel()
	err := house.Close(ctx)
	if suspended := n.stood.After(told); err != nil && !n.isDead() && !suspended && !n.s.stormy { // in a storm it may be cut short
		n.s.wrong("%s does not close: %v", n.name, err)
	}
}

// kill ends a node as kill -9 does: what it has written to its wires may still arrive, nothing else of it will.
func (n *node) kill(why string) {
	n.s.tell(n, "DIES %s", why)
	n.dead.Store(true)
	n.frozen, n.house = time.Time{}, nil
	n.s.net.hangUp(n)
	n.s.release(n)
	select {
	case n.s.stops[n.number] <- struct{}{}:
	default:
	}
}

// watch stands between a node and its database.
func (n *node) watch(what string, args []any, do func() error) error {
	about := func() string { return fmt.Sprint(args...) }
	if !n.s.pass(n, "before", what, about) {
		return errDead
	}
	if t := n.s.troubleWith(n, what, about); t != nil {
		return t(do)
	}
	err := do()
	if !n.s.pass(n, "after", what, about) {
		return errDead
	}
	if err != nil && !errors.Is(err, payment.ErrNotFound) {
		n.s.tell(n, "%s: %v", what, err)
	}
	return err
}

// journal is what a node logs, as lines of the story.
type journal struct{ n *node }

func (j *journal) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo && !j.n.isDead()
}

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	j.n.s.tell(j.n, "log %s: %s", r.Level, text)
	return nil
}
func (j *journal) WithAttrs([]slog.Attr) slog.Handler { return j }
func (j *journal) WithGroup(string) slog.Handler      { return j }
