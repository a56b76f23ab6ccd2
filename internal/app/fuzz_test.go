package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// doors are all operations of a town that is open for as long as a fuzzer runs.
type doors struct {
	*town
	operations []operation
	general    []string // error codes that any operation may answer
	keys       atomic.Int64

	mu         sync.Mutex
	violations []error
}

// openDoors is openTown for many inputs: what is found is told to the input at hand, and nothing is kept of what was
// said to inputs before it.
func openDoors(f testing.TB) *doors {
	f.Helper()
	d := &doors{}
	merchant := &ear{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	f.Cleanup(server.Close)
	merchant.url = server.URL + "/hook"
	w := &town{log: &lockedBuffer{}, dir: f.TempDir(), ear: merchant, clock: newClock(), outside: Real()}
	w.severed, w.cards, w.urls, w.wires = &atomic.Value{}, &atomic.Int64{}, &atomic.Int64{}, &wires{}
	var err error
	w.Sandbox, err = OpenSandbox(f.Context(), w.outside, SandboxSettings{
		Listen: "127.0.0.1:0", Data: w.dir, Webhooks: []string{merchant.url}, Calm: true,
		Violation: func(err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.violations = append(d.violations, err)
		},
	}, slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		f.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: dialLocalhost}
	f.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = w.Sandbox.shop.Close()
		if err := w.Close(ctx); err != nil {
			f.Errorf("close: %v", err)
		}
	})
	w.front = &front{
		base: w.PublicURL, shop: w.ShopURL, said: &lockedBuffer{}, made: &atomic.Int64{}, http: &http.Client{Transport: transport},
		secretKey: SandboxSecretKey, publicKey: SandboxPublicKey,
	}
	w.bank = &bank{control: w.ControlURL, http: w.front.http}
	books, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "reprise.db")+"?mode=ro")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = books.Close() })
	w.auditor = auditor{books: books, bank: w.bank}
	d.town = w
	response, err := w.http.Get(w.base + "/openapi.yaml")
	if err != nil {
		f.Fatal(err)
	}
	defer response.Body.Close()
	contract, err := io.ReadAll(response.Body)
	if err == nil {
		d.operations, d.general, err = operationsOf(contract)
	}
	if err != nil {
		f.Fatal(err)
	}
	return d
}

// in is the same doors for one input.
func (d *doors) in(t *testing.T) *town {
	d.mu.Lock()
	d.violations = nil
	d.mu.Unlock()
	for _, b := range []*lockedBuffer{d.log, d.said} {
		b.mu.Lock()
		b.b.Reset()
		b.mu.Unlock()
	}
	w := d.town.in(t)
	if w.count(`SELECT COUNT(*) FROM endpoint`) > 15 { // a merchant may have 20
		for _, e := range w.read("/webhook_endpoints")["data"].([]any) {
			if id, _ := e.(map[string]any)["endpoint_id"].(string); strings.Contains(e.(map[string]any)["url"].(string), "?") {
				w.ask("DELETE", "/webhook_endpoints/"+id, SandboxSecretKey, nil)
			}
		}
	}
	return w
}

// ways are how a fuzzer's text gets into a request.
const (
	asBody = iota
	asValue
	asText    // a JSON string
	asQuery   // behind the question mark
	asID      // in the path
	asHeader  // place names it
	asRepeat  // of the member at place
	asDeepest // value, in the middle of many
	ways
)

// Bits beside the way.
const (
	staged byte = 0x10 << iota // what the example speaks of is there
	twice                      // under one idempotency key
)

// headers are those that the house reads, and some that nobody should believe.
func headers() []string {
	return []string{
		"Accept", "Accept-Language", "Authorization", "Content-Encoding", "Content-Type", "Cookie", "For-User-Id", "Idempotency-Key",
		"Origin", "Referer", "X-Forwarded-For", "X-Forwarded-Host",
	}
}

// choose is the one of a list that a text names, or any other one, the same each time.
func choose[S any](list []S, text string, name func(S) string) S {
	if i := slices.IndexFunc(list, func(one S) bool { return name(one) == text }); i >= 0 {
		return list[i]
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, text)
	return list[sum.Sum32()%uint32(len(list))]
}

func itself(text string) string { return text }

var parameterInPath = regexp.MustCompile(`\{[^}]*\}`)

