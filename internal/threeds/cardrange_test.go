package threeds

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reprise/internal/payment"
)

func TestRange(t *testing.T) {
	versions := func(acsFirst, acsLast, dsFirst, dsLast string) map[string]any {
		return map[string]any{
			"acsStartProtocolVersion": acsFirst, "acsEndProtocolVersion": acsLast,
			"dsStartProtocolVersion": dsFirst, "dsEndProtocolVersion": dsLast,
		}
	}
	method := func(url string) map[string]any { return map[string]any{"threeDSMethodURL": url} }
	around := func(more ...map[string]any) []map[string]any {
		return []map[string]any{row("4000000000000000", "4000000000009999", more...)}
	}
	// A row as 2.3.1 has them.
	listed := func(acs []any, ds []any, spans ...any) []map[string]any {
		return []map[string]any{{"ranges": spans, "acsProtocolVersions": acs, "dsProtocolVersions": ds}}
	}
	one := func(version, method string) map[string]any {
		return map[string]any{"version": version, "threeDSMethodURL": method}
	}
	bounds := func(first, last string) map[string]any { return map[string]any{"start": first, "end": last} }
	both := []any{one("2.1.0", "https://acs.example/old"), one("2.2.0", "https://acs.example/new")}
	for _, test := range []struct {
		name, pan string
		rows      []map[string]any
		allowHTTP bool
		version   string // "" is not enrolled
		method    string
	}{
		{"inside", testPAN, around(method("https://acs.example/m")), false, "2.2.0", "https://acs.example/m"},
		{"no method", testPAN, around(), false, "2.2.0", ""},
		{"at the first", "4000000000001000", []map[string]any{row("4000000000001000", "4000000000001001")}, false, "2.2.0", ""},
		{"at the last", "4000000000001000", []map[string]any{row("4000000000000999", "4000000000001000")}, false, "2.2.0", ""},
		{"before", "4000000000001000", []map[string]any{row("4000000000001001", "4000000000001002")}, false, "", ""},
		{"behind", "4000000000001000", []map[string]any{row("4000000000000998", "4000000000000999")}, false, "", ""},
		{"of another length", "340000000002708", []map[string]any{row("0340000000000000", "0349999999999999")}, false, "", ""},
		{"narrowest", testPAN, []map[string]any{
			row("4000000000001000", "4000000000001999", method("https://narrow.example")),
			row("4000000000000000", "4999999999999999", method("https://wide.example")),
			row("4000000000001500", "4000000000001999", method("https://beside.example")),
		}, false, "2.2.0", "https://narrow.example"},
		{"ACS of 2.1.0", testPAN, around(versions("2.1.0", "2.1.0", "2.1.0", "2.2.0")), false, "2.1.0", ""},
		{"DS of 2.1.0", testPAN, around(versions("2.1.0", "2.2.0", "2.1.0", "2.1.0")), false, "2.1.0", ""},
		{"up to tomorrow", testPAN, around(versions("2.1.0", "2.4.0", "2.1.0", "2.10.0")), false, "2.3.1", ""},
		{"only tomorrow", testPAN, around(versions("2.4.0", "2.4.0", "2.1.0", "2.4.0")), false, "", ""},
		{"method by script", testPAN, around(method("javascript:alert(1)")), false, "2.2.0", ""},
		{"method in the clear", testPAN, around(method("http://localhost:1/m")), false, "2.2.0", ""},
		{"method in the sandbox", testPAN, around(method("http://acs.localhost:1/m")), true, "2.2.0", "http://acs.localhost:1/m"},
		{"method in the clear, far away", testPAN, around(method("http://acs.example/m")), true, "2.2.0", ""},
		{"a Method for each version", testPAN, listed(both, []any{"2.1.0", "2.2.0"}, bounds("4000000000000000", "4000000000009999")), false, "2.2.0", "https://acs.example/new"},
		{"the Method of the older version", testPAN, listed(both, []any{"2.1.0"}, bounds("4000000000000000", "4000000000009999")), false, "2.1.0", "https://acs.example/old"},
		{"versions with a gap", testPAN, listed([]any{one("2.0.0", ""), one("2.4.0", "")}, []any{"2.1.0", "2.2.0"}, bounds("4000000000000000", "4000000000009999")), false, "", ""},
		{"several spans in a row", testPAN, listed(both, []any{"2.1.0"}, bounds("4000000000000000", "4000000000000009"), bounds("4000000000001000", "4000000000001999")), false, "2.1.0", "https://acs.example/old"},
		{"no ranges at all", testPAN, nil, false, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.AllowHTTP = test.allowHTTP })
			w.loaded(t, test.rows...)
			_, version, method, err := w.Range(t.Context(), pan(t, test.pan))
			if version != test.version || method != test.method || (test.version == "") != errors.Is(err, payment.ErrNotFound) {
				t.Errorf("got %q, %q, %v, want %q, %q", version, method, err, test.version, test.method)
			}
		})
	}
}

