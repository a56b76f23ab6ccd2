package soak

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"reprise/internal/payment"
	"reprise/internal/simulator"
)

// heal ends the storm.
func (s *story) heal() {
	s.stormy = false
	s.tell(nil, "THE STORM IS OVER")
	s.takenIsGone()
	calm := s.seed%3 == 0
	s.knob(func(k *simulator.Knobs) { *k = simulator.Knobs{Calm: calm} })
	s.sink.turn("", 0)
	for _, n := range s.nodes {
		n.frozen, n.skew = time.Time{}, 0
	}
}

// linger lets the storm go on over days: what was left lying comes to its deadlines in it, and others buy meanwhile.
func (s *story) linger() {
	for range 1 + s.roll(6) {
		s.rest()
		if s.toss(2) {
			s.plan.at = append(s.plan.at, s.newPlan(300).at...)
			slices.Sort(s.plan.at)
			s.buy(1)
		}
	}
}

// rest lets a few seconds pass and, once nothing is to be done for a while, all the time until then: no work is claimed
// or due, every node is up, and the world has nothing in mind. It says whether anything is left to be done at all.
func (s *story) rest() bool {
	for range 6 {
		s.until(time.Second, func() bool { return false })
		next, left := s.nextWork()
		if !left && s.ready() {
			return false
		}
		if world, busy := s.nextOfWorld(); busy && world.Before(next) {
			next = world
		}
		if leap := time.Until(next) - time.Second; leap > 15*time.Second && s.ready() {
			s.tell(nil, "nothing for %s", leap.Round(time.Second))
			time.Sleep(leap)
			return true
		}
	}
	return true
}

// nextOfWorld is when somebody outside the nodes does something next, if anybody has it in mind.
func (s *story) nextOfWorld() (at time.Time, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.steps {
		if st.who == nil && (!busy || st.at.Before(at)) {
			at, busy = st.at, true
		}
	}
	return at, busy
}

// settle waits until nothing is left to be done, over days if need be: where nobody does anything, time leaps to the
// next thing that is due.
func (s *story) settle() {
	horizon := time.Now().Add(10 * 24 * time.Hour)
	for time.Now().Before(horizon) && s.taken <= tooLong {
		if !s.rest() {
			return
		}
	}
	s.wrong("after ten days there still is work")
}

// nextWork is when the next work is due that is not a stored card's.
func (s *story) nextWork() (time.Time, bool) {
	var at *int64
	if err := s.books.QueryRow(`SELECT MIN(next_at) FROM work WHERE kind <> 'token'`).Scan(&at); err != nil {
		s.wrong("%v", err)
	}
	if at == nil {
		return time.Time{}, false
	}
	return time.UnixMicro(*at), true
}

// rows reads the objects of a table.
func rows[row any](s *story, table string) (found []row) {
	result, err := s.books.Query(`SELECT data FROM ` + table + ` ORDER BY id`)
	if err != nil {
		s.wrong("%v", err)
		return nil
	}
	defer result.Close()
	for result.Next() {
		var data []byte
		var r row
		if err := result.Scan(&data); err != nil {
			s.wrong("%v", err)
		} else if err := json.Unmarshal(data, &r); err != nil {
			s.wrong("%v", err)
		}
		found = append(found, r)
	}
	return found
}

func (s *story) number(query string) (n int) {
	if err := s.books.QueryRow(query).Scan(&n); err != nil {
		s.wrong("%v", err)
	}
	return n
}

// keptPromises holds the bank's ledger, our books, what the merchant heard and what everybody was told against each
// other.
func (s *story) keptPromises() {
	requests := rows[payment.Request](s, "request")
	s.moneyIsRight(requests)
	s.onceEach(requests)
	s.allIsOver(requests)
	s.merchantKnows(requests)
	s.nobodyWasMisled(requests)
	for _, c := range s.world.Complaints() {
		if c.What == "RReq: the gateway could not be reached" { // which was the weather's doing
			continue
		}
		s.wrong("the world complains about %s: %s", c.Line, c.What)
	}
}

// dayOfTries is how often an advice has been tried at least when a day is over: once a minute, with pauses of ours.
const dayOfTries = 500