// asked makes a request of what a fuzzer found.
func (d *doors) asked(w *town, o operation, place string, how byte, text string) (where, body string, header []string) {
	names := slices.Sorted(maps.Keys(o.examples))
	example := ""
	if len(names) > 0 {
		example = choose(names, place, itself)
	}
	where, body = o.path, o.examples[example]
	// Whose refund has not left the house needs the line to be cut, which takes its time.
	if how&staged != 0 && o.pattern != "POST /refunds/{refund_id}/cancel" {
		where, body = w.staged(o, example)
	}
	at := ""
	if len(o.places) > 0 {
		at = choose(o.places, place, itself)
	}
	quoted, _ := json.Marshal(text)
	switch way := int(how&0xf) % ways; {
	case way == asBody || at == "" && way != asQuery && way != asID && way != asHeader:
		body = text
	case way == asValue:
		body = putting(w.t, body, at, text)
	case way == asText:
		body = putting(w.t, body, at, string(quoted))
	case way == asQuery:
		where, _, _ = strings.Cut(where, "?")
		where += "?" + text
	case way == asID:
		_, pattern, _ := strings.Cut(o.pattern, " ")
		where = parameterInPath.ReplaceAllLiteralString(pattern, url.PathEscape(text))
	case way == asHeader:
		header = []string{choose(headers(), place, itself), text}
	case way == asRepeat:
		body = putting(w.t, body, at, text+`,"`+at[strings.LastIndex(at, "/")+1:]+`":`+string(quoted))
	case way == asDeepest:
		body = putting(w.t, body, at, strings.Repeat(`{"a":[`, 40)+text+strings.Repeat(`]}`, 40))
	}
	if how&twice != 0 && o.repeatable {
		header = append(header, "Idempotency-Key", fmt.Sprint("fuzz-", d.keys.Add(1)))
	}
	return where, body, header
}

// rows counts what is kept, by table. Notices and work are not of a request alone: they come and go by themselves.
func (d *doors) rows(w *town) map[string]int {
	counted := map[string]int{}
	for _, table := range []string{
		"session", "request", "token", "customer", "refund", "advice", "trace", "proof", "authentication", "cvn_escrow", "endpoint",
		"idempotency", "audit", "merchant", "api_key",
	} {
		counted[table] = w.count(`SELECT COUNT(*) FROM ` + table)
	}
	return counted
}

var longNumber = regexp.MustCompile(`[0-9]{12,}`)

// hold holds an answer against what is true of all answers.
func (d *doors) hold(w *town, o operation, where, text string, a answer, before map[string]int) {
	w.t.Helper()
	code, _ := a.body["error_code"].(string)
	switch {
	case a.status >= http.StatusInternalServerError && (code != "SERVICE_UNAVAILABLE" || a.header.Get("Retry-After") == ""):
		w.t.Errorf("%d %v\n%s", a.status, a.body, d.log)
	case a.status == http.StatusNotFound && path.Clean(where) != where: // the path of no operation
	case a.status >= http.StatusBadRequest && !slices.Contains(o.codes, code) && !slices.Contains(d.general, code):
		w.t.Errorf("%s never answers %s, says the contract", o.pattern, code)
	}
	if a.status >= http.StatusBadRequest {
		for table, n := range d.rows(w) {
			if n > before[table] {
				w.t.Errorf("%d %s, and there are %d rows more of %s", a.status, code, n-before[table], table)
			}
		}
	}
	said := d.log.String()
	if answered, _ := json.Marshal(a.body); a.status >= http.StatusBadRequest || o.takesCard() {
		said += string(answered)
	}
	for _, number := range longNumber.FindAllString(text, -1) {
		if a.status >= http.StatusBadRequest && strings.Contains(said, number) {
			w.t.Errorf("%d repeats a number that was sent", a.status)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, err := range d.violations {
		w.t.Errorf("contract: %v", err)
	}
}

// FuzzDoors: whatever is sent to an operation of the contract, with a key that is good, the answer is one that the
// contract has, and none of a fault of ours; what is refused leaves nothing behind and is not repeated; what is
// sent twice under one key is done once.
func FuzzDoors(f *testing.F) {
	d := openDoors(f)
	texts := map[byte][]string{
		asBody:   {`{"a":1,"a":{}}`, "{\"a\":\"\xff\"}", `{"a":1}{}`, "\ufeff{}"},
		asValue:  {`1e999`, `-0`, `"\ud800"`, `null`, `[[[]]]`, `99999999999999999999`, `{"":""}`, `"4929731288371236"`},
		asText:   {"\x00", strings.Repeat("a", 70000), "\u202e", "2026-02-30T25:61:61Z", "http://[::1"},
		asQuery:  {"limit=-1&limit=%zz&after_id=\x00", "limit=1e3", "after_id=a&before_id=b"},
		asID:     {"..", "%00", "' OR 1=1", strings.Repeat("x", 5000)},
		asHeader: {"application/json;q=2, */*;q=x", "gzip", "Basic Og==", strings.Repeat("k", 300)}, asRepeat: {`"x"`, `{}`}, asDeepest: {`1`},
	}
	for i, o := range d.operations {
		way := byte(i % ways)
		f.Add(o.pattern, pickFrom(i, append(o.places, headers()...)...), way|pickFrom(i, 0, staged, staged|twice), pickFrom(i, texts[way]...))
	}
	f.Fuzz(d.try)
}

// try sends what a fuzzer found, and holds what is answered against what is true of all answers.
func (d *doors) try(t *testing.T, door, place string, how byte, text string) {
	w := d.in(t)
	o := choose(d.operations, door, func(o operation) string { return o.pattern })
	at, body, header := d.asked(w, o, place, how, text)
	before := d.rows(w)
	a, err := w.send(o.method, at, o.key, body, header...)
	if unsent(err) || a.status != 0 && a.header.Get("Request-Id") == "" {
		return // no such request can be sent, or HTTP itself does not let it in
	}
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", o.method, at, err, d.log)
	}
	where, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if a.status == http.StatusUnauthorized && int(how&0xf)%ways != asHeader {
		t.Fatal("the key is good, and refused")
	}
	d.hold(w, o, where.Path, text, a, before)
	if how&twice == 0 || !o.repeatable || a.status >= http.StatusMultipleChoices {
		return
	}
	once := d.rows(w)
	again, err := w.send(o.method, at, o.key, body, header...)
	if err != nil || again.status != a.status {
		t.Fatalf("%s %s: %d the first time, then %d %v, %v", o.method, at, a.status, again.status, again.body, err)
	}
	for table, n := range d.rows(w) {
		if n > once[table] && table != "cvn_escrow" { // a CVN that is sent again rests under a share of its own
			t.Errorf("done twice: %d rows more of %s", n-once[table], table)
		}
	}
}

// TestAnyRequest tries what a fuzzer would hardly find: values that are JSON, of a wrong kind or a right one, at
// places of bodies that are good otherwise.
func TestAnyRequest(t *testing.T) {
	d := openDoors(t)
	var names []string
	for _, o := range d.operations {
		for _, place := range o.places {
			names = append(names, place[strings.LastIndex(place, "/")+1:])
		}
	}
	slices.Sort(names)
	value := anyJSON(slices.Compact(names))
	input := rapid.Custom(func(t *rapid.T) [4]string {
		o := rapid.SampledFrom(d.operations).Draw(t, "operation")
		how := rapid.SampledFrom([]byte{asValue, asValue, asValue, asValue, asText, asRepeat, asBody, asID, asQuery}).Draw(t, "way")
		how |= rapid.SampledFrom([]byte{0, staged, staged, staged | twice}).Draw(t, "beside")
		return [4]string{o.pattern, rapid.SampledFrom(append(o.places, "")).Draw(t, "place"), string(how), value.Draw(t, "value")}
	})
	tries, first := 2000, int(time.Now().UnixNano()>>10)
	if testing.Short() {
		tries = 200
	}
	for i := range tries {
		in := input.Example(first + i)
		t.Run("", func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("for FuzzDoors: %q, %q, %#x, %q\n%s", in[0], in[1], in[2][0], in[3], d.log)
				}
			}()
			d.try(t, in[0], in[1], in[2][0], in[3])
		})
		if t.Failed() {
			break
		}
	}
}