// TestRangeOfTwoDirectories: a card belongs to who knows it best, and to nobody surely before all have told.
func TestRangeOfTwoDirectories(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		other := o.Directories[0]
		other.Name, other.ResultNames = "other", []string{"other.example"}
		o.Directories = append(o.Directories, other)
	})
	_, _, _, err := w.Range(t.Context(), pan(t, testPAN))
	var notReady *NotReadyError
	if !errors.As(err, &notReady) || len(notReady.Directories) != 2 || errors.Is(err, payment.ErrNotFound) || !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("before loading: %v", err)
	}
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	if _, _, _, err := w.Range(t.Context(), pan(t, testPAN)); err != nil {
		t.Errorf("a card of the directory that has told: %v", err)
	}
	if _, _, _, err := w.Range(t.Context(), pan(t, "5200000000002151")); !errors.As(err, &notReady) {
		t.Errorf("a card that may be of the other: %v", err)
	}
	l := newLoader(nil)
	l.take(row("4000000000000000", "4000000000009999"))
	l.finish(Message{})
	w.directories[1].ranges.Store(newRangeTable(l.ranges))
	if d, _, err := w.locate(pan(t, testPAN)); err != nil || d.Name != "other" {
		t.Errorf("the narrower range lost: %v, %v", d, err)
	}
	if err := w.Ready(); err != nil {
		t.Error(err)
	}
}

// TestBrands: a directory server is believed of the cards of its brands alone, however narrow its range, and how much else
// it says is logged with each loading.
func TestBrands(t *testing.T) {
	w := newWorld(t, upTo220, func(o *Options) {
		other := o.Directories[0]
		other.Name, other.ResultNames, other.Brands = "other", []string{"other.example"}, []string{"MASTERCARD"}
		o.Directories[0].Brands = []string{"VISA", "JCB"}
		o.Directories = append(o.Directories, other)
	})
	w.tells("1", row("4000000000000000", "4000000000009999"), row("5200000000000000", "5200000000009999"),
		row("3999990000000000", "5000000000000000"), row("5099000000000000", "5100000000000000"), row("6200000000000000", "6200000000009999"))
	for _, d := range w.directories {
		if err := w.renewed(t, d); err != nil {
			t.Fatal(err)
		}
	}
	for number, want := range map[string]string{testPAN: "ds", "5200000000002151": "other"} {
		if d, _, err := w.locate(pan(t, number)); err != nil || d.Name != want {
			t.Errorf("%s is of %v, want %s: %v", number, d, want, err)
		}
	}
	for _, want := range []string{"directory=ds ranges=2", "directory=other ranges=2"} {
		if !strings.Contains(w.log.String(), `msg="card ranges of other brands are not used" `+want+"\n") {
			t.Errorf("no %q in\n%s", want, w.log)
		}
	}
	// One that has told nothing yet keeps nobody waiting who is not its.
	w.directories[1].ranges.Store(nil)
	if _, _, err := w.locate(pan(t, "3530111333300000")); !errors.Is(err, payment.ErrNotFound) {
		t.Errorf("a card of the first, in no range: %v", err)
	}
	var notReady *NotReadyError
	if _, _, err := w.locate(pan(t, "5200000000002151")); !errors.As(err, &notReady) || len(notReady.Directories) != 1 {
		t.Errorf("a card of the other: %v", err)
	}
}

