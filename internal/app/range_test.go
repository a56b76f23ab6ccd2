package app

import (
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/internal/simulator"
)

// TestCardRangesOutliveANode: they are asked for once, whichever node it is and however often one starts.
func TestCardRangesOutliveANode(t *testing.T) {
	restarted := func(t *testing.T, s *street) {
		t.Helper()
		if n := s.bank.passed("PReq"); n != 1 {
			t.Errorf("the directory server was asked %d times by %d nodes", n, len(s.nodes))
		}
		last := len(s.nodes) - 1
		s.close(s.nodes[last])
		s.open(s.nodeSettings(last, len(s.settings)))
		if n := s.bank.passed("PReq"); n != 1 {
			t.Errorf("asked %d times after a start", n)
		}
		if !strings.Contains(s.log.String(), `msg="card ranges read" directory=rehearsal`) {
			t.Error("nobody has read what is kept")
		}
		s.store("4000000000001091", rightOTP)
	}
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		restarted(t, openStreet(t, 1, ""))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		if os.Getenv("REPRISE_TEST_POSTGRES") == "" {
			t.Skip("PostgreSQL: REPRISE_TEST_POSTGRES is not set")
		}
		t.Parallel()
		restarted(t, openStreet(t, 2, newDatabase(t)))
	})
}

// TestOldCardRanges: a directory server that does not answer for a day is told of, and keeps nobody from paying.
func TestOldCardRanges(t *testing.T) {
	t.Parallel()
	w := watched(t)
	at, err := url.Parse(w.world.Kit().DirectoryURL)
	if err != nil {
		t.Fatal(err)
	}
	w.severed.Store(at.Host)
	w.wires.cut(at.Host)
	directory := func() map[string]any {
		t.Helper()
		a := w.ask("GET", "/readyz", "", nil)
		rooms, _ := a.body["rooms"].(map[string]any)
		is, _ := rooms["directory"].(map[string]any)
		if a.status != 200 || is["ready"] != true {
			t.Fatalf("%d %v", a.status, a.body)
		}
		return is
	}
	if is := directory(); is["warning"] != nil {
		t.Errorf("from the start: %v", is)
	}
	w.forward(26 * time.Hour)
	if is := directory(); is["warning"] != "card ranges older than a day: simulator" {
		t.Errorf("after a day: %v", is)
	}
	w.eventually("failures are counted", func() bool {
		all := w.scrape()
		return all[`reprise_card_range_failures_total{directory="simulator"}`] > 0 && all[`reprise_card_ranges_age_seconds{directory="simulator"}`] > 26*3600
	})
	session := w.newSession(visaChallenge, skipping)
	w.succeeded(session, w.submitted(session, "123"))
	w.severed.Store("")
	w.forward(11 * time.Minute)
	w.eventually("they are new again", func() bool { return directory()["warning"] == nil })
}

// TestARefusedVersion: a bank that does not speak what its card range says is asked again one version lower, as another
// transaction. Where that is not enough the payment fails.
func TestARefusedVersion(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	for _, test := range []struct {
		digits string // V, M, A, C of a card of the matrix
		asked  int
		ends   string
	}{
		{"5072", 2, "succeeded"}, // speaks 2.1.0, its range says 2.2.0, too: a challenge
		{"5100", 2, "succeeded"}, // the same, without a 3DS Method or a challenge
		{"4072", 2, "succeeded"}, // speaks 2.1.0 and 2.2.0, its range says 2.3.1, too
		{"6100", 2, "failed"},    // speaks 2.1.0, its range says all three
		{"1072", 1, "succeeded"},
	} {
		var cards struct {
			Cards []struct{ Number string }
		}
		w.bank.get("/cards?digits="+test.digits, &cards)
		before := len(w.areqs())
		session := w.newSession("", typedFor("DISABLED"))
		end := w.visitor(w.hand(typed(session, cards.Cards[0].Number))).pay(rightOTP)
		if end["outcome"] != test.ends {
			t.Errorf("%s: %v", test.digits, end)
		}
		asked := w.areqs()[before:]
		if len(asked) != test.asked || test.asked == 2 && asked[0].ID == asked[1].ID {
			t.Errorf("%s: %d AReqs, %+v", test.digits, len(asked), asked)
		}
	}
	if n := strings.Count(w.log.String(), `msg="asked again in a lower version of 3-D Secure"`); n != 4 {
		t.Errorf("said %d times", n)
	}
	if list := w.bank.complaints(); slices.ContainsFunc(list, func(c simulator.Complaint) bool { return !strings.Contains(c.What, "102") }) {
		t.Errorf("%+v", list)
	}
}

// areqs are those that reached the directory server.
func (w *town) areqs() []simulator.Passage {
	w.t.Helper()
	return slices.DeleteFunc(w.bank.history(), func(p simulator.Passage) bool { return p.Type != "AReq" })
}
