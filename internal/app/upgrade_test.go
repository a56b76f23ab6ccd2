package app

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestUpgrade: the version before this one goes on working on a database that this one has migrated, beside it or
// when this one is taken back, and each goes on with what the other began.
func TestUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs; run without -short")
	}
	source := before(t)
	t.Parallel()
	older, newer := program(t, source), program(t, "")

	t.Run("one after the other on SQLite", func(t *testing.T) {
		t.Parallel()
		s := openSite(t, newer, "")
		request, hold := s.bought(s)
		s.kill()
		s.binary = older
		s.start()
		s.goesOn(request, hold)
		request, hold = s.bought(s)
		s.kill()
		s.binary = newer
		s.start()
		s.goesOn(request, hold)
		s.balanced()
	})
	t.Run("at once on PostgreSQL", func(t *testing.T) {
		if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
			t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
		}
		t.Parallel()
		now := openSite(t, newer, newDatabase(t))
		then := now.beside(older)
		for _, pair := range [][2]*site{{now, then}, {then, now}} {
			request, hold := pair[0].bought(pair[1])
			pair[1].goesOn(request, hold)
		}
		// One that is taken away leaves its work to the other, whichever it is.
		for _, pair := range [][2]*site{{now, then}, {then, now}} {
			_, hold := pair[0].bought(pair[0])
			before := pair[0].bank.captures()
			pair[0].bank.turn(`{"next_advice":{"behaviour":"silence"}}`)
			go func() {
				_, _ = pair[0].send("POST", "/v3/payments/"+hold+"/capture", SandboxSecretKey, capturing(10000))
			}()
			eventually(t, "captured at the acquirer", func() bool { return pair[0].bank.captures() == before+1 })
			pair[0].kill()
			pair[1].ear.wait(t, "payment.capture", hold)
			pair[0].start()
		}
		now.balanced()
	})
}

// before is the source of the version that this one replaces: the last tag, or until there is one the commit before
// the last that touched a migration.
func before(t *testing.T) string {
	t.Helper()
	git := func(arguments ...string) string {
		out, err := exec.Command("git", arguments...).Output()
		if err != nil {
			t.Skipf("no history to build the version before from: git %s: %v", arguments[0], err)
		}
		return strings.TrimSpace(string(out))
	}
	commit := ""
	if tags := strings.Fields(git("tag", "--merged", "HEAD", "--sort", "-creatordate")); len(tags) > 0 {
		commit = tags[0]
	} else if last := git("log", "-1", "--format=%H", "--", "../store/migrations"); last != "" {
		commit = git("rev-parse", "--verify", "--quiet", last+"^") // a shallow clone has none
	}
	source := t.TempDir()
	archive := fmt.Sprintf("git -C %q archive %s | tar -x -C %q", git("rev-parse", "--show-toplevel"), commit, source)
	if out, err := exec.Command("sh", "-c", archive).CombinedOutput(); err != nil {
		t.Fatalf("the source of %s: %v\n%s", commit, err, out)
	}
	return source
}

// bought buys with a CVN and a challenge in a session that is opened here and paid at another gateway, and holds money.
func (s *site) bought(at *site) (request, hold string) {
	s.t.Helper()
	session := s.newSession(visaChallenge)
	accepted := at.submitted(session, "123")
	p := at.visitor(accepted)
	if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
		s.t.Fatal(err)
	}
	if step := p.must(p.confirm()); step["outcome"] != "succeeded" {
		s.t.Fatalf("%v", step)
	}
	request = accepted["payment_request_id"].(string)
	s.ear.wait(s.t, "payment.capture", request)
	s.ear.wait(s.t, "payment_session.completed", session["payment_session_id"].(string))
	return request, s.held10000()
}

// goesOn does the next thing with what another version has made: reads, gives back, captures.
func (s *site) goesOn(request, hold string) {
	s.t.Helper()
	if got := s.attempt(request); got["status"] != "SUCCEEDED" {
		s.t.Fatalf("%v", got)
	}
	refund := s.ask("POST", "/refunds", SandboxSecretKey, refunding(request))
	if refund.status != http.StatusOK || refund.body["status"] != "SUCCEEDED" {
		s.t.Fatalf("%d %v", refund.status, refund.body)
	}
	s.ear.wait(s.t, "refund.succeeded", refund.body["id"].(string))
	captured := s.ask("POST", "/v3/payments/"+hold+"/capture", SandboxSecretKey, capturing(10000))
	if captured.status != http.StatusOK || captured.body["status"] != "SUCCEEDED" {
		s.t.Fatalf("%d %v", captured.status, captured.body)
	}
	s.ear.wait(s.t, "payment.capture", hold)
}

// captures are how many holds the issuer has taken the money of.
func (b *bank) captures() (n int) {
	for _, e := range b.ledger() {
		if e.Kind == "capture" {
			n++
		}
	}
	return n
}
