package soak

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/internal/app"
	"reprise/internal/simulator"
)

const databaseFile = "reprise.db"

// story is what happens under one seed.
type story struct {
	*weather
	seed  uint64
	dir   string
	net   *network
	world *simulator.World
	nodes []*node
	stops []chan struct{}
	sink  *sink
	front *http.Client // of merchants and payers
	books *sql.DB      // the house's database, read beside the houses

	buyers  []*buyer
	busy    int // buyers that are not through
	plan    *plan
	all     []fault
	stormy  bool
	fancy   int              // below fancies: the kind of commit that a fault waits for
	set     map[string]armed // knobs of the world that are waiting for their occasion
	bank    map[fault]bool   // what the bank's pages do, and whether it has come to it
	faults  map[string]int
	crashes int
	reached map[string]int // fault / state of an attempt while it happened
	deaths  map[string]int // before or after what nodes died
	met     map[string]int // before or after what they could have
	wrongs  []string
}

// wrong notes a promise that was broken.
func (s *story) wrong(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.tell(nil, "WRONG: %s", text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrongs = append(s.wrongs, text)
}

// openTemplate makes what every story begins with: a database with merchants, keys and stored cards, the key file, and
// the world's certificates. The shop that a sandbox has is where the stories' sink is.
func openTemplate(dir string) error {
	s := &story{weather: newWeather(0), faults: map[string]int{}}
	s.net = newNetwork(s.weather)
	done := make(chan error, 1)
	go func() {
		ctx := context.Background()
		sandbox, err := app.OpenSandbox(ctx, s.outside(nil, 0), app.SandboxSettings{
			Listen: loopback(portAPI), Data: dir, Calm: true,
		}, slog.New(slog.DiscardHandler))
		if err == nil {
			err = sandbox.Close(ctx)
		}
		done <- err
	}()
	var err error
	if !s.until(time.Hour, func() bool {
		select {
		case err = <-done:
			return true
		default:
			return false
		}
	}) {
		return errors.New("the template is not made")
	}
	s.until(time.Hour, func() bool { return len(s.steps) == 0 })
	return err
}

// dawn is when stories begin. A bubble of virtual time begins in the year 2000.
func dawn() { time.Sleep(time.Until(time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC))) }

// begin sets the scene: the world, the nodes, the merchant's sink. It is called within a bubble of virtual time.
func begin(seed uint64, template, dir string) (*story, error) {
	if err := copyAll(dir, template); err != nil {
		return nil, err
	}
	dawn()
	time.Sleep(time.Duration(seed%86400) * time.Second)
	s := &story{
		weather: newWeather(seed), seed: seed, dir: dir, all: allFaults(),
		faults: map[string]int{}, reached: map[string]int{}, deaths: map[string]int{}, met: map[string]int{},
		set: map[string]armed{}, bank: map[fault]bool{},
	}
	s.net = newNetwork(s.weather)
	o := s.outside(nil, 1)
	world, err := simulator.New(simulator.Options{
		Dir: filepath.Join(dir, "world"), Calm: seed%3 == 0,
		ACS: loopback(portACS), DS: loopback(portDirectory), Acquirer: loopback(portAcquirer), Control: loopback(portControl),
		Now: o.Now, Rand: o.Rand, Timer: o.Timer, Go: o.Go, Dial: o.Dial, Listen: o.Listen,
	})
	if err != nil {
		return nil, err
	}
	if err := world.Start(); err != nil {
		return nil, err
	}
	s.world = world
	s.sink = newSink(s)
	s.front = &http.Client{
		Timeout: 40 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return s.net.dial(ctx, nil, address)
		}, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	s.books, err = sql.Open("sqlite", "file:"+filepath.Join(dir, databaseFile)+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	for i := range 2 + s.roll(4)/3 {
		n := &node{name: fmt.Sprintf("n%d", i+1), number: i, s: s}
		s.nodes = append(s.nodes, n)
		s.stops = append(s.stops, make(chan struct{}, 1))
		for j, port := range []int{portAPI, portResults} {
			s.net.shared[loopback(port)] = append(s.net.shared[loopback(port)], loopback(portNode+100*i+j))
		}
	}
	return s, nil
}

// ready says whether all nodes are.
func (s *story) ready() bool {
	for _, n := range s.nodes {
		if n.house == nil {
			return false
		}
	}
	return true
}

// end closes everything. Whatever does not stop then is found by the bubble.
func (s *story) end() {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for i, n := range s.nodes {
			select {
			case s.stops[i] <- struct{}{}:
			default:
			}
			<-n.gone
		}
		s.front.CloseIdleConnections()
		s.sink.close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.world.Close(ctx); err != nil {
			s.wrong("the world does not close: %v", err)
		}
		if err := s.books.Close(); err != nil {
			s.wrong("%v", err)
		}
	}()
	if !s.until(10*time.Minute, func() bool {
		select {
		case <-closed:
			return true
		default:
			return false
		}
	}) {
		s.wrong("it does not come to an end: %d things wait", len(s.steps))
	}
	s.front.CloseIdleConnections()
	// What is still on the list has nobody who waits for it but the timers of those who are gone, and what net/http has
	// begun ends by clocks of its own.
	s.until(time.Minute, func() bool { return false })
}

// print writes the story.
func (s *story) printTo(out io.Writer) {
	for _, l := range s.history {
		fmt.Fprintf(out, "%12s  %-3s %s\n", l.at.Round(time.Microsecond), l.who, l.text)
	}
}

// inShortMemory is a folder that is not on a disk where there is one: what is proved here is not the disk.
func inShortMemory(t testing.TB) string {
	base := "/dev/shm"
	if info, err := os.Stat(base); err != nil || !info.IsDir() {
		base = t.TempDir()
	}
	dir, err := os.MkdirTemp(base, "reprise-soak-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// copyAll copies a folder; what is in it is for its owner only.
func copyAll(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o600)
	})
}
