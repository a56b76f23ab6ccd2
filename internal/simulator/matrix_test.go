package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNumbersOfTheMatrix(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range prefixes {
		for v := range versionDigits {
			for m := range methodDigits {
				for a := range answerDigits {
					for c := range challengeDigits {
						digits := string([]byte{'0' + byte(v), '0' + byte(m), '0' + byte(a), '0' + byte(c)})
						pan, ok := NumberFor(p.scheme, digits)
						r, issued := rangeOf(pan)
						_, drawn, known := drawn(pan)
						if !ok || !issued || !known || r.scheme != p.scheme || seen[pan] ||
							drawn != (course{answerDigits[a].status, challengeDigits[c].page}) {
							t.Errorf("%s %s: %s", p.scheme, digits, pan)
						}
						seen[pan] = true
					}
				}
			}
		}
	}
	for _, c := range cards {
		if _, _, ok := drawn(c.pan); ok {
			t.Errorf("%s is published, and of the matrix", c.pan)
		}
	}
	for _, none := range [][2]string{{"visa", "7000"}, {"visa", "0400"}, {"visa", "0006"}, {"visa", "000"}, {"visa", "00000"}, {"visa", "00x0"}, {"diners", "0000"}} {
		if pan, ok := NumberFor(none[0], none[1]); ok {
			t.Errorf("%v: %s", none, pan)
		}
	}
	for digits, want := range map[string]int{"0073": len(prefixes), "9999": 0, "": 0} {
		w := startWorld(t, nil)
		res, err := http.Get(w.ControlURL() + "/cards?digits=" + digits)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if (res.StatusCode == 200) != (want > 0) {
			t.Errorf("%q: %s", digits, res.Status)
		}
	}
}

// preq asks for card ranges.
func (r *requestor) preq(version, serial string) object {
	r.t.Helper()
	o := object{
		"messageType": "PReq", "messageVersion": version, "threeDSServerRefNumber": "3DS_LOA_SER_TEST_020200_00001",
		"threeDSServerTransID": r.w.stage.random.uuid(),
	}
	if serial != "" {
		o["serialNum"] = serial
	}
	return r.ask(o)
}

// TestCardRangesOfTheMatrix: until 2.2.0 a row has a first and a last version, and one 3DS Method; in 2.3.1 it lists the
// versions.
func TestCardRangesOfTheMatrix(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	find := func(pres object, low string) object {
		for _, v := range pres["cardRangeData"].([]any) {
			row := v.(object)
			first, last := row.text("startRange"), row.text("endRange")
			if spans, ok := row["ranges"].([]any); ok {
				first, last = spans[0].(object).text("start"), spans[0].(object).text("end")
			}
			if first == low && last == low[:13]+"999" {
				return row
			}
		}
		t.Fatalf("no row from %s", low)
		return nil
	}
	for _, c := range []struct{ digits, first, last, method string }{
		{"00", "2.1.0", "2.3.1", "/method"}, {"11", "2.1.0", "2.1.0", ""}, {"22", "2.2.0", "2.2.0", "/method/never"},
		{"33", "2.3.1", "2.3.1", "/method/slow"}, {"40", "2.1.0", "2.3.1", "/method"}, {"50", "2.1.0", "2.2.0", "/method"},
	} {
		low := "40000000990" + c.digits + "000"
		if c.method != "" {
			c.method = w.Kit().ACSOrigin + c.method
		}
		row := find(r.preq("2.2.0", ""), low)
		if row.text("acsStartProtocolVersion") != c.first || row.text("acsEndProtocolVersion") != c.last || row.text("threeDSMethodURL") != c.method {
			t.Errorf("%s: %v", c.digits, row)
		}
		row = find(r.preq("2.3.1", ""), low)
		spoken := row["acsProtocolVersions"].([]any)
		first, last := spoken[0].(object), spoken[len(spoken)-1].(object)
		if first.text("version") != c.first || last.text("version") != c.last || first.text("threeDSMethodURL") != c.method || row["acsStartProtocolVersion"] != nil {
			t.Errorf("%s: %v", c.digits, row)
		}
	}
	wantComplaints(t, w)
}