// TestFind compares the search with looking at every range.
func TestFind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ranges := map[span]cardRange{}
		for range rapid.IntRange(0, 30).Draw(t, "ranges") {
			lo := rapid.Uint64Range(0, 60).Draw(t, "lo")
			s := span{rapid.IntRange(15, 16).Draw(t, "digits"), lo, lo + rapid.Uint64Range(0, 20).Draw(t, "width")}
			ranges[s] = cardRange{span: s}
		}
		table := newRangeTable(ranges)
		digits, number := rapid.IntRange(14, 17).Draw(t, "length"), rapid.Uint64Range(0, 90).Draw(t, "number")
		best, any := span{}, false
		for s := range ranges {
			if s.digits == digits && s.lo <= number && number <= s.hi && (!any || s.width() < best.width()) {
				best, any = s, true
			}
		}
		got, ok := table.find(digits, number)
		if ok != any || ok && (got.width() != best.width() || got.lo > number || got.hi < number || got.digits != digits) {
			t.Fatalf("found %v %v, want one as narrow as %v %v", got.span, ok, best, any)
		}
	})
}

// TestPreparation follows a directory server through a day: everything, changes, a lost serial number,
// changes that do not fit, nothing new, and a PRes that breaks off.
func TestPreparation(t *testing.T) {
	w := newWorld(t, upTo220)
	d := w.directories[0]
	pres := func(serial string, rows ...map[string]any) func(http.ResponseWriter, map[string]any) {
		fields := map[string]any{"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0", "serialNum": serial}
		if rows != nil {
			fields["cardRangeData"] = rows
		}
		return echo("PRes", fields)
	}
	action := func(a string) map[string]any { return map[string]any{"actionInd": a} }
	method := map[string]any{"threeDSMethodURL": "https://new.example/m"}
	one, two, three := "4000000000001000", "4000000000002000", "4000000000003000"

	step := func(name string, answers []func(http.ResponseWriter, map[string]any), serials []string, wantErr string, ranges int) {
		t.Helper()
		w.mu.Lock()
		w.asked = nil
		w.answer = func(rw http.ResponseWriter, r map[string]any) {
			if r["messageType"] != "PReq" {
				return
			}
			answers[0](rw, r)
			answers = answers[1:]
		}
		w.mu.Unlock()
		before := d.ranges.Load()
		err := w.renewed(t, d)
		switch {
		case wantErr == "" && err != nil:
			t.Fatalf("%s: %v", name, err)
		case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
			t.Fatalf("%s: got %v, want %s", name, err, wantErr)
		case wantErr != "" && d.ranges.Load() != before:
			t.Fatalf("%s: the ranges changed", name)
		}
		for i, asked := range w.received(t, "PReq", len(serials)) {
			if got := fmt.Sprint(asked["serialNum"]); got != serials[i] {
				t.Errorf("%s: PReq %d has serialNum %s, want %s", name, i+1, got, serials[i])
			}
			for name := range asked {
				if !strings.Contains("messageType messageVersion threeDSServerTransID threeDSServerRefNumber threeDSServerOperatorID serialNum", name) {
					t.Errorf("PReq has %s", name)
				}
			}
		}
		if len(answers) != 0 {
			t.Errorf("%s: %d questions were not asked", name, len(answers))
		}
		if got := len(d.ranges.Load().ranges); got != ranges {
			t.Errorf("%s: %d ranges, want %d", name, got, ranges)
		}
	}
	type answers = []func(http.ResponseWriter, map[string]any)
	bare := row(two, two)
	delete(bare, "dsStartProtocolVersion")
	delete(bare, "dsEndProtocolVersion")
	erro := echo("Erro", map[string]any{"errorCode": "307", "errorComponent": "D", "errorDescription": "d", "errorDetail": "serialNum"})

	step("everything", answers{pres("10", row(one, one), bare)}, []string{"<nil>"}, "", 2)
	if r, _ := d.ranges.Load().find(16, 4000000000002000); r.support == nil || fmt.Sprint(r.DS) != "[{2.1.0 2.2.0 }]" {
		t.Error("the versions of the PRes do not hold for its rows")
	}
	step("changes", answers{pres("11", row(three, three, action("A")), row(one, one, action("D")), row(one, one, action("A")), row(two, two, action("M"), method))},
		[]string{"10"}, "", 3)
	if r, _ := d.ranges.Load().find(16, 4000000000002000); len(r.ACS) != 1 || r.ACS[0].MethodURL != "https://new.example/m" {
		t.Error("the change was not made")
	}
	step("order", answers{pres("12", row(one, one, action("A")), row(one, one, action("D")))}, []string{"11"}, "", 2)
	step("nothing new", answers{pres("12")}, []string{"12"}, "", 2)
	step("serial number unknown", answers{erro, pres("20", row(one, one))}, []string{"12", "<nil>"}, "", 1)
	step("does not fit", answers{pres("21", row(three, three, action("M"))), pres("22", row(one, one), row(two, two))}, []string{"20", "<nil>"}, "", 2)
	step("deleting everything", answers{pres("23", row(one, one, action("D")), row(two, two, action("D")))}, []string{"22"}, "", 0)
	step("from nothing", answers{pres("24", row(one, one, action("A")))}, []string{"23"}, "", 1)
	step("breaks a rule", answers{pres("25", row(one, "40"))}, []string{"24"}, "203 about PRes: cardRangeData.endRange", 1)
	step("of two lengths", answers{pres("25", row(one, three+"0"))}, []string{"24"}, "203", 1)
	step("backwards", answers{pres("25", row(two, one))}, []string{"24"}, "203", 1)
	step("missing", answers{pres("25", map[string]any{"startRange": one, "endRange": one})}, []string{"24"}, "201 about PRes: cardRangeData.acsStartProtocolVersion", 1)
	step("no object", answers{func(rw http.ResponseWriter, r map[string]any) {
		echo("PRes", map[string]any{"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0", "cardRangeData": []int{1}})(rw, r)
	}}, []string{"24"}, "203 about PRes: cardRangeData", 1)
	step("breaks off", answers{func(rw http.ResponseWriter, _ map[string]any) {
		rw.Header().Set("Content-Length", "1000")
		fmt.Fprint(rw, `{"messageType":"PRes","cardRangeData":[`)
	}}, []string{"24"}, "unexpected EOF", 1)
	step("refused", answers{echo("Erro", map[string]any{"errorCode": "303", "errorComponent": "D", "errorDescription": "d", "errorDetail": "d"})},
		[]string{"24"}, "3DS error 303", 1)
}