// moneyIsRight is the first promise: what is kept at the issuer is what succeeded, one for one.
func (s *story) moneyIsRight(requests []payment.Request) {
	var taken, given, succeeded, refunded []string
	listed := map[string]bool{} // what the acquirer would not take back is the operator's
	for _, a := range rows[payment.Advice](s, "advice") {
		undoes := a.Kind == payment.Reversal || a.Kind == payment.Release
		switch {
		case a.Status == payment.AdviceGivenUp && a.Tries < dayOfTries:
			s.wrong("advice %s (%s) of %s was given up after %d tries", a.ID, a.Kind, a.Request, a.Tries)
		case a.Status == payment.AdviceNoTrace && a.NoTrace < 3:
			s.wrong("advice %s (%s) of %s was closed after %d answers of 25", a.ID, a.Kind, a.Request, a.NoTrace)
		case undoes && (a.Status == payment.AdviceGivenUp || a.Status == payment.AdviceNoTrace):
			listed[a.Original.RRN] = true
		}
	}
	authorised := map[string]int{}
	held := map[string]string{}
	for _, e := range s.world.Ledger() {
		entry := fmt.Sprint(e.RRN, " ", e.Amount)
		switch {
		case e.Kind == "purchase" && e.State == "kept" && listed[e.RRN]:
		case e.Kind == "purchase" && e.State == "kept" || e.Kind == "capture":
			taken = append(taken, entry)
		case e.Kind == "refund":
			given = append(given, entry)
		}
		if e.Kind == "purchase" || e.Kind == "hold" {
			if authorised[e.RRN]++; authorised[e.RRN] > 1 {
				s.wrong("RRN %s was authorised twice", e.RRN)
			}
		}
		if e.Kind == "hold" {
			held[e.RRN] = e.State
		}
	}
	back := map[payment.RequestID][]payment.Refund{}
	for _, f := range rows[payment.Refund](s, "refund") {
		if f.Status == payment.RefundSucceeded {
			back[f.Request] = append(back[f.Request], f)
		}
	}
	bySession := map[payment.SessionID]int{}
	for _, r := range requests {
		if r.State == payment.Succeeded && r.Type != payment.Save {
			succeeded = append(succeeded, fmt.Sprint(r.Trace.RRN, " ", r.Capture.Amount.Minor))
			if r.CaptureMethod == payment.CaptureAutomatic && r.Capture.Amount != r.Amount {
				s.wrong("%s took %v instead of %v", r.ID, r.Capture.Amount, r.Amount)
			}
			if bySession[r.Session]++; r.Session != "" && bySession[r.Session] > 1 {
				s.wrong("session %s was paid twice", r.Session)
			}
		} else if r.Trace != nil && held[r.Trace.RRN] == "kept" && !listed[r.Trace.RRN] {
			s.wrong("%s is %s, and its hold stands", r.ID, r.State)
		}
		sum := int64(0)
		for _, f := range back[r.ID] {
			sum += f.Amount.Minor
			refunded = append(refunded, fmt.Sprint(r.Trace.RRN, " ", f.Amount.Minor))
		}
		if sum > 0 && (r.State != payment.Succeeded || sum > r.Capture.Amount.Minor) {
			s.wrong("%s is %s and gave back %d", r.ID, r.State, sum)
		}
	}
	for what, sides := range map[string][2][]string{"took": {taken, succeeded}, "gave back": {given, refunded}} {
		bank, books := sides[0], sides[1]
		slices.Sort(bank)
		slices.Sort(books)
		if !slices.Equal(bank, books) {
			s.wrong("the bank %s (%s), the books know (%s)", what, strings.Join(bank, ", "), strings.Join(books, ", "))
		}
	}
}

// onceEach: a command that was repeated under its key was carried out once. Buyers name what they ask for, and ask for
// each once.
func (s *story) onceEach(requests []payment.Request) {
	made := map[string]int{}
	for _, session := range rows[payment.Session](s, "session") {
		made["session "+session.ReferenceID]++
	}
	for _, f := range rows[payment.Refund](s, "refund") {
		made["refund "+f.ReferenceID]++
	}
	for _, r := range requests {
		if r.Session == "" {
			made["payment request "+r.ReferenceID]++
		}
	}
	for what, n := range made {
		if n > 1 {
			s.wrong("%s was made %d times", what, n)
		}
	}
}

// takenIsGone is the fifth, at any time: whose CVN was taken, or is needed no more, has none in the escrow.
func (s *story) takenIsGone() {
	var waiting []string
	for _, state := range payment.States() {
		if state.BeforeAcquirer() {
			waiting = append(waiting, "'"+string(state)+"'")
		}
	}
	if n := s.number(`SELECT COUNT(*) FROM cvn_escrow e JOIN request r ON r.id = e.request
WHERE r.state NOT IN (` + strings.Join(waiting, ", ") + `)`); n > 0 {
		s.wrong("%d CVNs are in the escrow that were taken, or are needed no more", n)
	}
}

// outage is how long all nodes may be away at once, and nothing be brought to its end.
const outage = 3 * time.Minute

// allIsOver is the second and the fifth: everything ends, and no CVN is left.
func (s *story) allIsOver(requests []payment.Request) {
	for _, r := range requests {
		if !r.State.Final() {
			s.wrong("%s is %s for ever", r.ID, r.State)
		}
		if r.Trace == nil && r.Updated.After(r.Expires.Add(outage)) {
			s.wrong("%s was to end at %s, and did at %s", r.ID, r.Expires, r.Updated)
		}
	}
	for _, a := range rows[payment.Advice](s, "advice") {
		if a.Status == payment.AdviceOpen {
			s.wrong("advice %s (%s) of %s is open for ever", a.ID, a.Kind, a.Request)
		}
	}
	for _, f := range rows[payment.Refund](s, "refund") {
		if f.Status == payment.RefundPending {
			s.wrong("refund %s is pending for ever", f.ID)
		}
	}
	for _, session := range rows[payment.Session](s, "session") {
		if session.Status == payment.SessionActive {
			s.wrong("session %s is active for ever", session.ID)
		}
	}
	if n := s.number(`SELECT COUNT(*) FROM cvn_escrow`); n > 0 {
		s.wrong("%d CVNs are left in the escrow", n)
	}
}

