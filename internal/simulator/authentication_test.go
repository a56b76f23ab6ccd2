package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// raw sends an AReq and returns what came of it, whatever that is.
func (r *requestor) raw(ctx context.Context, o object) (status int, body string, err error) {
	r.t.Helper()
	text, err := json.Marshal(o)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.w.Kit().DirectoryURL, strings.NewReader(string(text)))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	res, err := r.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, string(answer), err
}

func TestDirectoryFaults(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	const pan = "4000000000001000"
	for _, behaviour := range []string{"silence", "lost"} {
		w.meets(t, onAReq, Fault{Behaviour: behaviour, Only: Only{Card: "1000"}})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		o := r.areq(pan, nil)
		if _, _, err := r.raw(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", behaviour, err)
		}
		cancel()
		again := r.ask(o) // who was decided about is known already
		if known := again.text("errorCode") == "305"; known != (behaviour == "silence") {
			t.Errorf("%s: %v", behaviour, again)
		}
	}
	w.meets(t, onAReq, Fault{Behaviour: "error"})
	if status, _, err := r.raw(t.Context(), r.areq(pan, nil)); err != nil || status != 500 {
		t.Errorf("error: %d %v", status, err)
	}
	w.meets(t, onAReq, Fault{Behaviour: "half_answer"})
	if status, body, err := r.raw(t.Context(), r.areq(pan, nil)); err != nil || status != 200 || body == "" || json.Valid([]byte(body)) {
		t.Errorf("half_answer: %d %q %v", status, body, err)
	}
	w.meets(t, onAReq, Fault{Behaviour: "drop_connection"})
	if _, _, err := r.raw(t.Context(), r.areq(pan, nil)); err == nil {
		t.Error("drop_connection: answered")
	}
	w.meets(t, onAReq, Fault{Behaviour: "late", DelayMS: 20})
	if a := r.ask(r.areq(pan, nil)); a.text("transStatus") != "Y" {
		t.Errorf("late: %v", a)
	}
	wantComplaints(t, w, "directory: AReq: Erro 305 transaction data not valid: threeDSServerTransID")
}

// TestResultBeforeItsARes: the gateway cannot use it yet and says so; it comes again, and the payer is sent home.
func TestResultBeforeItsARes(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	gateway := listenForResults(t, w, "")
	early := 2
	gateway.answer = func(rres object) object {
		if early--; early < 0 {
			return rres
		}
		return (&erro{"403", "transient system failure", "early"}).message("S", "2.2.0", "RReq", rres)
	}
	w.meets(t, onAReq, Fault{Behaviour: "result_first"})
	p := w.challenged(t, gateway.url, nil)
	if n := len(gateway.results()); n == 0 {
		t.Error("the ARes was first")
	}
	eventually(t, "the result is taken", func() bool {
		c.Advance(time.Second)
		return len(gateway.results()) == 3
	})
	if _, cres, _ := atHome(t, p.open("")); cres.text("transStatus") != "Y" {
		t.Errorf("CRes %v", cres)
	}
	wantComplaints(t, w)
}

func TestResultFaults(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	gateway := listenForResults(t, w, "")
	for _, f := range []struct {
		fault   Fault
		results int // when the payer is home
	}{
		{Fault{Behaviour: "twice"}, 2},
		{Fault{Behaviour: "lost"}, 2},
		{Fault{Behaviour: "late", DelayMS: 3000}, 2},
	} {
		w.meets(t, onResult, f.fault)
		p := w.challenged(t, gateway.url, nil)
		p.open("")
		if _, cres, _ := atHome(t, p.answer("confirm", "123456")); cres.text("transStatus") != "Y" {
			t.Errorf("%s: CRes %v", f.fault.Behaviour, cres)
		}
		if n := len(gateway.results()); n != f.results {
			t.Errorf("%s: %d results", f.fault.Behaviour, n)
		}
	}
	eventually(t, "the late one comes", func() bool { c.Advance(time.Second); return len(gateway.results()) == 3 })
	wantComplaints(t, w)
}

func TestChallengeFaults(t *testing.T) {
	c := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = c.Now, c.Timer })
	gateway := listenForResults(t, w, "")
	meet := func(behaviour string) *payer {
		w.meets(t, onChallenge, Fault{Behaviour: behaviour})
		p := w.challenged(t, gateway.url, nil)
		if page := p.open(""); strings.Contains(page, `name="otp"`) || strings.Contains(page, `name="cres"`) {
			t.Errorf("%s: the page goes on:\n%s", behaviour, page)
		}
		return p
	}
	meet("abandon")
	eventually(t, "the result", func() bool { return len(gateway.results()) == 1 })
	if got := gateway.results()[0]; got.text("transStatus") != "N" || got.text("challengeCancel") != "04" {
		t.Errorf("%v", got)
	}
	meet("silence")
	for range 3 {
		c.Advance(abandonAfter)
	}
	eventually(t, "the bank gives up", func() bool {
		c.Advance(abandonAfter)
		all := w.History()
		return all[len(all)-1].Did == "lost"
	})
	if n := len(gateway.results()); n != 1 {
		t.Errorf("%d results", n)
	}
	wantComplaints(t, w)
}
