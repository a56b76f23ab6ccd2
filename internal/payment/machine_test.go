package payment

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/state-machine.md")

var (
	states = append([]State{None}, States()...)

	// kinds are all events, in the order in which the document has them.
	kinds = []EventKind{
		Submit, Begin, Open, Ask, Challenge, Prove, Disprove, Restart, Authorize, Approve, Hold, Verify, Decline, StepUp,
		Unwant, Unsend, Miss, Lose, Settle, Claim, Collect, Reject, Void, Lapse, Expire, Drop, GiveUp,
	}
	noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
)

// caseIn is a case whose attempt is in a state, with a session that is open for it.
func caseIn(state State) Case {
	c := Case{
		Merchant: Merchant{ID: "62440e322008e87fb29c1fd0"},
		Session: Session{
			ID: "ps-1", Version: 3, Status: SessionActive, Amount: Money{1000000, "IDR"}, Open: "pr-1",
			Expires: noon.Add(20 * time.Minute),
		},
		Token: Token{ID: "pt-1", Version: 2, Status: TokenActive},
		Request: &Request{
			ID: "pr-1", Payment: "py-1", Session: "ps-1", Version: 5, State: state, Token: "pt-1",
			Amount: Money{1000000, "IDR"}, Expires: noon.Add(10 * time.Minute), Terms: Terms{Type: Pay},
		},
	}
	if state == Authorized || state == Capturing {
		c.Session.Open, c.Session.Status = "", SessionCompleted
		c.Request.Capture = &Capture{ID: "cptr-1"}
	}
	if state == None {
		c.Session.Open, c.Request.Version = "", 0
	}
	if state == Authorizing || state == Reversing {
		c.Request.Trace = &Trace{MTI: "0200", STAN: "000001"}
	}
	if state != None && state != Submitted {
		c.Request.Authentication = &Authentication{ServerTransID: "old", Value: "cavv"}
	}
	return c
}

// eventOf is an event with everything that any event may carry.
func eventOf(kind EventKind) Event {
	e := Event{
		Kind: kind, At: noon, Sealed: &SealedCVN{Request: "pr-1"}, Authentication: &Authentication{ServerTransID: "new"},
		Answer:   &Answer{Failure: InsufficientBalance, Authorization: Authorization{NetworkTransactionID: "016"}},
		Reversal: &Advice{ID: "rv-1", Kind: Reversal},
	}
	if kind == Approve || kind == Claim {
		e.Capture = &Capture{ID: "cptr-1", Amount: Money{1000000, "IDR"}, At: noon}
	}
	if kind == Claim {
		e.Advice = &Advice{ID: "cp-1", Kind: CaptureAdvice}
	}
	if kind == Authorize {
		e.Trace, e.Deadline = &Trace{MTI: "0200"}, noon.Add(12*time.Second)
	}
	return e
}

func has[E Effect](effects []Effect) bool {
	return slices.ContainsFunc(effects, func(e Effect) bool { _, ok := e.(E); return ok })
}

// escrowed are the states in which a CVN may rest in the escrow.
var escrowed = []State{Submitted, Opened, Authenticating, Challenging, Authenticated}