// anyJSON draws a text that is JSON, with members of these names.
func anyJSON(names []string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var draw func(depth int) string
		draw = func(depth int) string {
			kind := rapid.IntRange(0, 9).Draw(t, "kind")
			switch {
			case kind == 0 && depth < 4:
				var members []string
				for range rapid.IntRange(0, 4).Draw(t, "members") {
					name, _ := json.Marshal(rapid.SampledFrom(names).Draw(t, "name"))
					members = append(members, string(name)+":"+draw(depth+1))
				}
				return "{" + strings.Join(members, ",") + "}"
			case kind == 1 && depth < 4:
				var elements []string
				for range rapid.IntRange(0, 30).Draw(t, "elements") {
					elements = append(elements, draw(depth+1))
				}
				return "[" + strings.Join(elements, ",") + "]"
			case kind <= 4:
				return rapid.SampledFrom([]string{
					"null", "true", "false", "0", "-0", "-1", "1", "1.5", "100000", "0.000000000000001", "1e2", "1E400", "-1e-400", "2147483648", "9007199254740993",
					"9999999999.99", "99999999999999999999999999", "10000.000", strings.Repeat("9", 400),
				}).Draw(t, "number")
			}
			text, _ := json.Marshal(rapid.OneOf(
				rapid.SampledFrom([]string{
					"", " ", "\x00", "\u202e\u0000", "IDR", "usd", "XXX", "JPY", "ID", "PAY", "SAVE", "PAY_AND_SAVE", "CARDS", "AUTOMATIC", "MANUAL", "123", "0000",
					"4000000000001091", "4929731288371236", "2031", "13", "+62811", "a@b", "https://a.example/?q={x}", "http://127.0.0.1:1/", "javascript:alert(1)",
					"2026-02-30T00:00:00Z", "2999-12-31T23:59:59.999999999+14:00", "pt-a15a6c28-c65a-4ede-a6cc-10ff3b1d093e", "ps-6746c1006b7752b4d91725af",
					strings.Repeat("x", 256), strings.Repeat("\u00e9", 3000),
				}), rapid.StringN(0, 60, -1),
			).Draw(t, "text"))
			if kind == 9 {
				return strings.TrimSuffix(string(text), `"`) + `\ud800"` // half a character
			}
			return string(text)
		}
		return draw(0)
	})
}

// pickFrom is the one of a list whose turn it is.
func pickFrom[S any](i int, list ...S) S { return list[i%len(list)] }

// unsent says whether a request is none that a client can write: it never left.
func unsent(err error) bool {
	var failed *url.Error
	return errors.As(err, &failed) && (failed.Op == "parse" || strings.Contains(failed.Error(), "invalid header"))
}
