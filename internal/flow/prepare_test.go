package flow_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/internal/flow"
	"reprise/internal/payment"
)

// clicks submits as a browser does that prepared itself, or could not.
func (s *scene) clicks(session payment.SessionID, change ...func(*flow.Submission)) (ticket, error) {
	s.t.Helper()
	sub := flow.Submission{
		Business: shop, Session: session, Fields: types("737"), Browser: &flow.Browser{Language: "id"},
		Preparation: s.prepared(session), MethodCompleted: "Y",
	}
	for _, c := range change {
		c(&sub)
	}
	return s.trySubmit(sub)
}

func (s *scene) clicked(session payment.SessionID, change ...func(*flow.Submission)) ticket {
	s.t.Helper()
	k, err := s.clicks(session, change...)
	if err != nil {
		s.t.Fatalf("not submitted: %v", err)
	}
	return k
}

func (s *scene) prepared(session payment.SessionID) string {
	s.t.Helper()
	p, err := s.Prepare(ctx, shop, session)
	if err != nil {
		s.t.Fatalf("not prepared: %v", err)
	}
	return p.ID
}

// answers has the bank give a transStatus, with what belongs to it.
func (s *scene) answers(status string) {
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		if a.TransStatus = status; status == "Y" || status == "A" {
			a.ECI, a.Value = map[string]string{"Y": "05", "A": "06"}[status], s.bank.value()
		}
		return a, nil
	}
}