// TestTheListsHaveWhatTheTableHas: what is tried over all states and all events is tried over all there are.
func TestTheListsHaveWhatTheTableHas(t *testing.T) {
	inTable, happening := map[State]bool{}, map[EventKind]bool{}
	for from, moves := range table {
		inTable[from] = true
		for kind, m := range moves {
			inTable[m.to], happening[kind] = true, true
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(inTable)), slices.Sorted(slices.Values(states))); diff != "" {
		t.Errorf("the table's states, and those of States:\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(happening)), slices.Sorted(slices.Values(kinds))); diff != "" {
		t.Errorf("the table's events, and those of the list:\n%s", diff)
	}
}

func TestEveryPairOfStateAndEvent(t *testing.T) {
	for _, state := range states {
		for _, kind := range kinds {
			c := caseIn(state)
			before := caseIn(state)
			ch, err := Apply(c, eventOf(kind))
			if diff := cmp.Diff(before, c); diff != "" {
				t.Errorf("%s in %q changed what it was given:\n%s", kind, state, diff)
			}
			m, allowed := table[state][kind]
			if !allowed {
				var notNow *ErrNotNow
				if !errors.As(err, &notNow) || ch.Session != nil || ch.Requests != nil || ch.Effects != nil {
					t.Errorf("%s in %q is not in the table, but gave %+v, %v", kind, state, ch, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s in %q: %v", kind, state, err)
			}
			after := c.After(ch)
			if after.Request.State != m.to {
				t.Errorf("%s in %q leads to %q, want %q", kind, state, after.Request.State, m.to)
			}
			checkPromises(t, state, kind, ch, after)
		}
	}
}

// checkPromises holds what must be true of every move, whatever the table says.
func checkPromises(t *testing.T, from State, kind EventKind, ch Changes, after Case) {
	t.Helper()
	to := after.Request.State
	fail := func(what string) { t.Errorf("%s in %q, to %q: %s", kind, from, to, what) }

	// PCI DSS 3.3.1: no CVN outlives the states that wait for it.
	if slices.Contains(escrowed, from) && !slices.Contains(escrowed, to) &&
		!has[ForgetCVN](ch.Effects) && !has[TakeCVN](ch.Effects) {
		fail("the CVN stays in the escrow")
	}
	if to.Final() {
		if !has[Rest](ch.Effects) && from != Capturing { // there the deadline is gone already
			fail("a final attempt keeps its deadline")
		}
		if after.Session.Open != "" {
			fail("the session is still held")
		}
	} else if held := to != Authorized && to != Capturing; held != (after.Session.Open == after.Request.ID) {
		fail("the session is held by an attempt that is over for it, or not held")
	}
	if from == None && !has[Wake](ch.Effects) {
		fail("a new attempt has no deadline")
	}
	if to == Authorizing && !(has[NoteTrace](ch.Effects) && has[Wake](ch.Effects) && after.Request.Trace != nil) {
		fail("money may leave without a trace and a deadline")
	}
	if to == Authorizing && !has[TakeTry](ch.Effects) {
		fail("a CVN may leave without a try being taken")
	}
	if to == Reversing && !has[SaveAdvice](ch.Effects) {
		fail("an unknown outcome is not reversed")
	}
	if from == Authorized && !has[SaveAdvice](ch.Effects) {
		fail("a hold is neither captured nor given back")
	}
	if to == Capturing && (after.Request.CaptureAdvice != "cp-1" || after.Request.Capture == nil) {
		fail("a capture is not remembered")
	}
	if kind == StepUp {
		soft := after.Request.SoftDecline
		if soft == nil || soft.Trace.STAN != "000001" || soft.Authentication == nil || soft.Authentication.Value != "" || after.Request.Trace != nil || after.Request.Authentication != nil {
			fail("what was declined is not put aside")
		}
		if !after.Session.StepUp || after.Request.Expires != noon.Add(AttemptLife) || after.Request.Deadline != after.Request.Expires {
			fail("the payer has not the time of an attempt, or the session may skip the bank")
		}
	}
	if kind == Unwant && !has[SaveAdvice](ch.Effects) {
		fail("an unwanted approval is not reversed")
	}
	// A notice is numbered by the version of what it is about: so that changes, and one notice tells of it.
	fresh := map[string]bool{}
	if ch.Session != nil {
		fresh[string(ch.Session.ID)] = true
	}
	for _, r := range ch.Requests {
		fresh[string(r.ID)], fresh[string(r.Payment)] = true, true
	}
	for _, token := range ch.Tokens {
		fresh[string(token.ID)] = true
	}
	for _, e := range ch.Effects {
		if tell, ok := e.(Tell); ok {
			object, _, err := tell.Kind.Subject(after)
			if err != nil || !fresh[object] {
				fail(fmt.Sprintf("%s is told of %q, which does not change or was told of already, %v", tell.Kind, object, err))
			}
			delete(fresh, object)
		}
	}
	var told []NoticeKind
	for _, e := range ch.Effects {
		if tell, ok := e.(Tell); ok && strings.HasPrefix(string(tell.Kind), "payment.") || ok && tell.Kind == NoticeRequestExpired {
			told = append(told, tell.Kind)
		}
	}
	want := map[State][]NoticeKind{
		Succeeded: {NoticeCapture}, Failed: {NoticeFailure}, Authorized: {NoticeAuthorization}, Expired: {NoticeRequestExpired},
	}[to]
	switch {
	case kind == Verify:
		want = nil // a card that is verified is no payment
	case from == Authorized && to == Expired:
		want = []NoticeKind{NoticeExpired}
	}
	if !slices.Equal(told, want) {
		fail(fmt.Sprintf("told the merchant %v, want %v", told, want))
	}
	if (to == Failed) != (after.Request.Failure != "") {
		fail(fmt.Sprintf("failure code %q", after.Request.Failure))
	}
	if (to == Succeeded) && (after.Session.Status != SessionCompleted || after.Request.Capture == nil && kind != Verify) {
		fail("succeeded without a capture or a completed session")
	}
	if to == Authorized && (after.Session.Status != SessionCompleted || after.Request.Deadline != noon.Add(HoldLife)) {
		fail("a hold leaves the session open, or has no end")
	}
}

func TestNoStateIsADeadEndAndAllAreReached(t *testing.T) {
	final := map[State]bool{Succeeded: true, Failed: true, Canceled: true, Expired: true}
	reached := map[State]bool{None: true}
	for grew := true; grew; {
		grew = false
		for from := range reached {
			for _, m := range table[from] {
				if !reached[m.to] {
					reached[m.to], grew = true, true
				}
			}
		}
	}
	for _, s := range states {
		if !reached[s] {
			t.Errorf("%q is never reached", s)
		}
		if s.Final() != final[s] {
			t.Errorf("%q: final is %t", s, s.Final())
		}
	}
	for state, moves := range table {
		_, lapses := moves[Lapse]
		_, loses := moves[Lose]
		_, settles := moves[Settle]
		_, expires := moves[Expire]
		_, collects := moves[Collect]
		if state != None && !lapses && !loses && !settles && !expires && !collects {
			t.Errorf("%q has no way out when its time is over", state)
		}
	}
}

func TestWhatAFailureIsCalled(t *testing.T) {
	for _, test := range []struct {
		state State
		event Event
		want  FailureCode
	}{
		{Submitted, Event{Kind: Lapse}, PaymentRequestExpired},
		{Challenging, Event{Kind: Lapse}, Timeout},
		{Authenticated, Event{Kind: Lapse}, PaymentRequestExpired},
		{Challenging, Event{Kind: Disprove, Authentication: &Authentication{TransStatus: "N", Cancel: "01"}}, AuthenticationFailed},
		{Challenging, Event{Kind: Disprove, Authentication: &Authentication{TransStatus: "N", Cancel: "04"}}, Timeout},
		{Challenging, Event{Kind: Disprove, Authentication: &Authentication{TransStatus: "N", Cancel: "06"}}, ProcessorError},
		{Authenticating, Event{Kind: Disprove, Authentication: &Authentication{TransStatus: "Y"}, Failure: ServerError}, ServerError},
		{Reversing, Event{Kind: Settle}, PartnerTimeout},
		{Challenging, Event{Kind: GiveUp}, UserDeclined},
		{Authorizing, Event{Kind: Decline, Answer: &Answer{Failure: StolenCard}}, StolenCard},
	} {
		test.event.At = noon
		ch, err := Apply(caseIn(test.state), test.event)
		if err != nil {
			t.Fatal(err)
		}
		if got := ch.Requests[0].Failure; got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.event.Kind, test.state, got, test.want)
		}
	}
}

func TestAFailureAfterTheSessionsTimeExpiresIt(t *testing.T) {
	c := caseIn(Authorizing)
	e := eventOf(Decline)
	e.At = c.Session.Expires
	ch, err := Apply(c, e)
	if err != nil {
		t.Fatal(err)
	}
	if ch.Session.Status != SessionExpired || !slices.Contains(ch.Effects, Effect(Tell{NoticeSessionExpired})) {
		t.Errorf("session %s, effects %v", ch.Session.Status, ch.Effects)
	}
}

func TestOnlyADeclineCountsAgainstTheSessionAndOnlyACVNAgainstTheCard(t *testing.T) {
	for kind, want := range map[EventKind]int{Decline: 1, Unwant: 1, Unsend: 0, Approve: 0} {
		e := eventOf(kind)
		e.Answer = &Answer{}
		if want == 1 {
			e.Answer.Failure = InvalidCVN
		}
		c := caseIn(Authorizing)
		c.Request.Tried = "2026-03-14"
		ch, err := Apply(c, e)
		if err != nil {
			t.Fatal(err)
		}
		if ch.Session.Failures != want || has[GiveTryBack](ch.Effects) == (want == 1) {
			t.Errorf("%s: %d failures, effects %v", kind, ch.Session.Failures, ch.Effects)
		}
	}
}

func TestTheDocumentIsTheTable(t *testing.T) {
	const file = "../../docs/state-machine.md"
	want := document()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var named []State // in the first column of what is written by hand
	for line := range strings.Lines(explained) {
		if cells := strings.Split(line, "|"); len(cells) > 1 {
			for name := range strings.SplitSeq(strings.TrimSpace(cells[1]), ", ") {
				named = append(named, State(name))
			}
		}
	}
	for _, state := range States() {
		if !slices.Contains(named, state) {
			t.Errorf("%s does not say what the v3 API calls %s", file, state)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the table says; run go test ./internal/payment -update\n%s", file, diff)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# The state machine of an attempt

Printed from the table in ` + "`internal/payment/machine.go`" + ` by its test. A pair of state and event that is not
here cannot happen: it changes nothing. Effects are written in the commit that writes the state.

| state | event | leads to | with |
| --- | --- | --- | --- |
`)
	name := func(s State) string {
		if s == None {
			return "(none)"
		}
		return string(s)
	}
	for _, s := range states {
		for _, k := range kinds {
			if m, ok := table[s][k]; ok {
				acts := make([]string, len(m.acts))
				for i, a := range m.acts {
					acts[i] = string(a)
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name(s), k, name(m.to), strings.Join(acts, ", "))
			}
		}
	}
	b.WriteString(explained)
	return b.String()
}

// explained is what the table does not say by itself.
const explained = `
"forget CVN" on the way to AUTHORIZING takes the one row that the browser's share names, and fails the whole
commit if it is gone; everywhere else it deletes what there is. STEPPING_UP is what a soft decline leads to: the payer's
page begins anew, without a CVN, and has 15 minutes; whatever session the attempt is of, no later one of it skips 3-D
Secure. The event comes at most once to an attempt, and not after a challenge. The deadlines of REVERSING and CAPTURING are
the reversal's and the capture's own work. What an act says of the session holds where there is one; what it says
of the card itself holds for one that was typed for this attempt. Of a stored one only what a payment teaches is
written down: "store card" notes the network's id of its first use, and "count failure" that its issuer wants no
more attempts.

What the v3 API calls these states:

| state | payment request | payment |
| --- | --- | --- |
| SUBMITTED, OPENED, AUTHENTICATING, CHALLENGING, AUTHENTICATED, STEPPING_UP | REQUIRES_ACTION | none yet |
| AUTHORIZING, REVERSING | PENDING | PENDING |
| AUTHORIZED | AUTHORIZED | AUTHORIZED |
| CAPTURING | AUTHORIZED | PENDING |
| SUCCEEDED | SUCCEEDED, after a hold AUTHORIZED | SUCCEEDED |
| FAILED | FAILED | FAILED |
| CANCELED | CANCELED, after a hold AUTHORIZED | none, after a hold CANCELED |
| EXPIRED | EXPIRED, after a hold AUTHORIZED | none, after a hold EXPIRED |
`