// TestPreparation231: where the directory server speaks 2.3.1, it is asked so, its rows are about several spans and have
// a Method for each version, and the last one may come first.
func TestPreparation231(t *testing.T) {
	w := newWorld(t)
	row := func(action, method string, spans ...map[string]any) map[string]any {
		return map[string]any{"actionInd": action, "ranges": spans, "acsProtocolVersions": []map[string]any{
			{"version": "2.2.0"}, {"version": "2.3.1", "threeDSMethodURL": method, "acsInfoInd": []string{"01", "81"}},
		}}
	}
	one := map[string]any{"start": "4000000000001000", "end": "4000000000001999"}
	two := map[string]any{"start": "4000000000003000", "end": "4000000000003999"}
	for _, test := range []struct {
		order string
		rows  []map[string]any
		asked any // serialNum
		want  string
	}{
		{"01", []map[string]any{row("A", "https://acs.example/a", one, two)}, nil, "https://acs.example/a"},
		{"01", []map[string]any{row("D", "https://acs.example/b", one), row("A", "https://acs.example/c", one)}, "7", "https://acs.example/c"},
		{"02", []map[string]any{row("A", "https://acs.example/e", one), row("D", "https://acs.example/d", one)}, "7", "https://acs.example/e"},
	} {
		w.answer = echo("PRes", map[string]any{
			"dsProtocolVersions": []string{"2.2.0", "2.3.1"}, "readOrder": test.order, "serialNum": "7", "cardRangeData": test.rows,
		})
		w.asked = nil
		if err := w.renewed(t, w.directories[0]); err != nil {
			t.Fatal(err)
		}
		if asked := w.received(t, "PReq", 1)[0]; asked["messageVersion"] != "2.3.1" || asked["serialNum"] != test.asked {
			t.Errorf("asked with %v", asked)
		}
		_, version, method, err := w.Range(t.Context(), pan(t, testPAN))
		if version != "2.3.1" || method != test.want || err != nil {
			t.Errorf("order %s: %s, %s, %v", test.order, version, method, err)
		}
		if got := w.Ranges(); got[0].N != 2 {
			t.Errorf("%d ranges", got[0].N)
		}
	}
}