func TestPrepare(t *testing.T) {
	s := newScene(t)
	id := s.session()
	p, err := s.Prepare(ctx, shop, id)
	if err != nil || p.Method == nil || p.ID == "" {
		t.Fatalf("%+v, %v", p, err)
	}
	if again := s.prepared(id); again == p.ID {
		t.Error("two preparations are for one transaction")
	}
	if len(s.memory.authentications) != 0 || len(s.memory.requests) != 0 || len(s.bank.asked) != 0 {
		t.Error("a preparation leaves something behind")
	}
	_, err = s.Prepare(ctx, stranger, id)
	refused(t, err, "NOT_FOUND", "Session not found")

	for name, test := range map[string]struct {
		change func(*flow.NewSession)
		before func(*scene, payment.SessionID)
	}{
		"3DS is skipped":    {change: skipping},
		"a card is typed":   {change: func(n *flow.NewSession) { n.Token, n.AllowSave = "", payment.SaveDisabled }},
		"not enrolled":      {before: func(s *scene, _ payment.SessionID) { s.bank.unknown = payment.ErrNotFound }},
		"no Method":         {before: func(s *scene, _ payment.SessionID) { s.bank.methodless = true }},
		"paid already":      {before: func(s *scene, id payment.SessionID) { s.bring(id, payment.Succeeded) }},
		"with the acquirer": {before: func(s *scene, id payment.SessionID) { s.bring(id, payment.Reversing) }},
	} {
		s := newScene(t)
		id := s.session(func(n *flow.NewSession) {
			if test.change != nil {
				test.change(n)
			}
		})
		if test.before != nil {
			test.before(s, id)
		}
		if p, err := s.Prepare(ctx, shop, id); err != nil || p != (flow.Preparation{}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// TestFrictionlessIsOneCall: what the bank lets pass is authorised in the call that submits, and the CVN rests nowhere,
// whatever the acquirer says.
func TestFrictionlessIsOneCall(t *testing.T) {
	for _, status := range []string{"Y", "A"} {
		for answer, want := range map[*payment.Answer]payment.State{
			&approved: payment.Succeeded, &declined: payment.Failed, &unwanted: payment.Failed, &unsent: payment.Failed, &unknown: payment.Reversing,
		} {
			s := newScene(t)
			s.answers(status)
			s.host.answer = says(*answer)
			id := s.session()
			preparation := s.prepared(id)
			k := s.clicked(id, func(sub *flow.Submission) { sub.Preparation = preparation })
			if s.at(k).State != want || k.page != "" || s.memory.kept != 0 {
				t.Errorf("%s: %s, %d kept, page %q", status, s.at(k).State, s.memory.kept, k.page)
			}
			q, p := s.bank.asked[0], s.host.purchases[0]
			if len(s.bank.asked) != 1 || q.MethodCompleted != "Y" || q.Browser.Language != "id" || string(q.Authentication.ServerTransID) != preparation[:36] {
				t.Errorf("asked %d times: %+v", len(s.bank.asked), q)
			}
			if p.cvn != "737" || p.Proof == nil || p.Proof.TransStatus != status || p.Proof.ServerTransID != q.Authentication.ServerTransID {
				t.Errorf("sent with %+v", p.Proof)
			}
		}
	}
}

// TestCommitsOfOneCall: the AReq about to be sent, the proof and the trace, the outcome.
func TestCommitsOfOneCall(t *testing.T) {
	s := newScene(t)
	s.answers("Y")
	id := s.session()
	var states []payment.State
	s.memory.fail = func(ch payment.Changes) failure {
		for _, r := range ch.Requests[len(ch.Requests)-1:] {
			states = append(states, r.State)
		}
		return none
	}
	s.clicked(id)
	if want := []payment.State{payment.Authenticating, payment.Authorizing, payment.Succeeded}; !slices.Equal(states, want) {
		t.Errorf("commits %v, want %v", states, want)
	}
}

func TestChallengeOfOneCall(t *testing.T) {
	s := newScene(t)
	k := s.clicked(s.session())
	if s.at(k).State != payment.Challenging || k.page == "" || k.share == nil || len(s.memory.escrow[k.id]) != 1 || s.memory.kept != 1 {
		t.Fatalf("%s, page %q, %d kept", s.at(k).State, k.page, s.memory.kept)
	}
	if err := s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Pay(ctx, k.page, k.share); err != nil || c.Request.State != payment.Succeeded || s.host.purchases[0].cvn != "737" {
		t.Errorf("%v", err)
	}
}

func TestNoOfOneCall(t *testing.T) {
	for _, status := range []string{"N", "R", "U", "none", "not enrolled"} {
		s := newScene(t)
		s.answers(status)
		switch status {
		case "none":
			s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) { return a, errDown }
		case "not enrolled":
			s.bank.unknown = payment.ErrNotFound
		}
		id := s.session()
		k := s.clicked(id)
		r := s.at(k)
		if r.State != payment.Failed || r.Failure != payment.AuthenticationFailed || k.page != "" || s.memory.kept != 0 || len(s.host.purchases) != 0 {
			t.Errorf("%s: %s %s, page %q, %d kept", status, r.State, r.Failure, k.page, s.memory.kept)
		}
		if got := s.told(); !slices.Equal(got, []payment.NoticeKind{payment.NoticeFailure}) || s.sessionOf(k).Open != "" {
			t.Errorf("%s: told %v, open %q", status, got, s.sessionOf(k).Open)
		}
	}

	// What the bank has to say to the payer is said on the attempt's page.
	s := newScene(t)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		a.TransStatus, a.Cardholder = "N", "Please call your bank."
		return a, nil
	}
	if k := s.clicked(s.session()); s.at(k).State != payment.Failed || k.page == "" || k.share != nil {
		t.Errorf("%s, page %q", s.at(k).State, k.page)
	}
}

// TestTheBankThatWantsToLook sends the payer to the page where it could not: nothing of what it wants is left out.
func TestTheBankThatWantsToLook(t *testing.T) {
	for name, change := range map[string]func(*scene, *flow.Submission){
		"not prepared": func(_ *scene, sub *flow.Submission) { sub.Preparation = "" },
		"prepared by somebody else": func(_ *scene, sub *flow.Submission) {
			sub.Preparation = sub.Preparation[:len(sub.Preparation)-2] + "AA"
		},
		"for another transaction": func(_ *scene, sub *flow.Submission) {
			sub.Preparation = "00000000-0000-4000-8000-000000000000" + sub.Preparation[36:]
		},
		"for another session":        func(s *scene, sub *flow.Submission) { sub.Preparation = s.prepared(s.session()) },
		"nothing of ours":            func(_ *scene, sub *flow.Submission) { sub.Preparation = "x.y.z" },
		"too old":                    func(s *scene, _ *flow.Submission) { s.clock.pass(15 * time.Minute) },
		"nobody knows whether it is": func(s *scene, _ *flow.Submission) { s.bank.unknown = errDown },
	} {
		s := newScene(t)
		s.answers("Y")
		k := s.clicked(s.session(), func(sub *flow.Submission) { change(s, sub) })
		if s.at(k).State != payment.Submitted || k.share == nil || len(s.bank.asked) != 0 || s.memory.kept != 1 {
			t.Errorf("%s: %s, asked %d times", name, s.at(k).State, len(s.bank.asked))
		}
	}

	// One that does not want to needs no preparation, and is told so.
	s := newScene(t)
	s.answers("Y")
	s.bank.methodless = true
	k := s.clicked(s.session())
	if s.at(k).State != payment.Succeeded || s.bank.asked[0].MethodCompleted != "U" {
		t.Errorf("%s, %+v", s.at(k).State, s.bank.asked)
	}
}

func TestMethodThatDidNotComeBack(t *testing.T) {
	for _, said := range []string{"N", "U", ""} {
		s := newScene(t)
		s.answers("Y")
		k := s.clicked(s.session(), func(sub *flow.Submission) { sub.MethodCompleted = said })
		if s.at(k).State != payment.Succeeded || s.bank.asked[0].MethodCompleted != "N" {
			t.Errorf("%q: %s, %s", said, s.at(k).State, s.bank.asked[0].MethodCompleted)
		}
	}
}

// TestPreparationIsGoodOnce: a second submit with it begins a transaction that the Method has not run for.
func TestPreparationIsGoodOnce(t *testing.T) {
	s := newScene(t)
	s.answers("N")
	id := s.session()
	used := s.prepared(id)
	again := func(sub *flow.Submission) { sub.Preparation = used }
	s.clicked(id, again)
	k := s.clicked(id, again)
	if s.at(k).State != payment.Submitted || len(s.bank.asked) != 1 || k.share == nil {
		t.Errorf("%s, asked %d times", s.at(k).State, len(s.bank.asked))
	}
}

func TestTypedCardInOneCall(t *testing.T) {
	for _, cvn := range []string{"737", ""} {
		s := newScene(t)
		s.answers("Y")
		s.bank.methodless = true
		id := s.session(func(n *flow.NewSession) { n.Token, n.AllowSave = "", payment.SaveForced })
		k := s.clicked(id, func(sub *flow.Submission) { sub.Fields = typesCard("4000000000001091", cvn) })
		if s.at(k).State != payment.Succeeded || s.memory.kept != 0 || s.host.purchases[0].cvn != cvn || k.page != "" {
			t.Errorf("%q: %s, %d kept", cvn, s.at(k).State, s.memory.kept)
		}
		if s.memory.tokens[s.at(k).Token].Status != payment.TokenActive {
			t.Errorf("the card is %s", s.memory.tokens[s.at(k).Token].Status)
		}

		s = newScene(t)
		s.bank.methodless = true
		id = s.session(func(n *flow.NewSession) { n.Token, n.AllowSave = "", payment.SaveForced })
		k = s.clicked(id, func(sub *flow.Submission) { sub.Fields = typesCard("4000000000001091", cvn) })
		if s.at(k).State != payment.Challenging || s.memory.kept != len(cvn)/3 || k.page == "" || (k.share == nil) != (cvn == "") {
			t.Errorf("%q: %s, %d kept", cvn, s.at(k).State, s.memory.kept)
		}
	}
}

// TestNodeDiesWhileTheBankIsAsked: the attempt has no CVN and nobody knows its page. The next submit supersedes it, or
// its deadline ends it; a client that repeats its request is sent to the page, which asks anew.
func TestNodeDiesWhileTheBankIsAsked(t *testing.T) {
	for status, next := range map[string]payment.State{"Y": payment.Authorizing, "C": payment.Challenging, "N": payment.Failed} {
		dies := func() (*scene, payment.SessionID, *payment.Request) {
			s := newScene(t)
			s.answers(status)
			id := s.session()
			reached, dead := entering(notWritten, next), false
			s.memory.fail = func(ch payment.Changes) failure {
				if dead = dead || reached(ch) != none; dead { // and writes nothing any more
					return notWritten
				}
				return none
			}
			if _, err := s.clicks(id); !errors.Is(err, errDown) {
				t.Fatalf("%s: %v", status, err)
			}
			s.memory.fail = nil
			open := s.memory.requests[s.memory.sessions[id].Open]
			if open.State != payment.Authenticating || s.memory.kept != 0 || len(s.host.purchases) != 0 {
				t.Fatalf("%s: %s, %d kept", status, open.State, s.memory.kept)
			}
			return s, id, &open
		}

		s, id, open := dies()
		s.answers("Y")
		k := s.clicked(id)
		if s.at(k).State != payment.Succeeded || s.memory.requests[open.ID].State != payment.Canceled || len(s.host.purchases) != 1 {
			t.Errorf("%s, superseded: %s", status, s.at(k).State)
		}

		s, _, open = dies()
		s.pass(15 * time.Minute)
		if r := s.memory.requests[open.ID]; r.State != payment.Failed || r.Failure != payment.Timeout {
			t.Errorf("%s, left alone: %s %s", status, r.State, r.Failure)
		}

		s, id, open = dies()
		k, err := s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: types("737"), Browser: &flow.Browser{}, Repeats: &flow.Earlier{Request: open.ID}})
		if err != nil || k.id != open.ID || k.page != open.Page || k.share != nil || len(s.bank.asked) != 1 {
			t.Fatalf("%s, repeated: %+v, %v, asked %d times", status, k, err, len(s.bank.asked))
		}
		s.answers("Y")
		if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "N"); err != nil || c.Request.State != payment.Authenticating {
			t.Errorf("%s: asked anew at once: %v", status, err)
		}
		s.clock.pass(12 * time.Second)
		if c, err := s.Authenticate(ctx, k.page, flow.Browser{}, "N"); err != nil || c.Request.State != payment.Authenticated {
			t.Errorf("%s: %v", status, err)
		}
		if c, err := s.Retype(ctx, k.page, s.types("456")); err != nil || c.Request.State != payment.Succeeded || s.host.purchases[0].cvn != "456" {
			t.Errorf("%s: %v", status, err)
		}
	}
}