// TestCardRangesApart: a card is in one range at most.
func TestCardRangesApart(t *testing.T) {
	rows := enrolledRanges()
	for i, a := range rows {
		for _, b := range rows[:i] {
			if len(a.low) == len(b.low) && a.low <= b.end && b.low <= a.end {
				t.Errorf("%s-%s overlaps %s-%s", a.low, a.end, b.low, b.end)
			}
		}
		if len(a.low) != len(a.end) || a.low > a.end {
			t.Errorf("%s-%s is no range", a.low, a.end)
		}
	}
}

// TestCardRangesChange: who names the serial number that it has is told what has changed since.
func TestCardRangesChange(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	changes := func(pres object) (added, gone int) {
		rows, _ := pres["cardRangeData"].([]any)
		for _, v := range rows {
			switch v.(object).text("actionInd") {
			case "A":
				added++
			case "D":
				gone++
			}
		}
		return added, gone
	}
	const rows = 1 + 8 + 4*7 // of one scheme: a range, another in eight parts, and what lies between them
	first := r.preq("2.2.0", "").text("serialNum")
	for _, step := range []struct {
		unenrolled  []string
		serial      string
		added, gone int
	}{
		{nil, first, 0, 0},
		{[]string{"jcb"}, first, 0, rows},
		{[]string{"jcb", "amex"}, first, 0, 2 * rows},
		{nil, first, 0, 0},
		{nil, "", len(enrolledRanges()), 0},
	} {
		if err := w.Turn(func(k *Knobs) { k.Unenrolled = step.unenrolled }); err != nil {
			t.Fatal(err)
		}
		for _, version := range versions {
			if added, gone := changes(r.preq(version, step.serial)); added != step.added || gone != step.gone {
				t.Errorf("%s, without %v: %d added, %d gone", version, step.unenrolled, added, gone)
			}
		}
	}
	if err := w.Turn(func(k *Knobs) { k.Unenrolled = []string{"jcb"} }); err != nil {
		t.Fatal(err)
	}
	without := r.preq("2.3.1", "").text("serialNum")
	if e := r.ask(r.areq("3337000000000008", nil)); e.text("errorCode") != "305" {
		t.Errorf("a card that no longer takes part: %v", e)
	}
	if err := w.Turn(func(k *Knobs) { k.Unenrolled = nil }); err != nil {
		t.Fatal(err)
	}
	if added, gone := changes(r.preq("2.3.1", without)); added != rows || gone != 0 {
		t.Errorf("back again: %d added, %d gone", added, gone)
	}
	if err := w.Turn(func(k *Knobs) { k.Unenrolled = []string{"diners"} }); err == nil {
		t.Error("a scheme that is not here was taken back")
	}
	if e := r.preq("2.3.1", "0123456789abcdef"); e.text("errorCode") != "307" {
		t.Errorf("an unknown serial number: %v", e)
	}
}

