package threeds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// upTo220 is an enrolment under which directory servers are asked for rows as they were before 2.3.1.
func upTo220(o *Options) { o.Directories[0].Versions = []string{"2.1.0", "2.2.0"} }

// beside is another node: the same directory servers, the same shelf.
func (w *world) beside(t *testing.T) *Server {
	t.Helper()
	s, err := New(w.o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// tended has a node look after its ranges once.
func (w *world) tended(t *testing.T, s *Server, since time.Time) time.Duration {
	t.Helper()
	return s.tend(t.Context(), s.directories[0], since)
}

// preqs is how often the directory server was asked.
func (w *world) preqs() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.asked {
		if m["messageType"] == "PReq" {
			n++
		}
	}
	return n
}

// TestShared: one node asks, the others read what it wrote; what changes at one changes at all, and a node that starts
// serves at once.
func TestShared(t *testing.T) {
	w := newWorld(t, upTo220)
	other := w.beside(t)
	began := w.timer.now()
	w.tells("1", row("4000000000000000", "4000000000009999", map[string]any{"threeDSMethodURL": "https://one.example/m"}))
	w.tended(t, w.Server, began)
	if err := other.Ready(); err == nil {
		t.Fatal("ready by nothing")
	}
	if again := w.tended(t, other, began); again != lookEvery || w.preqs() != 1 {
		t.Errorf("the other asked too: %d times; it looks again after %v", w.preqs(), again)
	}
	method := func(s *Server) string {
		t.Helper()
		_, _, method, err := s.Range(t.Context(), pan(t, testPAN))
		if err != nil {
			t.Fatal(err)
		}
		return method
	}
	if got := method(other); got != "https://one.example/m" {
		t.Errorf("the other has %s", got)
	}
	// The other's turn. Both change.
	w.timer.pass(refreshEvery)
	w.tells("2", row("4000000000000000", "4000000000009999", map[string]any{"actionInd": "M", "threeDSMethodURL": "https://two.example/m"}))
	w.tended(t, other, began)
	if got := w.received(t, "PReq", 2)[1]; got["serialNum"] != "1" {
		t.Errorf("asked with %v", got["serialNum"])
	}
	if got := method(w.Server); got != "https://one.example/m" {
		t.Errorf("before it has looked: %s", got)
	}
	w.tended(t, w.Server, began)
	if one, two := method(w.Server), method(other); one != "https://two.example/m" || two != one || w.preqs() != 2 {
		t.Errorf("one has %s, the other %s, and %d were asked", one, two, w.preqs())
	}
	// Nothing new: the set stays, and everybody knows as of when.
	w.timer.pass(refreshEvery)
	w.tells("3")
	w.tended(t, w.Server, began)
	w.tended(t, other, began)
	mine, theirs := w.Ranges()[0], other.Ranges()[0]
	if mine != theirs || mine.Old || w.timer.now().Sub(mine.Loaded) > time.Minute || len(w.keep.pieces) != 2 {
		t.Errorf("one says %+v, the other %+v, and there are %d sets", mine, theirs, len(w.keep.pieces))
	}
	if table := other.directories[0].ranges.Load(); table.serial != "3" {
		t.Errorf("the other would ask with %s", table.serial)
	}
	// A node that starts: at once what is kept, and the directory server no sooner than it may be asked.
	w.mu.Lock()
	w.answer = func(rw http.ResponseWriter, _ map[string]any) { rw.WriteHeader(http.StatusServiceUnavailable) }
	w.mu.Unlock()
	started := w.timer.now()
	third := w.beside(t)
	w.tended(t, third, started)
	if got := method(third); got != "https://two.example/m" || w.preqs() != 3 {
		t.Errorf("the third has %s, and %d were asked", got, w.preqs())
	}
	w.timer.pass(restAtLeast)
	w.tended(t, w.Server, began)
	if w.preqs() != 3 {
		t.Error("asked within the hours that the settings say")
	}
	w.tended(t, third, started)
	if w.preqs() != 4 || third.Ready() != nil {
		t.Errorf("an hour after a start: %d were asked, %v", w.preqs(), third.Ready())
	}
	// It failed; all leave it alone, for longer each time. Old ranges serve, and say so.
	if again := w.tended(t, other, began); again > lookEvery || w.preqs() != 4 {
		t.Errorf("%d were asked", w.preqs())
	}
	w.timer.pass(oldAfter)
	for try := range 3 {
		for range 5 {
			w.tended(t, w.Server, began)
			w.tended(t, other, began)
		}
		if w.preqs() != 5+try {
			t.Errorf("try %d: %d were asked", try, w.preqs())
		}
		w.timer.pass(2 * time.Second << try)
	}
	if told := other.Ranges()[0]; !told.Old || method(other) != "https://two.example/m" {
		t.Errorf("%+v", told)
	}
}

// TestLeaseOfADeadNode: who asks and dies is waited for, but not for long while nobody has any ranges.
func TestLeaseOfADeadNode(t *testing.T) {
	w := newWorld(t, upTo220)
	w.tells("1", row("4000000000000000", "4000000000009999"))
	for _, test := range []struct {
		name  string
		lease time.Duration
		asked int
	}{{"nobody has any", leaseFirst, 1}, {"there are some", leaseFor, 2}} {
		kept, _ := w.keep.RangeSet(t.Context(), "ds", w.directories[0].URL)
		began := w.timer.now()
		if _, ok, _ := w.keep.LeaseRanges(t.Context(), kept, began.Add(test.lease)); !ok {
			t.Fatal("no lease")
		}
		w.tended(t, w.Server, began.Add(-time.Hour))
		if w.preqs() != test.asked-1 {
			t.Errorf("%s: asked while another was at it", test.name)
		}
		w.timer.pass(test.lease)
		w.tended(t, w.Server, began.Add(-time.Hour))
		if w.preqs() != test.asked || w.Ready() != nil {
			t.Errorf("%s: %d were asked, %v", test.name, w.preqs(), w.Ready())
		}
		w.timer.pass(refreshEvery)
	}
}

// TestTwoAsk: of two that were both at it, the slower reads what the faster wrote. Its own changes fit only what was.
func TestTwoAsk(t *testing.T) {
	w := newWorld(t, upTo220)
	began := w.timer.now()
	faster := w.beside(t)
	w.tells("2", row("4000000000000000", "4000000000009999"), row("4100000000000000", "4100000000009999"))
	between := echo("PRes", map[string]any{
		"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0", "serialNum": "1",
		"cardRangeData": []any{row("4000000000000000", "4000000000009999")},
	})
	whole := w.answer
	w.answer = func(rw http.ResponseWriter, r map[string]any) {
		w.mu.Lock()
		w.answer = whole
		w.mu.Unlock()
		w.timer.pass(leaseFirst)
		w.tended(t, faster, began)
		between(rw, r)
	}
	if again := w.tended(t, w.Server, began); again != lookSoon || w.preqs() != 2 || w.Ready() == nil {
		t.Errorf("the slower: again after %v, %d were asked, %v", again, w.preqs(), w.Ready())
	}
	w.tended(t, w.Server, began)
	if told := w.Ranges()[0]; told.N != 2 || told.Failures != 0 || w.preqs() != 2 {
		t.Errorf("%+v, %d were asked", told, w.preqs())
	}
}

// TestUnreadable: a set that another version wrote otherwise is loaded anew by who has none, and left alone by who has.
func TestUnreadable(t *testing.T) {
	for _, data := range []string{`{`, `{"supports":[null],"ranges":[]}`, `{"supports":[],"ranges":[[16,1,2,0]]}`, `{"ranges":[[16,1,2,-1]]}`} {
		w := newWorld(t, upTo220)
		began := w.timer.now()
		w.tells("1", row("4000000000000000", "4000000000009999"))
		w.tended(t, w.Server, began)
		for set := range w.keep.pieces {
			w.keep.pieces[set] = []string{data}
		}
		w.tended(t, w.Server, began)
		if w.preqs() != 1 || w.Ready() != nil {
			t.Fatalf("%s: who has them asked anew", data)
		}
		other := w.beside(t)
		w.tended(t, other, began)
		if asked := w.received(t, "PReq", 2)[1]; asked["serialNum"] != nil || other.Ready() != nil {
			t.Errorf("%s: asked with serial number %v, %v", data, asked["serialNum"], other.Ready())
		}
	}
	w := newWorld(t, upTo220)
	w.tells("1", row("4000000000000000", "4000000000009999"))
	w.tended(t, w.Server, w.timer.now())
	clear(w.keep.pieces)
	other := w.beside(t)
	if again := w.tended(t, other, w.timer.now()); again != lookSoon || w.preqs() != 1 {
		t.Errorf("a set that was swapped away: again after %v, %d were asked", again, w.preqs())
	}
	w.tended(t, other, w.timer.now())
	if asked := w.received(t, "PReq", 2)[1]; asked["serialNum"] != nil || other.Ready() != nil {
		t.Errorf("a set that holds without a piece: asked with serial number %v, %v", asked["serialNum"], other.Ready())
	}
	if w.tended(t, w.Server, w.timer.now()); w.preqs() != 2 || w.Ranges()[0].Loaded != other.Ranges()[0].Loaded {
		t.Errorf("the first does not have what the other wrote; %d were asked", w.preqs())
	}
}

// TestBrokenSet: a set of which a piece is missing is taken over by nobody, and asked for anew also by who has an older one.
func TestBrokenSet(t *testing.T) {
	for _, missing := range []int{0, 1, 2} {
		w := newWorld(t, upTo220)
		began := w.timer.now()
		old := w.beside(t)
		w.tells("1", row("4000000000000000", "4000000000009999"))
		w.tended(t, w.Server, began)
		w.tended(t, old, began)
		w.timer.pass(refreshEvery)
		var changes []map[string]any
		for i := range 2*pieceSize + 1 {
			changes = append(changes, row(fmt.Sprintf("41%06d00000000", i), fmt.Sprintf("41%06d00009999", i), map[string]any{"actionInd": "A"}))
		}
		w.tells("2", changes...)
		w.tended(t, w.Server, began)
		kept, _ := w.keep.RangeSet(t.Context(), "ds", w.directories[0].URL)
		w.keep.pieces[kept.Set] = slices.Delete(w.keep.pieces[kept.Set], missing, missing+1)
		w.tells("3", row("4000000000000000", "4000000000009999"))
		w.tended(t, old, began)
		if asked := w.received(t, "PReq", 3)[2]; asked["serialNum"] != nil || old.Ranges()[0].N != 1 {
			t.Errorf("without piece %d: asked with serial number %v, and %d ranges hold", missing, asked["serialNum"], old.Ranges()[0].N)
		}
	}
}

// TestManyRanges: a hundred thousand and more are kept and read back as they were told, each with its own.
func TestManyRanges(t *testing.T) {
	const many = 120_001
	w := newWorld(t, upTo220)
	w.answer = func(rw http.ResponseWriter, r map[string]any) {
		fmt.Fprintf(rw, `{"messageType":"PRes","messageVersion":"2.2.0","threeDSServerTransID":%q,"dsTransID":%q,
"dsStartProtocolVersion":"2.1.0","dsEndProtocolVersion":"2.2.0","serialNum":"1","cardRangeData":[`, r["threeDSServerTransID"], dsID)
		for i := range many {
			if i > 0 {
				fmt.Fprint(rw, ",")
			}
			fmt.Fprintf(rw, `{"startRange":"4%09d000000","endRange":"4%09d999999","acsStartProtocolVersion":"2.1.0","acsEndProtocolVersion":"2.2.0","threeDSMethodURL":"https://acs%d.example/m"}`, i, i, i%1000)
		}
		fmt.Fprint(rw, `]}`)
	}
	began := time.Now()
	w.tended(t, w.Server, began)
	loaded := time.Since(began)
	other := w.beside(t)
	began = time.Now()
	w.tended(t, other, began)
	t.Logf("%d ranges asked for, kept and loaded in %v, read by another node in %v", many, loaded, time.Since(began))
	if n := len(w.keep.pieces[1]); n != many/pieceSize+1 {
		t.Errorf("%d pieces", n)
	}
	largest := 0
	for _, data := range w.keep.pieces[1] {
		largest = max(largest, len(data))
	}
	if largest > 256<<10 {
		t.Errorf("a piece of %d bytes", largest)
	}
	for _, i := range []int{0, 1999, 2000, many - 1} {
		number, _ := strconv.ParseUint(fmt.Sprintf("4%09d123456", i), 10, 64)
		for name, s := range map[string]*Server{"who asked": w.Server, "who read": other} {
			r, ok := s.directories[0].ranges.Load().find(16, number)
			if want := fmt.Sprintf("[{2.1.0 2.2.0 https://acs%d.example/m}]", i%1000); !ok || fmt.Sprint(r.ACS) != want || fmt.Sprint(r.DS) != "[{2.1.0 2.2.0 }]" {
				t.Errorf("%s: range %d is %v, want %s", name, i, r, want)
			}
		}
	}
}

// TestTooManyRanges: an answer that never ends is left when the cap is reached, and what was there stays.
func TestTooManyRanges(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 64 MB are read")
	}
	w := newWorld(t, upTo220)
	w.tells("1", row("4000000000000000", "4000000000009999"))
	if err := w.renewed(t, w.directories[0]); err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	filler := strings.Repeat(" ", 1<<16)
	w.answer = func(rw http.ResponseWriter, r map[string]any) {
		fmt.Fprintf(rw, `{"messageType":"PRes","messageVersion":"2.2.0","cardRangeData":[`)
		for {
			n, err := fmt.Fprint(rw, `{"startRange":"4100000000000000","endRange":"4100000000009999","acsStartProtocolVersion":"2.1.0","acsEndProtocolVersion":"2.2.0"},`, filler)
			if sent.Add(int64(n)); err != nil || sent.Load() > 2*maxPRes {
				return
			}
		}
	}
	err := w.renewed(t, w.directories[0])
	if !errors.Is(err, errTooLarge) {
		t.Errorf("%v, after %d bytes", err, sent.Load())
	}
	if told := w.Ranges()[0]; told.N != 1 {
		t.Errorf("%+v", told)
	}
}

