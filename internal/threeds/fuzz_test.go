package threeds

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"reprise/internal/payment"
)

// sample is the text of a message of ours.
func sample(name string) string {
	for _, one := range samples {
		if one.name == name {
			return one.text
		}
	}
	panic("threeds: no sample is named " + name)
}

// seeds adds the messages of a type that are made from the rules, or of all types, with the least that they need.
func seeds(f *testing.F, kind string, add func(version string, text []byte)) {
	for _, m := range makeAll() {
		if (kind == "" || kind == m.kind) && strings.HasSuffix(m.name, "least") {
			add(m.version, compact(m.fields))
		}
	}
}

// FuzzDecode: whatever comes, there is a message that can be written again as it was read, or an Erro that
// obeys the rules itself.
func FuzzDecode(f *testing.F) {
	for _, sample := range samples {
		f.Add([]byte(sample.text))
	}
	seeds(f, "", func(_ string, text []byte) { f.Add(text) })
	f.Add([]byte(`{"messageType":"RReq","messageType":"RReq"}`))
	f.Add([]byte(`[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, violation, err := decode(bytes.NewReader(text), expected{types: kinds})
		if err != nil {
			if len(text) <= maxMessage {
				t.Fatal(err)
			}
			return
		}
		if violation != nil {
			if err := violation.message().ours(); err != nil {
				t.Fatal(err)
			}
			return
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		reread, violation, err := decode(bytes.NewReader(again), expected{types: kinds})
		if violation != nil || err != nil || !reflect.DeepEqual(m, reread) {
			t.Fatalf("written again it is another message: %v, %v", violation, err)
		}
	})
}

// FuzzPRes: ranges from a stream end as a sorted table in which each is found, or not at all.
func FuzzPRes(f *testing.F) {
	f.Add("2.2.0", []byte(sample("PRes")))
	f.Add("2.2.0", []byte(sample("PRes without changes")))
	f.Add("2.3.1", []byte(strings.Replace(sample("PRes without changes"), `"messageVersion":"2.2.0"`, `"messageVersion":"2.3.1","readOrder":"02",
		"dsProtocolVersions":["2.3.1"],"cardRangeData":[{"ranges":[{"start":"4000000000000000","end":"4999999999999999"}],"actionInd":"A",
		"acsProtocolVersions":[{"version":"2.3.1","threeDSMethodURL":"https://acs.example/m"}]}]`, 1)))
	seeds(f, "PRes", func(version string, text []byte) { f.Add(version, text) })
	f.Fuzz(func(t *testing.T, version string, text []byte) {
		if _, ok := tables[version]; !ok {
			return
		}
		l := newLoader(nil)
		m, violation, err := decode(bytes.NewReader(text), expected{
			types: []string{"PRes"}, version: version, stream: &stream{"cardRangeData", l.take},
		})
		if violation != nil || err != nil || l.finish(m) != nil {
			return
		}
		table := newRangeTable(l.ranges)
		for _, r := range table.ranges {
			if got, ok := table.find(r.digits, r.lo); !ok || got.width() > r.width() {
				t.Fatalf("%v is not found", r.span)
			}
		}
	})
}

// FuzzChallengeResponse: a payer may write this form.
func FuzzChallengeResponse(f *testing.F) {
	f.Add("cres", base64.URLEncoding.EncodeToString([]byte(sample("CRes"))))
	f.Add("erro", base64.RawURLEncoding.EncodeToString([]byte(sample("Erro"))))
	f.Fuzz(func(t *testing.T, field, value string) {
		r, err := ParseChallengeResponse(url.Values{field: {value}})
		if err == nil && !r.Erro && !UUID.admits(string(r.ServerTransID)) {
			t.Fatal("a CRes without a transaction")
		}
	})
}

// FuzzParser: what our parser takes, encoding/json takes too and understands in the same way.
func FuzzParser(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}],"c":"\u00e9"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := newParser(bytes.NewReader(text), nil)
		fields, err := p.message()
		if err != nil || len(p.duplicates) > 0 {
			return
		}
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&want); err != nil || !reflect.DeepEqual(fields, want) {
			t.Fatalf("read %v, encoding/json %v (%v)", fields, want, err)
		}
	})
}

// FuzzARes: an answer to our AReq that passes says one of the things that a bank can say, about our transaction; a
// challenge leads somewhere, and what proves for a payment has its value.
func FuzzARes(f *testing.F) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(sampleAReq), &fields); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"ARes Y", "ARes C", "ARes N", "ARes of a stored card"} {
		f.Add("2.2.0", []byte(sample(name)))
	}
	seeds(f, "ARes", func(version string, text []byte) { f.Add(version, text) })
	f.Fuzz(func(t *testing.T, version string, text []byte) {
		if _, ok := tables[version]; !ok {
			return
		}
		about := newMessage("AReq", version, maps.Clone(fields))
		m, violation, err := decode(bytes.NewReader(text), expected{types: []string{"ARes"}, version: version, about: about})
		if violation != nil || err != nil || m.Type == "Erro" {
			return
		}
		switch status := m.text("transStatus"); {
		case !slices.Contains([]string{"Y", "N", "U", "A", "C", "R", "D", "I"}, status):
			t.Errorf("a bank cannot say %q", status)
		case status == "C" && m.text("acsURL") == "":
			t.Error("a challenge nowhere")
		case (status == "Y" || status == "A") && m.text("authenticationValue") == "":
			t.Error("a proof without its value")
		}
		for _, name := range []string{"threeDSServerTransID", "dsTransID", "acsTransID"} {
			if !UUID.admits(m.text(name)) {
				t.Errorf("%s is no UUID", name)
			}
		}
	})
}

// FuzzResults: at the door for results each body has the answer that EMV 3DS gives it, and hands in one result at
// most. Nothing of what is secret in it comes back.
func FuzzResults(f *testing.F) {
	var got []payment.Result
	ca := newAuthority(f)
	theirs := ca.issue(f, "results.ds.example", x509.ExtKeyUsageClientAuth)
	leaf, err := x509.ParseCertificate(theirs.Certificate[0])
	if err != nil {
		f.Fatal(err)
	}
	s, err := New(Options{
		Directories: []Directory{{
			Name: "ds", URL: "https://ds.example", Roots: ca.roots, ResultRoots: ca.roots, ResultNames: []string{"results.ds.example"},
			Certificate: shown(theirs),
			ServerRef:   "REF-1", OperatorID: "OP-1", RequestorID: "R-1", RequestorName: "Reprise", ResultsURL: "https://gateway.example/results",
		}},
		Result: func(_ context.Context, r payment.Result) error {
			if got = append(got, r); strings.HasPrefix(string(r.ServerTransID), "0") {
				return payment.ErrNotFound
			}
			return nil
		},
		Now: time.Now, Rand: rand.Reader, Timer: (&timers{}).timer, Within: context.WithTimeout, Go: func(f func()) { go f() }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	for _, one := range samples {
		f.Add("application/json; charset=utf-8", []byte(one.text))
	}
	seeds(f, "RReq", func(_ string, text []byte) { f.Add("application/json; charset=utf-8", text) })
	f.Add("application/json", []byte(`{"transStatus":"N",`+sample("RReq Y")[1:]))
	f.Add("text/json", []byte(sample("RReq Y")))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		got = nil
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, ca.root}}, PeerCertificates: []*x509.Certificate{leaf}}
		w := httptest.NewRecorder()
		s.Results().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			if len(got) > 0 || w.Body.Len() > 0 || !slices.Contains([]int{204, 413, 415}, w.Code) {
				t.Fatalf("%d %s, after %d results", w.Code, w.Body, len(got))
			}
			return
		}
		answer, violation, err := decode(bytes.NewReader(w.Body.Bytes()), expected{types: []string{"RRes"}})
		if violation != nil || err != nil {
			t.Fatalf("answered what is no answer: %v %v: %s", violation, err, w.Body)
		}
		taken := len(got) == 1 && !strings.HasPrefix(string(got[0].ServerTransID), "0")
		if len(got) > 1 || taken != (answer.Type == "RRes") {
			t.Fatalf("%s after %d results", w.Body, len(got))
		}
		if len(got) == 0 {
			return
		}
		var sent map[string]any // as others would read it
		if err := json.Unmarshal(body, &sent); err != nil {
			t.Fatal(err)
		}
		for name, value := range map[string]string{
			"threeDSServerTransID": string(got[0].ServerTransID), "dsTransID": got[0].DSTransID, "acsTransID": got[0].ACSTransID,
			"transStatus": got[0].TransStatus, "authenticationValue": got[0].Value, "eci": got[0].ECI,
		} {
			odd := name == "authenticationValue" && value == "" // in 2.3.1 it may have a shape that proves nothing to us
			if text, _ := sent[name].(string); text != value && !odd {
				t.Errorf("%s is %q, and was taken for %q", name, text, value)
			}
		}
		// In 2.3.1 it may be any text, of a letter.
		if value := got[0].Value; len(value) >= 20 && !UUID.admits(value) && strings.Contains(w.Body.String(), value) {
			t.Error("the proof comes back")
		}
		if (got[0].TransStatus == "Y" || got[0].TransStatus == "A") && !got[0].NonPayment && got[0].Value == "" && sent["authenticationValue"] == nil {
			t.Error("a proof without its value")
		}
	})
}

// FuzzForms: what we have a browser carry to a bank is what the bank reads.
func FuzzForms(f *testing.F) {
	f.Add("11111111-1111-4111-8111-111111111111", "https://gateway.example/3ds/method?a=b&c=<d>", "05")
	f.Fuzz(func(t *testing.T, id, url, window string) {
		if !utf8.ValidString(id + url + window) {
			return // none of these comes from outside
		}
		s := &Server{}
		a := payment.Authentication{ServerTransID: payment.ServerTransID(id), ACSTransID: id, Version: "2.2.0"}
		for field, want := range map[string]map[string]any{
			"threeDSMethodData": {"threeDSServerTransID": id, "threeDSMethodNotificationURL": url},
			"creq":              {"messageType": "CReq", "messageVersion": "2.2.0", "threeDSServerTransID": id, "acsTransID": id, "challengeWindowSize": window},
		} {
			form := s.MethodForm(a, url)
			if field == "creq" {
				form = s.ChallengeForm(a, window)
			}
			text, err := base64.RawURLEncoding.Strict().DecodeString(form.Fields[field])
			var got map[string]any
			if err != nil || json.Unmarshal(text, &got) != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s reads as %v: %v", field, got, err)
			}
		}
	})
}