// endings are the events behind which nothing more is told about a payment.
var endings = map[string]bool{"payment.capture": true, "payment.failure": true, "payment.expiry": true}

// merchantKnows is the fourth: each end of a payment was told once, and was heard.
func (s *story) merchantKnows(requests []payment.Request) {
	events := map[string]int{}
	s.sink.mu.Lock()
	heard := map[string]bool{}
	ends := map[string]string{} // object: the event that ends it
	latest := map[string]*told{}
	numbers := map[string]string{}
	for id, t := range s.sink.heard {
		heard[id] = true
		number := fmt.Sprint(t.object, " ", t.sequence)
		if other := numbers[number]; other != "" {
			s.wrong("%s and %s have the same number, %s", other, t.event, number)
		}
		numbers[number] = t.event
		if l := latest[t.object]; l == nil || l.sequence < t.sequence {
			latest[t.object] = t
		}
		if endings[t.event] {
			ends[t.object] = t.event
		}
		events[t.event+" "+t.object]++
	}
	s.sink.mu.Unlock()
	for object, end := range ends {
		if last := latest[object]; last.event != end {
			s.wrong("of %s the last event by number is %s, and it ended with %s", object, last.event, end)
		}
	}
	result, err := s.books.Query(`SELECT id, kind FROM notice`)
	if err != nil {
		s.wrong("%v", err)
		return
	}
	defer result.Close()
	for result.Next() {
		var id, kind string
		if err := result.Scan(&id, &kind); err != nil {
			s.wrong("%v", err)
		}
		if !heard[id] {
			s.wrong("the merchant never heard %s (%s)", kind, id)
		}
		delete(heard, id)
	}
	for id := range heard {
		s.wrong("the merchant heard of %s, which is not in the books", id)
	}
	for event, n := range events {
		if n > 1 {
			s.wrong("%d webhooks tell %s", n, event)
		}
	}
	told := func(event, object string) {
		if n := events[event+" "+object]; n != 1 {
			s.wrong("%s of %s was told %d times", event, object, n)
		}
	}
	for _, r := range requests {
		held := r.CaptureMethod == payment.CaptureManual && r.Authorization != nil
		switch {
		case r.Type == payment.Save && r.State == payment.Succeeded:
			told("payment_token.activation", string(r.Token))
		case r.Type == payment.Save && r.State == payment.Failed:
			told("payment_token.failure", string(r.Token))
		case r.Type == payment.Save:
		case r.State == payment.Succeeded:
			told("payment.capture", string(r.Payment))
		case r.State == payment.Failed:
			told("payment.failure", string(r.Payment))
		case r.State == payment.Expired && r.WasHeld():
			told("payment.expiry", string(r.Payment))
		case r.State == payment.Expired:
			told("payment_request.expiry", string(r.ID))
		}
		if held && (r.State == payment.Succeeded || r.WasHeld()) {
			told("payment.authorization", string(r.Payment))
		}
	}
	for _, f := range rows[payment.Refund](s, "refund") {
		switch f.Status {
		case payment.RefundSucceeded:
			told("refund.succeeded", string(f.ID))
		case payment.RefundFailed:
			told("refund.failed", string(f.ID))
		}
	}
	for _, session := range rows[payment.Session](s, "session") {
		switch session.Status {
		case payment.SessionCompleted:
			told("payment_session.completed", string(session.ID))
		case payment.SessionExpired:
			told("payment_session.expired", string(session.ID))
		}
	}
}

// nobodyWasMisled: what was called an end stayed the end.
func (s *story) nobodyWasMisled(requests []payment.Request) {
	ends := map[string]payment.State{}
	for _, r := range requests {
		ends[string(r.ID)] = r.State
	}
	for _, b := range s.buyers {
		for id, said := range b.said {
			end, known := ends[id]
			if !known {
				s.wrong("%s was told of %s, which is not in the books", b.name, id)
				continue
			}
			for i, status := range said {
				final := map[string]payment.State{
					"SUCCEEDED": payment.Succeeded, "FAILED": payment.Failed, "CANCELED": payment.Canceled, "EXPIRED": payment.Expired,
					"page:failed": payment.Failed, "page:canceled": payment.Canceled,
				}[status]
				if status == "page:failed" && end == payment.Expired {
					continue
				}
				if final != "" && final != end {
					s.wrong("%s was told %v of %s (%d), which is %s", b.name, said, id, i, end)
				}
			}
		}
	}
}