// TestAnySet: whatever ranges there are, another node finds in what is kept what the first finds.
func TestAnySet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLoader(nil)
		for range rapid.IntRange(0, 40).Draw(t, "ranges") {
			lo := rapid.Uint64Range(0, 9_999_999_999_999_999_999).Draw(t, "lo")
			key := span{rapid.IntRange(13, 19).Draw(t, "digits"), lo, lo + rapid.Uint64Range(0, 1000).Draw(t, "width")}
			var told support
			for range rapid.IntRange(0, 2).Draw(t, "versions") {
				v := rapid.SampledFrom([]string{"2.1.0", "2.2.0", "2.3.1"}).Draw(t, "version")
				told.ACS = append(told.ACS, versions{First: "2.1.0", Last: v, MethodURL: rapid.StringMatching(`(https://[a-z"<\\]{1,8})?`).Draw(t, "URL")})
				told.DS = append(told.DS, versions{First: v, Last: v})
			}
			l.ranges[key] = cardRange{key, l.intern(told)}
		}
		table, again := newRangeTable(l.ranges), newLoader(nil)
		for i := 0; i*pieceSize < len(table.ranges); i++ {
			data, err := table.piece(i)
			if err == nil {
				_, err = again.takePiece(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(table, newRangeTable(again.ranges), cmp.AllowUnexported(rangeTable{}, cardRange{}, span{})); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestPieces: nothing that a card is authenticated by is lost on the way, and what is kept holds nothing else.
func TestPieces(t *testing.T) {
	l := newLoader(nil)
	l.take(row("4000000000000000", "4000000000009999"))
	l.take(map[string]any{
		"ranges":              []any{map[string]any{"start": "340000000000000", "end": "340000000009999"}},
		"acsProtocolVersions": []any{map[string]any{"version": "2.1.0", "threeDSMethodURL": "https://a.example"}, map[string]any{"version": "2.3.1"}},
		"dsProtocolVersions":  []any{"2.1.0", "2.3.1"},
	})
	l.finish(Message{})
	data, err := newRangeTable(l.ranges).piece(0)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"all":2,"supports":[{"ACS":[{"First":"2.1.0","Last":"2.1.0","MethodURL":"https://a.example"},{"First":"2.3.1","Last":"2.3.1"}],` +
		`"DS":[{"First":"2.1.0","Last":"2.1.0"},{"First":"2.3.1","Last":"2.3.1"}]},` +
		`{"ACS":[{"First":"2.1.0","Last":"2.2.0"}],"DS":[{"First":"2.1.0","Last":"2.2.0"}]}],` +
		`"ranges":[[15,340000000000000,340000000009999,0],[16,4000000000000000,4000000000009999,1]]}`
	if data != want {
		t.Errorf("kept as\n%s, want\n%s", data, want)
	}
	if !json.Valid([]byte(data)) {
		t.Error("no JSON")
	}
	again := newLoader(nil)
	if all, err := again.takePiece(data); err != nil || all != 2 {
		t.Fatal(all, err)
	}
	if text, _ := newRangeTable(again.ranges).piece(0); text != want {
		t.Errorf("read and kept again as\n%s", text)
	}
}

// TestPReqVersion: a directory server that does not speak the newest version is asked in the next, and one for which we
// are not approved is not asked in it at all.
func TestPReqVersion(t *testing.T) {
	refuses := func(refused ...string) func(rw http.ResponseWriter, r map[string]any) {
		return func(rw http.ResponseWriter, r map[string]any) {
			for _, version := range refused {
				if r["messageVersion"] == version {
					echo("Erro", map[string]any{"errorCode": "102", "errorComponent": "D", "errorDescription": "d", "errorDetail": "messageVersion"})(rw, r)
					return
				}
			}
			echo("PRes", map[string]any{"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.1.0", "serialNum": "1",
				"cardRangeData": []any{row("4000000000000000", "4000000000009999")}})(rw, r)
		}
	}
	for _, test := range []struct {
		name    string
		ours    []string
		refused []string
		asked   int
		err     string
	}{
		{"the newest", []string{"2.1.0", "2.2.0"}, nil, 1, ""},
		{"one lower", []string{"2.1.0", "2.2.0"}, []string{"2.2.0"}, 2, ""},
		{"not approved", []string{"2.1.0"}, []string{"2.2.0"}, 1, ""},
		{"none", nil, spoken, len(spoken), "3DS error 102"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Directories[0].Versions = test.ours })
			w.answer = refuses(test.refused...)
			err := w.renewed(t, w.directories[0])
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v", err)
			}
			ids := map[any]bool{}
			for _, m := range w.received(t, "PReq", test.asked) {
				ids[m["threeDSServerTransID"]] = true
			}
			if len(ids) != test.asked || w.preqs() != test.asked {
				t.Errorf("%d transactions in %d questions, want %d", len(ids), w.preqs(), test.asked)
			}
		})
	}
}

// TestStopped: a node that ends in the middle counts no failure and tells nobody to wait.
func TestStopped(t *testing.T) {
	w := newWorld(t, upTo220)
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	w.answer = func(http.ResponseWriter, map[string]any) { cancel(); <-release }
	w.tend(ctx, w.directories[0], w.timer.now())
	if kept, _ := w.keep.RangeSet(t.Context(), "ds", w.directories[0].URL); kept.Tries != 0 || w.Ranges()[0].Failures != 0 || strings.Contains(w.log.String(), "WARN") {
		t.Errorf("%+v %+v\n%s", kept, w.Ranges(), w.log)
	}
}

// TestClockThatWasAhead: what a node wrote whose clock was a year ahead keeps nobody from asking.
func TestClockThatWasAhead(t *testing.T) {
	w := newWorld(t, upTo220)
	w.tells("1", row("4000000000000000", "4000000000009999"))
	began := w.timer.now()
	w.tended(t, w.Server, began)
	kept, _ := w.keep.RangeSet(t.Context(), "ds", w.directories[0].URL)
	kept.Loaded, kept.Until = began.AddDate(1, 0, 0), began.AddDate(1, 0, 0)
	w.keep.sets["ds"+kept.URL] = kept
	w.tended(t, w.Server, began)
	if now := w.Ranges()[0]; w.preqs() != 2 || now.Loaded.After(w.timer.now()) {
		t.Errorf("%d were asked; loaded %v", w.preqs(), now.Loaded)
	}
}

// TestKeepAway: without what is kept a node serves the ranges that it has, and asks nobody.
func TestKeepAway(t *testing.T) {
	w := newWorld(t, upTo220)
	w.tells("1", row("4000000000000000", "4000000000009999"))
	began := w.timer.now()
	w.tended(t, w.Server, began)
	w.timer.pass(refreshEvery)
	away := errors.New("the database is away")
	for _, fails := range []failingShelf{{shelf: w.keep, read: away}, {shelf: w.keep, lease: away}} {
		w.Server.o.Keep = fails
		if again := w.tended(t, w.Server, began); again != lookEvery || w.preqs() != 1 || w.Ready() != nil {
			t.Errorf("looks again after %v, %d were asked, %v", again, w.preqs(), w.Ready())
		}
		want := map[bool]time.Duration{true: lookSoon, false: lookEvery}[fails.read != nil] // what can be read is
		if again := w.tended(t, w.beside(t), began); again != want || w.preqs() != 1 {
			t.Errorf("one that has none looks again after %v, %d were asked", again, w.preqs())
		}
	}
	if log := w.log.String(); !strings.Contains(log, "card ranges not read") || !strings.Contains(log, "card ranges not kept") {
		t.Errorf("nobody is told:\n%s", log)
	}
	// What was asked for and cannot be kept is asked for again.
	w.Server.o.Keep = failingShelf{shelf: w.keep, write: away}
	w.tells("2", row("4100000000000000", "4100000000009999", map[string]any{"actionInd": "A"}))
	w.tended(t, w.Server, began)
	if told := w.Ranges()[0]; told.Failures != 1 || told.N != 1 || w.preqs() != 2 {
		t.Errorf("%+v, %d were asked", told, w.preqs())
	}
	w.Server.o.Keep = w.keep
	w.timer.pass(retryFirst)
	w.tended(t, w.Server, began)
	if told := w.Ranges()[0]; told.N != 2 || w.preqs() != 3 {
		t.Errorf("%+v, %d were asked", told, w.preqs())
	}
}

// failingShelf fails where it says.
type failingShelf struct {
	*shelf
	read, lease, write error
}

func (k failingShelf) RangeSet(ctx context.Context, directory, url string) (RangeSet, error) {
	if k.read != nil {
		return RangeSet{}, k.read
	}
	return k.shelf.RangeSet(ctx, directory, url)
}

func (k failingShelf) LeaseRanges(ctx context.Context, seen RangeSet, until time.Time) (int64, bool, error) {
	if k.lease != nil {
		return 0, false, k.lease
	}
	return k.shelf.LeaseRanges(ctx, seen, until)
}

func (k failingShelf) WriteRanges(ctx context.Context, r RangeSet, piece int, data string) error {
	if k.write != nil {
		return k.write
	}
	return k.shelf.WriteRanges(ctx, r, piece, data)
}