// TestPreparationObjected: what is wrong with card ranges fails loudly, changes nothing, and is told to the directory
// server about its own message.
func TestPreparationObjected(t *testing.T) {
	span := func(first, last string) map[string]any { return map[string]any{"start": first, "end": last} }
	row231 := func(spans ...map[string]any) map[string]any {
		return map[string]any{"ranges": spans, "acsProtocolVersions": []map[string]any{{"version": "2.3.1"}}}
	}
	changed := func(row map[string]any, action string) map[string]any {
		row["actionInd"] = action
		return row
	}
	const one, two, three = "4000000000001000", "4000000000002000", "4000000000003000"
	file := map[string]any{"cardRangeDataFileURL": "https://ds.example/ranges.json"}
	for _, test := range []struct {
		name, version, serial string // of the ranges that are there
		answer                map[string]any
		code, detail          string
	}{
		{"no ranges", "2.2.0", "", nil, "201", "cardRangeData"},
		{"no ranges", "2.3.1", "", nil, "201", "cardRangeData"},
		{"a file", "2.3.1", "", file, "201", "cardRangeData"},
		{"a file of changes", "2.3.1", "7", file, "201", "cardRangeData"},
		{"backwards", "2.2.0", "", map[string]any{"cardRangeData": []map[string]any{row(two, one)}}, "203", "cardRangeData.endRange"},
		{"backwards", "2.3.1", "", map[string]any{"cardRangeData": []map[string]any{row231(span(one, two), span(two, one))}}, "203", "cardRangeData.ranges.end"},
		{"of two lengths", "2.3.1", "7", map[string]any{"cardRangeData": []map[string]any{row231(span(one, two+"0"))}}, "203", "cardRangeData.ranges.end"},
		{"twice in a row", "2.3.1", "", map[string]any{"cardRangeData": []map[string]any{row231(span(one, two), span(one, two))}}, "204", "cardRangeData.ranges"},
		{"twice", "2.3.1", "", map[string]any{"cardRangeData": []map[string]any{row231(span(one, two)), row231(span(one, two))}}, "206", "cardRangeData.actionInd"},
		{"a change to nothing", "2.3.1", "", map[string]any{"cardRangeData": []map[string]any{changed(row231(span(one, two)), "M")}}, "206", "cardRangeData.actionInd"},
		{"one within another", "2.3.1", "", map[string]any{"cardRangeData": []map[string]any{row231(span(one, two), span(one, one))}}, "205", "cardRangeData.ranges"},
		{"overlapping at an end", "2.3.1", "", map[string]any{"cardRangeData": []map[string]any{row231(span(two, three)), row231(span(one, two))}}, "205", "cardRangeData.ranges"},
	} {
		t.Run(test.name+" in "+test.version, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Directories[0].Versions = []string{test.version} })
			d := w.directories[0]
			answer := map[string]any{"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0", "serialNum": "8"}
			if test.version == "2.3.1" {
				answer = map[string]any{"dsProtocolVersions": []string{"2.3.1"}, "readOrder": "01", "serialNum": "8"}
			}
			if test.serial != "" {
				w.answer = echo("PRes", answer)
				answer["serialNum"], answer["cardRangeData"] = test.serial, []map[string]any{row231(span(two+"00", two+"99"))}
				if err := w.renewed(t, d); err != nil {
					t.Fatal(err)
				}
				answer = maps.Clone(answer)
				delete(answer, "cardRangeData")
			}
			maps.Copy(answer, test.answer)
			w.answer = func(rw http.ResponseWriter, r map[string]any) {
				if r["messageType"] == "PReq" {
					echo("PRes", answer)(rw, r)
				}
			}
			before := d.ranges.Load()
			err := w.renewed(t, d)
			if err == nil || !strings.Contains(err.Error(), test.code+" about PRes: "+test.detail) {
				t.Errorf("got %v", err)
			}
			if d.ranges.Load() != before {
				t.Error("the ranges changed")
			}
			asked := w.received(t, "PReq", 1)
			want := map[string]any{
				"messageType": "Erro", "messageVersion": test.version, "errorCode": test.code, "errorComponent": "S",
				"errorDescription": descriptions[test.code], "errorDetail": test.detail, "errorMessageType": "PRes",
				"threeDSServerTransID": asked[len(asked)-1]["threeDSServerTransID"], "dsTransID": dsID,
			}
			if diff := cmp.Diff(want, w.received(t, "Erro", 1)[0]); diff != "" {
				t.Errorf("the directory server was told (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPreparationAtOdds: changes that cannot be are told to the directory server, in versions that have a code for it, and
// everything is asked for. Before, the narrowest range counts, and one may be added again.
func TestPreparationAtOdds(t *testing.T) {
	const one, two, three = "4000000000001000", "4000000000002000", "4000000000003000"
	for _, test := range []struct {
		name, version, action, first, last, code string
	}{
		{"added again", "2.3.1", "A", one, two, "206"},
		{"deleted before it was there", "2.3.1", "D", one, three, "206"},
		{"changed before it was there", "2.3.1", "M", two, three, "206"},
		{"added across another", "2.3.1", "A", two, three, "205"},
		{"changed", "2.3.1", "M", one, two, ""},
		{"added beside it", "2.3.1", "A", three, three, ""},
		{"added again", "2.2.0", "A", one, two, ""},
		{"added across another", "2.2.0", "A", two, three, ""},
	} {
		t.Run(test.name+" in "+test.version, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Directories[0].Versions = []string{test.version} })
			pres := func(serial, action, first, last string) map[string]any {
				if test.version != "2.3.1" {
					return map[string]any{"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0", "serialNum": serial,
						"cardRangeData": []map[string]any{row(first, last, map[string]any{"actionInd": action})}}
				}
				return map[string]any{"dsProtocolVersions": []string{"2.3.1"}, "readOrder": "01", "serialNum": serial, "cardRangeData": []map[string]any{{
					"ranges": []map[string]any{{"start": first, "end": last}}, "actionInd": action,
					"acsProtocolVersions": []map[string]any{{"version": "2.3.1"}},
				}}}
			}
			w.answer = func(rw http.ResponseWriter, r map[string]any) {
				switch {
				case r["messageType"] != "PReq":
				case r["serialNum"] == nil:
					echo("PRes", pres("1", "A", one, two))(rw, r)
				default:
					echo("PRes", pres("2", test.action, test.first, test.last))(rw, r)
				}
			}
			for range 2 {
				if err := w.renewed(t, w.directories[0]); err != nil {
					t.Fatal(err)
				}
			}
			if test.code == "" {
				if got := w.directories[0].ranges.Load().serial; got != "2" || len(w.received(t, "PReq", 2)) != 2 {
					t.Errorf("the changes of serial number 2 were not taken, but those of %s", got)
				}
				return
			}
			asked, objection := w.received(t, "PReq", 3), w.received(t, "Erro", 1)[0]
			if objection["errorCode"] != test.code || objection["threeDSServerTransID"] != asked[1]["threeDSServerTransID"] || objection["dsTransID"] != dsID {
				t.Errorf("the directory server was told %v, want %s", objection, test.code)
			}
			if got := w.directories[0].ranges.Load().serial; asked[2]["serialNum"] != nil || got != "1" {
				t.Errorf("asked with serialNum %v for everything, and have that of %s", asked[2]["serialNum"], got)
			}
		})
	}
}