// TestNodeDiesWhileTheAcquirerIsAsked, after the bank has let the payer pass: what may have been booked is taken back.
func TestNodeDiesWhileTheAcquirerIsAsked(t *testing.T) {
	s := newScene(t)
	s.answers("Y")
	s.memory.fail = entering(notWritten, payment.Succeeded)
	k := s.clicked(s.session())
	s.memory.fail = nil
	if s.at(k).State != payment.Authorizing || k.page != "" {
		t.Fatalf("%s, page %q", s.at(k).State, k.page)
	}
	s.pass(time.Minute)
	if s.at(k).State != payment.Failed || len(s.host.advices) != 1 || s.memory.kept != 0 {
		t.Errorf("%s, %d advices", s.at(k).State, len(s.host.advices))
	}
}

// TestProofThatCannotBeUsed: where the bank lets the payer pass, and the card is refused meanwhile or nothing can be sent,
// the attempt is over, and the payer may go on at once.
func TestProofThatCannotBeUsed(t *testing.T) {
	tries := counted{"try", payment.CardDay{Card: "fingerprint of pt-visa", Day: "2026-03-14"}}
	for name, test := range map[string]struct {
		meanwhile, after func(*scene)
		failure          payment.FailureCode
	}{
		"its CVN was guessed at": {
			func(s *scene) { s.memory.counts[tries] = payment.MaxCVNTries }, func(s *scene) { s.memory.counts[tries] = 0 }, payment.DeclinedByProcessor,
		},
		"nothing can be sent": {
			func(s *scene) { s.host.busy = errDown }, func(s *scene) { s.host.busy = nil }, payment.ServerError,
		},
		"the commit fails": {
			func(s *scene) { s.memory.fail = entering(notWritten, payment.Authorizing) }, func(s *scene) { s.memory.fail = nil }, payment.ServerError,
		},
	} {
		s := newScene(t)
		id := s.session()
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			test.meanwhile(s)
			return s.bank.frictionless(a)
		}
		if _, err := s.clicks(id); err == nil {
			t.Fatalf("%s: submitted", name)
		}
		for _, r := range s.memory.requests {
			if r.State != payment.Failed || r.Failure != test.failure || r.Authentication.Value != "" {
				t.Errorf("%s: %s %s, %+v", name, r.State, r.Failure, r.Authentication)
			}
		}
		test.after(s)
		if open := s.memory.sessions[id].Open; open != "" || len(s.host.purchases) != 0 {
			t.Errorf("%s: the session is held by %q, %d purchases", name, open, len(s.host.purchases))
		}
		s.bank.answer = s.bank.frictionless
		if k := s.clicked(id); s.at(k).State != payment.Succeeded {
			t.Errorf("%s, once more: %s", name, s.at(k).State)
		}
	}
}

