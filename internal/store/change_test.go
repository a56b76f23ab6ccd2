package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

func testCase(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	seedEndpoints(t, s, endpoints...)
	ctx := t.Context()

	m, session := merchant(), openSession()
	m.Endpoints, session.Version = endpoints, 1
	want := payment.Case{Merchant: m, Session: session, Token: storedCard()}
	got, err := s.Case(ctx, bySession)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without an attempt (-want +got):\n%s", diff)
	}

	_, err = s.Change(ctx, bySession, nil, submit(1, "v"))
	must(t, err)
	authenticated(t, s, bySession, "t1", "CAVV")
	want, err = s.Change(ctx, bySession, nil, authorize(1, "v"))
	must(t, err)
	if want.Request.Trace == nil || want.Request.Version != 3 || want.Session.Version != 2 {
		t.Errorf("attempt at version %d, session at %d", want.Request.Version, want.Session.Version)
	}
	for name, l := range map[string]payment.Lookup{
		"session":         bySession,
		"own session":     {Business: business, Session: sessionID},
		"request":         {Request: "pr-1"},
		"payment":         {Payment: "py-1", Business: business},
		"page":            {Page: "page-1"},
		"server trans id": {ServerTransID: "t1"},
		"trace":           {Trace: purchase(1).Key()},
	} {
		got, err := s.Case(ctx, l)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("by %s: %v (-want +got):\n%s", name, err, diff)
		}
	}
	for name, l := range map[string]payment.Lookup{
		"nothing":         {},
		"foreign session": {Business: "other", Session: sessionID},
		"foreign request": {Business: "other", Request: "pr-1"},
		"unknown request": {Request: "pr-2"},
		"unknown page":    {Page: "page"},
		"unknown trace":   {Trace: "x"},
	} {
		if _, err := s.Case(ctx, l); !errors.Is(err, payment.ErrNotFound) {
			t.Errorf("by %s: %v, want not found", name, err)
		}
	}
	if _, err := s.Case(ctx, payment.Lookup{Page: "page-1", Request: "pr-1"}); err == nil || errors.Is(err, payment.ErrNotFound) {
		t.Errorf("two ways in: %v", err)
	}
}

func testCreateSession(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	must(t, s.SaveMerchant(ctx, payment.Merchant{}, merchant(), actor))
	must(t, s.SaveToken(ctx, storedCard()))
	budi := customer()
	must(t, createSession(s, ctx, openSession(), &budi, nil))

	got, err := s.CustomerByReference(ctx, business, "budi")
	must(t, err)
	if diff := cmp.Diff(budi, got); diff != "" {
		t.Errorf("customer (-want +got):\n%s", diff)
	}
	if n := rows(t, s, "work", fmt.Sprintf(`kind = 'session' AND ref = '%s' AND next_at = %d`, sessionID, openSession().Expires.UnixMicro())); n != 1 {
		t.Errorf("%d wake-ups at expiry, want 1", n)
	}

	second, again := openSession(), budi
	second.ID, again.ID = "ps-2", "cust-2"
	if err := createSession(s, ctx, second, &again, nil); !errors.Is(err, payment.ErrTaken) {
		t.Errorf("a reference used again: %v, want ErrTaken", err)
	}
	if _, err := s.Case(ctx, payment.Lookup{Session: "ps-2"}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("session of the refused commit: %v, want not found", err)
	}
}