// renewed asks a directory server as a node does whose turn it is.
func (w *world) renewed(t *testing.T, d *directory) error {
	t.Helper()
	kept, err := w.keep.RangeSet(t.Context(), d.Name, d.URL)
	if err == nil {
		err = w.takeOver(t.Context(), d, kept)
	}
	if err != nil {
		return err
	}
	set, _, err := w.keep.LeaseRanges(t.Context(), kept, kept.Until.Add(time.Minute))
	if err != nil {
		return err
	}
	return w.renew(t.Context(), d, kept, set)
}

// TestStart: retried ever more slowly until it works, then again when the settings say.
func TestStart(t *testing.T) {
	w := newWorld(t, upTo220)
	w.answer = func(rw http.ResponseWriter, _ map[string]any) { rw.WriteHeader(http.StatusServiceUnavailable) }
	w.Start(t.Context())
	for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		w.received(t, "PReq", i+1)
		if w.Ready() == nil {
			t.Fatal("ready without ranges")
		}
		eventually(t, func() bool { return w.Ranges()[0].Failures == int64(i+1) })
		if i == 2 {
			w.tells("1", row("4000000000000000", "4999999999999999"))
		}
		w.timer.fire(t, pause)
	}
	eventually(t, func() bool { return w.Ready() == nil })
	w.timer.pass(refreshEvery - 2*lookEvery)
	w.timer.fire(t, lookEvery)
	w.timer.pass(lookEvery)
	w.timer.fire(t, lookEvery)
	if next := w.received(t, "PReq", 5)[4]; next["serialNum"] != "1" {
		t.Errorf("later it asks with serialNum %v", next["serialNum"])
	}
}

// tells lets the directory server answer each PReq alike.
func (w *world) tells(serial string, rows ...map[string]any) {
	fields := map[string]any{"dsStartProtocolVersion": "2.1.0", "dsEndProtocolVersion": "2.2.0", "serialNum": serial}
	if rows != nil {
		fields["cardRangeData"] = rows
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = echo("PRes", fields)
}