// TestAnswersOfTheMatrix asks about every digit A, in every version.
func TestAnswersOfTheMatrix(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	eci := map[string]map[string]string{
		"visa": {"Y": "05", "A": "06", "I": "07"}, "mastercard": {"Y": "02", "A": "01", "I": "06"},
		"amex": {"Y": "05", "A": "06", "I": "07"}, "jcb": {"Y": "05", "A": "06", "I": "07"},
	}
	reason := map[string]string{"N": "01", "R": "11", "U": "13"}
	for _, version := range versions {
		for _, p := range prefixes {
			for a, d := range answerDigits {
				if d.status == noAnswer {
					continue
				}
				status, value := d.status, d.status == "Y" || d.status == "A" || d.status == "I"
				if status == bareY {
					status = "Y"
				}
				pan, _ := NumberFor(p.scheme, "00"+string(rune('0'+a))+"2")
				ares := r.ask(r.areq(pan, object{"messageVersion": version}))
				if ares.text("transStatus") != status || ares.text("messageVersion") != version || ares.text("eci") != eci[p.scheme][status] ||
					ares.text("transStatusReason") != reason[status] || (ares.text("authenticationValue") != "") != value {
					t.Errorf("%s, %s, %s: %v", version, p.scheme, d.status, ares)
				}
				var words, how any
				switch {
				case status == "C" && version == newest:
					how = []any{"02"}
				case status == "C":
					how = "02"
				case status == "D" && version == newest:
					how = []any{"11"}
				case status == "D":
					how = "04"
				}
				if got := ares["authenticationMethod"]; version != newest {
					if got != nil || cmp.Diff(how, ares["authenticationType"]) != "" {
						t.Errorf("%s, %s: %v", version, d.status, ares)
					}
					words = ares["cardholderInfo"]
				} else {
					if ares["authenticationType"] != nil || cmp.Diff(how, got) != "" {
						t.Errorf("%s, %s: %v", version, d.status, ares)
					}
					if info, ok := ares["cardholderInfo"].(object); ok {
						words = info["text"]
					}
				}
				if text, ok := words.(string); ok != (status == "N" || status == "D") || len(text) > 128 {
					t.Errorf("%s, %s: words for the payer %q", version, d.status, words)
				}
			}
		}
	}
	// A version that the card range promises in vain is refused, and nobody is blamed for asking.
	for digits, version := range map[string]string{"4000": "2.3.1", "5000": "2.2.0", "6000": "2.2.0"} {
		if e := r.ask(r.areq(matrix(digits), object{"messageVersion": version})); e.text("errorCode") != "102" || e.text("messageVersion") != version {
			t.Errorf("%s in %s: %v", digits, version, e)
		}
	}
	// What needs no challenge gets one where it is mandated; a refusal stays one.
	for digits, want := range map[string]string{"0002": "C", "0022": "C", "0042": "C", "0012": "N", "0032": "R", "0052": "U"} {
		for version, ind := range map[string]any{"2.2.0": "04", "2.3.1": []string{"04"}} {
			ares := r.ask(r.areq(matrix(digits), object{"messageVersion": version, "threeDSRequestorChallengeInd": ind}))
			if ares.text("transStatus") != want {
				t.Errorf("%s mandated in %s: %v", digits, version, ares)
			}
		}
	}
	wantComplaints(t, w)
}

// TestChallengesOfTheMatrix goes through every page, and presses every button of the one that has them.
func TestChallengesOfTheMatrix(t *testing.T) {
	w := startWorld(t, nil)
	gateway := listenForResults(t, w, "")
	last := func() object { all := gateway.results(); return all[len(all)-1] }
	for _, version := range versions {
		challenged := func(digit string) *payer {
			return w.challenged(t, gateway.url, object{"acctNumber": matrix("007" + digit), "messageVersion": version})
		}
		for digit, status := range map[string]string{"0": "Y", "1": "N"} {
			_, cres, _ := atHome(t, challenged(digit).open(""))
			rreq := last()
			if rreq.text("transStatus") != status || cres.text("transStatus") != status || rreq.text("messageVersion") != version || cres.text("messageVersion") != version {
				t.Errorf("%s, C = %s: %v %v", version, digit, rreq, cres)
			}
			if _, old := rreq["authenticationType"]; old == (version == newest) {
				t.Errorf("%s: %v", version, rreq)
			}
		}
		for _, c := range choices {
			p := challenged("3")
			page := p.open("")
			for _, words := range []string{c.label, `value="` + c.value + `"`, "Toko Kopi", "Rp\u00a0100.000"} {
				if !strings.Contains(page, words) {
					t.Errorf("the page lacks %q", words)
				}
			}
			_, home, _ := atHome(t, p.answer(c.value, ""))
			rreq, want := last(), c.verdict
			if c.value == "cancel" {
				want = verdict{status: "N", reason: "01", cancel: "01"}
			}
			if rreq.text("transStatus") != want.status || rreq.text("transStatusReason") != want.reason || rreq.text("challengeCancel") != want.cancel ||
				(rreq.text("authenticationValue") != "") != slices.Contains([]string{"Y", "A"}, want.status) {
				t.Errorf("%s, %s: %v", version, c.label, rreq)
			}
			if erro := home.text("messageType") == "Erro"; erro != want.broken || !erro && (home.text("transStatus") == "Y") != (want.status == "Y") {
				t.Errorf("%s, %s: home with %v", version, c.label, home)
			}
		}
		if page := challenged("4").open(""); !strings.Contains(page, `target="_top"`) {
			t.Error("the page stays in its frame")
		}
		p := challenged("5")
		if target, _, _ := atHome(t, p.open("")); target != w.Kit().ACSOrigin+"/challenge/cookie" {
			t.Errorf("the cookie is not tasted, but %s", target)
		}
		form := url.Values{"acsTransID": {p.ares.text("acsTransID")}}
		if _, page := p.post("/challenge/cookie", form); !strings.Contains(page, `target="_top"`) || strings.Contains(page, `id="otp"`) {
			t.Errorf("without the cookie:\n%s", page)
		}
		form.Set("whole", "yes")
		if _, page := p.post("/challenge/cookie", form); !strings.Contains(page, `id="otp"`) {
			t.Errorf("in a window of its own:\n%s", page)
		}
	}
	// On a page without those buttons nobody can press them.
	p := w.challenged(t, gateway.url, nil)
	p.open("")
	before := len(gateway.results())
	if p.answer("chosen-Y", ""); len(gateway.results()) != before {
		t.Error("the result was chosen on a page that asks for a code")
	}
	wantComplaints(t, w)
}