func testChange(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()

	refused := payment.Refuse("INVALID_SESSION_STATUS", "no")
	_, err := s.Change(ctx, bySession, nil, func(payment.Case) (payment.Changes, error) { return payment.Changes{}, refused })
	if !errors.Is(err, error(refused)) {
		t.Errorf("fn's own error came back as %v", err)
	}
	c, err := s.Change(ctx, bySession, nil, func(payment.Case) (payment.Changes, error) { return payment.Changes{}, nil })
	if err != nil || c.Session.Version != 1 {
		t.Errorf("no changes: version %d, %v", c.Session.Version, err)
	}
	if _, err := s.Change(ctx, payment.Lookup{Session: "ps-none"}, nil, approve); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("unknown session: %v", err)
	}

	changed, err := s.Change(ctx, bySession, nil, submit(1, "v"))
	must(t, err)
	read, err := s.Case(ctx, bySession)
	must(t, err)
	if diff := cmp.Diff(read, changed); diff != "" {
		t.Errorf("what Change returns is not what is read (-read +returned):\n%s", diff)
	}
	if n := rows(t, s, "work", fmt.Sprintf(`kind = 'attempt' AND ref = 'pr-1' AND next_at = %d`, moment.Add(payment.AttemptLife).UnixMicro())); n != 1 {
		t.Errorf("%d wake-ups at the attempt's deadline, want 1", n)
	}
}

// Everyone who changes the same session succeeds, each on what the one before left.
func testLostRace(t *testing.T, db *database) {
	a, b := db.open(t), db.open(t)
	seed(t, a)
	const n = 16
	var calls atomic.Int64
	for i, err := range together(n, func(i int) error {
		s := a
		if i%2 == 1 {
			s = b
		}
		_, err := s.Change(context.Background(), bySession, nil, func(c payment.Case) (payment.Changes, error) {
			calls.Add(1)
			c.Session.Failures++
			return payment.Changes{Session: &c.Session}, nil
		})
		return err
	}) {
		if err != nil {
			t.Errorf("task %d: %v", i, err)
		}
	}
	c, err := a.Case(t.Context(), bySession)
	must(t, err)
	if c.Session.Failures != n || c.Session.Version != n+1 {
		t.Errorf("%d changes at version %d, want %d at %d", c.Session.Failures, c.Session.Version, n, n+1)
	}
	t.Logf("%d decisions for %d changes", calls.Load(), n)
}

// The attempt's own version decides where the session does not change.
func testOpenedByMany(t *testing.T, db *database) {
	a, b := db.open(t), db.open(t)
	seed(t, a)
	_, err := a.Change(t.Context(), bySession, nil, submit(1, "v"))
	must(t, err)
	opened := 0
	for i, err := range together(8, func(i int) error {
		_, err := []*Store{a, b}[i%2].Change(context.Background(), payment.Lookup{Page: "page-1"}, nil,
			events(payment.Event{Kind: payment.Open, Authentication: proof(fmt.Sprint("t", i), "")}))
		return err
	}) {
		var late *payment.ErrNotNow
		switch {
		case err == nil:
			opened++
		case !errors.As(err, &late):
			t.Errorf("task %d: %v", i, err)
		}
	}
	if n := rows(t, a, "authentication", `request = 'pr-1'`); opened != 1 || n != 1 {
		t.Errorf("opened %d times with %d transactions, want once", opened, n)
	}
}

func testSupersede(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	_, err := s.Change(ctx, bySession, nil, submit(1, "first"))
	must(t, err)
	authenticated(t, s, bySession, "t1", "CAVV")
	c, err := s.Change(ctx, bySession, nil, submit(2, "second"))
	must(t, err)
	if c.Request.ID != "pr-2" || c.Request.Version != 1 || c.Session.Open != "pr-2" {
		t.Errorf("after the supersede: attempt %s at version %d, open %s", c.Request.ID, c.Request.Version, c.Session.Open)
	}
	old, err := s.Case(ctx, payment.Lookup{Request: "pr-1"})
	must(t, err)
	if old.Request.State != payment.Canceled || old.Request.Version != 3 {
		t.Errorf("old attempt is %s at version %d", old.Request.State, old.Request.Version)
	}
	if _, err := s.Escrow(ctx, "pr-1", []byte("first")); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("old CVN: %v, want not found", err)
	}
	if _, err := s.Escrow(ctx, "pr-2", []byte("second")); err != nil {
		t.Errorf("new CVN: %v", err)
	}
	if n := rows(t, s, "work", `kind = 'attempt'`); n != 1 {
		t.Errorf("%d attempts on the schedule, want the new one", n)
	}
}