// TestProofInACommitThatWasWritten: a commit whose answer was lost is not taken back, because the trace counts.
func TestProofInACommitThatWasWritten(t *testing.T) {
	s := newScene(t)
	id := s.session()
	s.answers("Y")
	s.memory.fail = entering(answerLost, payment.Authorizing)
	if _, err := s.clicks(id); err == nil {
		t.Fatal("submitted")
	}
	s.memory.fail = nil
	if r := s.memory.requests[s.memory.sessions[id].Open]; r.State != payment.Authorizing {
		t.Errorf("%s", r.State)
	}
}

// TestSubmitWhileTheBankIsAsked: the later one counts, and what the bank then says about the earlier is not used.
func TestSubmitWhileTheBankIsAsked(t *testing.T) {
	for _, status := range []string{"Y", "C", "N"} {
		s := newScene(t)
		id := s.session()
		var later ticket
		s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
			s.answers("Y")
			later = s.clicked(id)
			if a.TransStatus = status; status == "Y" {
				a.ECI, a.Value = "05", s.bank.value()
			}
			return a, nil
		}
		k := s.clicked(id)
		if s.at(k).State != payment.Canceled || k.page != "" || s.at(later).State != payment.Succeeded || len(s.host.purchases) != 1 || s.memory.kept != 0 {
			t.Errorf("%s: %s, then %s, %d purchases, %d kept", status, s.at(k).State, s.at(later).State, len(s.host.purchases), s.memory.kept)
		}
	}
}

