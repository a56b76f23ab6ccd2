package threeds

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"reflect"
	"testing"
)

// FuzzDecode: whatever comes, there is a message that can be written again as it was read, or an Erro that
// obeys the rules itself.
func FuzzDecode(f *testing.F) {
	for _, sample := range samples {
		f.Add([]byte(sample.text))
	}
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
	f.Add([]byte(samples[5].text))
	f.Add([]byte(samples[6].text))
	f.Fuzz(func(t *testing.T, text []byte) {
		l := newLoader(nil)
		_, violation, err := decode(bytes.NewReader(text), expected{
			types: []string{"PRes"}, version: "2.2.0", stream: &stream{"cardRangeData", l.take},
		})
		if violation != nil || err != nil || l.fault != nil {
			return
		}
		table := newRangeTable("", l.ranges)
		for _, r := range table.ranges {
			if got, ok := table.find(r.digits, r.lo); !ok || got.width() > r.width() {
				t.Fatalf("%v is not found", r.span)
			}
		}
	})
}

// FuzzChallengeResponse: a payer may write this form.
func FuzzChallengeResponse(f *testing.F) {
	f.Add("cres", base64.URLEncoding.EncodeToString([]byte(samples[7].text)))
	f.Add("erro", base64.RawURLEncoding.EncodeToString([]byte(samples[9].text)))
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