// Two clicks at once make one attempt with a row in escrow each.
func testTwoSubmits(t *testing.T, db *database) {
	a, b := db.open(t), db.open(t)
	seed(t, a)
	for i, err := range together(2, func(i int) error {
		_, err := []*Store{a, b}[i].Change(context.Background(), bySession, nil, submit(i+1, fmt.Sprint("v", i)))
		return err
	}) {
		if err != nil {
			t.Errorf("submit %d: %v", i, err)
		}
	}
	if n := rows(t, a, "request", `1 = 1`); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
	if n := rows(t, a, "cvn_escrow", `1 = 1`); n != 2 {
		t.Errorf("%d sealed CVNs, want 2", n)
	}
}

func testSeveralSteps(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	begin := func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		c.Request = &r
		return events(payment.Event{Kind: payment.Authorize, Trace: purchase(1), Deadline: moment.Add(time.Minute)},
			payment.Event{Kind: payment.Decline, Answer: &payment.Answer{Outcome: payment.Declined, Failure: payment.CardDeclined}})(c)
	}
	c, err := s.Change(t.Context(), bySession, nil, begin)
	must(t, err)
	if c.Request.State != payment.Failed || c.Request.Version != 1 || c.Session.Version != 2 || c.Session.Open != "" {
		t.Errorf("attempt %s at version %d, session at %d", c.Request.State, c.Request.Version, c.Session.Version)
	}
	if n := rows(t, s, "work", `kind = 'attempt'`); n != 0 {
		t.Error("woken and put to rest in one commit, and still on the schedule")
	}
}

func testProofOnce(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	for n := 1; n <= 2; n++ {
		_, err := s.Change(ctx, bySession, nil, submit(n, "v"))
		must(t, err)
		authenticated(t, s, bySession, fmt.Sprint("t", n), []string{"AAABBZEEBgAAAAAAAAQGAAAAAAA=", "AAABBZEEBgAAAAAAAAQGAAAAAAB="}[n-1]) // the same bytes
		_, err = s.Change(ctx, bySession, nil, authorize(n, "v"))
		if n == 2 {
			break
		}
		must(t, err)
		_, err = s.Change(ctx, bySession, nil, declineCVN)
		must(t, err)
	}
	_, err := s.Change(ctx, bySession, nil, authorize(2, "v"))
	if !errors.Is(err, payment.ErrTaken) {
		t.Errorf("a proof used again: %v, want ErrTaken", err)
	}
	if _, err := s.Escrow(ctx, "pr-2", []byte("v")); err != nil {
		t.Errorf("the refused commit took the CVN: %v", err)
	}
	if _, err := s.Case(ctx, payment.Lookup{Trace: purchase(2).Key()}); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("the refused commit left its trace: %v", err)
	}
	// A key of the line used again is a fault of ours and never a proof used again.
	_, err = s.Change(ctx, bySession, nil, authorize(1, "v"))
	if err == nil || errors.Is(err, payment.ErrTaken) {
		t.Errorf("a trace used again: %v", err)
	}
}

// A browser brings the id of a transaction back that it was given for one submit.
func testTransactionOnce(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	open := events(payment.Event{Kind: payment.Open, Authentication: proof("prepared", "")})
	for n := 1; n <= 2; n++ {
		_, err := s.Change(ctx, bySession, nil, submit(n, "v"))
		must(t, err)
		if _, err = s.Change(ctx, bySession, nil, open); (err == nil) != (n == 1) || n == 2 && !errors.Is(err, payment.ErrTaken) {
			t.Errorf("use %d: %v", n, err)
		}
	}
	if c, err := s.Case(ctx, payment.Lookup{ServerTransID: "prepared"}); err != nil || c.Request.ID != "pr-1" {
		t.Errorf("its result leads elsewhere: %v", err)
	}
}