// TestProofOfOneCallIsUsedOnce: a bank that gives the same value twice authenticates nobody the second time.
func TestProofOfOneCallIsUsedOnce(t *testing.T) {
	s := newScene(t)
	s.bank.answer = func(a payment.Authentication) (payment.Authentication, error) {
		a.TransStatus, a.ECI, a.Value = "Y", "05", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="
		return a, nil
	}
	if k := s.clicked(s.session()); s.at(k).State != payment.Succeeded {
		t.Fatal(s.at(k).State)
	}
	if k := s.clicked(s.session()); s.at(k).State != payment.Failed || s.at(k).Failure != payment.AuthenticationFailed || len(s.host.purchases) != 1 {
		t.Errorf("%s, %d purchases", s.at(k).State, len(s.host.purchases))
	}
}

func TestOneCallOnce(t *testing.T) {
	for _, status := range []string{"Y", "C", "N"} {
		s := newScene(t)
		s.answers(status)
		id := s.session()
		once := key(shop, "POST /v3/payment_with_session")
		k := s.clicked(id, func(sub *flow.Submission) { sub.Once = once })
		if _, err := s.clicks(id, func(sub *flow.Submission) { sub.Once = once }); err == nil {
			t.Errorf("%s: a used key was taken again", status)
		}
		again, err := s.trySubmit(flow.Submission{Business: shop, Session: id, Fields: types("456"), Browser: &flow.Browser{}, Repeats: &flow.Earlier{Request: k.id}})
		if err != nil || again.id != k.id || len(s.bank.asked) != 1 || len(s.memory.requests) != 1 {
			t.Errorf("%s: %v, asked %d times", status, err, len(s.bank.asked))
		}
		if (again.page != "") != (status == "C") {
			t.Errorf("%s: page %q", status, again.page)
		}
	}
}

// TestSoftDeclineOfOneCall: the issuer wants to know who pays although the bank let them pass. The payer is sent to the
// page; the CVN was sent, so no share opens anything.
func TestSoftDeclineOfOneCall(t *testing.T) {
	s := newScene(t)
	s.answers("Y")
	s.host.answer = says(soft)
	k := s.clicked(s.session())
	if s.at(k).State != payment.SteppingUp || k.page == "" || k.share != nil || s.memory.kept != 0 || len(s.told()) != 0 {
		t.Fatalf("%s, page %q, %d kept", s.at(k).State, k.page, s.memory.kept)
	}
	s.host.answer, s.bank.answer = nil, nil
	s.prove(k)
	if c, err := s.Retype(ctx, k.page, s.types("456")); err != nil || c.Request.State != payment.Succeeded || s.memory.kept != 0 {
		t.Errorf("%v", err)
	}
}

// TestLowerVersionInOneCall: a bank that does not speak the version is asked in a lower one, within the same call.
func TestLowerVersionInOneCall(t *testing.T) {
	for _, status := range []string{"Y", "C", "N"} {
		s := newScene(t)
		s.answers(status)
		s.bank.refuses(1, flow.LowerVersion{Version: "2.1.0"}, s.bank.answer)
		k := s.clicked(s.session())
		want := map[string]payment.State{"Y": payment.Succeeded, "C": payment.Challenging, "N": payment.Failed}[status]
		if r := s.at(k); r.State != want || r.Authentication.Version != "2.1.0" || len(s.bank.asked) != 2 || s.bank.asked[1].MethodCompleted == "Y" {
			t.Errorf("%s: %s in %s, asked %d times", status, r.State, r.Authentication.Version, len(s.bank.asked))
		}
		if status == "C" {
			if err := s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")); err != nil || s.at(k).State != payment.Authenticated {
				t.Errorf("the result does not find its attempt: %v", err)
			}
		}
	}
}