// TestMethodsOfTheMatrix: what never comes back has not run, and what comes back has looked at the browser.
func TestMethodsOfTheMatrix(t *testing.T) {
	clock := newClock()
	w := startWorld(t, func(o *Options) { o.Timer = clock.Timer })
	p, r := &payer{t: t, w: w}, newRequestor(t, w)
	runs := func(path string) (id, page string) {
		id = w.stage.random.uuid()
		_, page = p.post(path, url.Values{"threeDSMethodData": {encodeURL(object{
			"threeDSServerTransID": id, "threeDSMethodNotificationURL": "http://127.0.0.1:1/method-done",
		})}})
		return id, page
	}
	if _, page := runs(methodNever); strings.Contains(page, "data-go") {
		t.Error("it comes back")
	}
	slow := make(chan string, 1)
	go func() { _, page := runs(methodSlow); slow <- page }()
	eventually(t, "the slow one waits", func() bool { return clock.pending(methodLate) == 1 })
	clock.Advance(methodLate)
	if page := <-slow; !strings.Contains(page, "data-go") {
		t.Error("the slow one never comes back")
	}
	for name, change := range map[string]object{
		"the same browser": nil, "another browser": {"browserUserAgent": "test/2"}, "another place": {"browserTZ": "60"},
	} {
		id, _ := runs(methodPath)
		_, port, _ := strings.Cut(strings.TrimPrefix(w.Kit().ACSOrigin, "http://"), ":")
		res, err := http.Post("http://127.0.0.1:"+port+"/method/browser", "application/json",
			strings.NewReader(`{"id":"`+id+`","user_agent":"test/1","time_zone":"-420"}`))
		if err != nil || res.StatusCode != http.StatusNoContent {
			t.Fatal(name, res, err)
		}
		_ = res.Body.Close()
		all := object{"threeDSServerTransID": id, "threeDSCompInd": "Y"}
		for k, v := range change {
			all[k] = v
		}
		r.ask(r.areq(matrix("0000"), all))
	}
	var whats []string
	for _, c := range w.Complaints() {
		whats = append(whats, c.What)
	}
	slices.Sort(whats)
	if diff := cmp.Diff([]string{
		"AReq: browserTZ is not that of the browser that ran the 3DS Method",
		"AReq: browserUserAgent is not that of the browser that ran the 3DS Method",
	}, whats); diff != "" {
		t.Error(diff)
	}
}