func testMismatches(t *testing.T, db *database) {
	c := &clock{}
	c.advance(time.Until(moment))
	s := db.open(t, at(c))
	seed(t, s)
	ctx := t.Context()
	for n := 1; n <= 2; n++ {
		_, err := s.Change(ctx, bySession, nil, func(c payment.Case) (payment.Changes, error) {
			r := attempt(c, n)
			c.Request = &r
			return authorize(n, "")(c)
		})
		must(t, err)
		_, err = s.Change(ctx, bySession, nil, declineCVN)
		must(t, err)
	}
	got, err := s.Case(ctx, bySession)
	must(t, err)
	if got.Counts.Tries != 2 || got.Session.Failures != 2 {
		t.Errorf("%d mismatches and %d failures, want 2 and 2", got.Counts.Tries, got.Session.Failures)
	}
	c.advance(24 * time.Hour)
	if got, err = s.Case(ctx, bySession); err != nil || got.Counts.Tries != 0 {
		t.Errorf("%d mismatches the next day, %v", got.Counts.Tries, err)
	}
}

func testReversal(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	_, err := s.Change(ctx, bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 1)
		c.Request = &r
		return authorize(1, "")(c)
	})
	must(t, err)
	want := payment.Advice{
		ID: "rv-1", Request: "pr-1", Original: *purchase(1), Trace: *purchase(2), Opened: moment, Status: payment.AdviceOpen,
	}
	_, err = s.Change(ctx, bySession, nil, events(payment.Event{Kind: payment.Lose, Reversal: &want}))
	must(t, err)
	want.Tries, want.Status = 3, payment.AdviceNoTrace
	_, err = s.Change(ctx, payment.Lookup{Request: "pr-1"}, nil, func(payment.Case) (payment.Changes, error) {
		return payment.Changes{Effects: []payment.Effect{payment.SaveAdvice{Advice: want}}}, nil
	})
	must(t, err)
	got, err := s.Advice(ctx, "rv-1")
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reversal (-want +got):\n%s", diff)
	}
	if n := rows(t, s, "work", `kind = 'advice' AND ref = 'rv-1'`); n != 1 {
		t.Errorf("%d reversals on the schedule, want 1", n)
	}
	if _, err := s.Advice(ctx, "rv-2"); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("unknown reversal: %v", err)
	}
}

// The answer to a commit may be lost with the connection. Then the rows tell whether it was made.
func testReadBack(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	ctx := t.Context()
	real := s.engine

	s.engine = &losing{engine: real, after: true}
	c, err := s.Change(ctx, bySession, nil, submit(1, "v"))
	if err != nil || c.Request == nil || c.Request.ID != "pr-1" {
		t.Errorf("a commit that was made: %v", err)
	}
	another := openSession()
	another.ID = "ps-2"
	if err := createSession(s, ctx, another, nil, nil); err != nil {
		t.Errorf("a session that was made: %v", err)
	}

	s.engine = &losing{engine: real}
	open := events(payment.Event{Kind: payment.Open, Authentication: proof("t", "")})
	supersede := func(c payment.Case) (payment.Changes, error) {
		r := attempt(c, 2)
		return payment.Changes{Requests: []payment.Request{r}}, nil
	}
	rest := func(payment.Case) (payment.Changes, error) { // leaves no mark
		return payment.Changes{Effects: []payment.Effect{payment.Rest{Work: payment.Work{Kind: payment.WorkAttempt, Ref: "pr-1"}}}}, nil
	}
	another.ID = "ps-3"
	change := func(fn func(payment.Case) (payment.Changes, error)) error {
		_, err := s.Change(ctx, bySession, nil, fn)
		return err
	}
	for name, err := range map[string]error{
		"change": change(open), "change without a mark": change(rest), "new attempt": change(supersede),
		"new session": createSession(s, ctx, another, nil, nil),
	} {
		if !errors.Is(err, payment.ErrUnsure) || errors.Is(err, payment.ErrUnavailable) || errors.Is(err, payment.ErrNotFound) {
			t.Errorf("%s that was not made: %v, want unsure and nothing else", name, err)
		}
	}
}

// The merchant is not told of what the database has lost since it was read, as one does whose primary is gone with its
// last commits: an update of a row that is not there would pass.
func testToldOfWhatIsLost(t *testing.T, db *database) {
	s := db.open(t)
	seed(t, s)
	seedEndpoints(t, s, endpoints...)
	c, err := s.Change(t.Context(), payment.Lookup{Business: business, Token: storedCard().ID}, nil, func(c payment.Case) (payment.Changes, error) {
		r := attempt(payment.Case{Session: openSession()}, 1)
		r.Session = ""
		c.Request = &r
		return authorize(1, "")(c)
	})
	must(t, err)
	must(t, s.commit(t.Context(), stmt{sql: `DELETE FROM request`}, stmt{sql: `DELETE FROM trace`}, stmt{sql: `DELETE FROM work`}))
	if _, err := s.ChangeFrom(t.Context(), c, payment.Lookup{Request: c.Request.ID}, nil, approve); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("%v, want not found", err)
	}
	if n := rows(t, s, "notice", `1 = 1`); n != 0 {
		t.Errorf("%d notices", n)
	}
}

// Two who send at the same moment write the same version at the same time. The one whose commit was lost
// must not take the other's for its own, and send a message that is written nowhere.
func testReadBackRival(t *testing.T, db *database) {
	s, rival := db.open(t), db.open(t)
	seed(t, s)
	ctx := t.Context()
	_, err := s.Change(ctx, bySession, nil, submit(1, "v"))
	must(t, err)
	authenticated(t, s, bySession, "t1", "CAVV")
	s.engine = &losing{engine: s.engine, first: func() {
		_, err := rival.Change(ctx, bySession, nil, authorize(1, "v"))
		must(t, err)
	}}
	_, err = s.Change(ctx, bySession, nil, authorize(2, "v"))
	if !errors.Is(err, payment.ErrUnsure) {
		t.Errorf("%v, want unsure: what is there is the rival's", err)
	}
}

// losing loses the answers to commits, before or after they are made.
type losing struct {
	engine
	after bool
	first func() // happens before
}

func (l *losing) commit(ctx context.Context, list []stmt) error {
	if l.first != nil {
		l.first()
	}
	if l.after {
		if err := l.engine.commit(ctx, list); err != nil {
			return err
		}
	}
	return errLost
}

// A commit that the database took back is tried again after a pause, and not without end.
func testTakenBack(t *testing.T, db *database) {
	var mu sync.Mutex
	var pauses []time.Duration
	s := db.open(t, func(o *Options) {
		timer := o.Timer
		o.Timer = func(d time.Duration) (<-chan time.Time, func() bool) {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, d)
			return timer(d)
		}
	})
	real := s.engine
	insert := func(name string) error {
		mu.Lock()
		pauses = nil
		mu.Unlock()
		return s.commit(t.Context(), stmt{sql: `INSERT INTO lane (name, next) VALUES ($1, 0)`, args: []any{name}})
	}
	s.engine = &undoing{engine: real, times: patience - 1}
	s.Rand = bytes.NewReader([]byte{1, 0x80, 3, 0xff})
	must(t, insert("in the end"))
	if n := rows(t, s, "lane", `name = 'in the end'`); n != 1 {
		t.Error("not there")
	}
	mu.Lock()
	for i, least := range []time.Duration{20, 2 * 128 * 20, 3 * 3 * 20, 4 * 255 * 20} {
		if i >= len(pauses) || pauses[i] != least*time.Microsecond {
			t.Errorf("pauses %v, want number %d to be %v", pauses, i, least*time.Microsecond)
		}
	}
	mu.Unlock()

	s.engine = &undoing{engine: real, times: patience}
	s.Rand = rand.Reader
	if err := insert("never"); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("taken back every time: %v, want unavailable", err)
	}
}

// undoing takes back so many commits.
type undoing struct {
	engine
	times int
}

func (u *undoing) commit(ctx context.Context, list []stmt) error {
	if u.times--; u.times >= 0 {
		return errUndone
	}
	return u.engine.commit(ctx, list)
}
