package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCut(t *testing.T) {
	for _, test := range []struct{ name, body, rest string }{
		{"seed", `{"cvn": "123", "payment_session_id": "ps-6746c1006b7752b4d91725af"}`, `{"cvn": "000", "payment_session_id": "ps-6746c1006b7752b4d91725af"}`},
		{"mobile", `{"cvn":"9876","confirm_save":false,"device":{}}`, `{"cvn":"000","confirm_save":false,"device":{}}`},
		{"none", ` { "a" : [ 1.5e+3 , null , {} , [ ] ] } ` + "\n", ` { "a" : [ 1.5e+3 , null , {} , [ ] ] } ` + "\n"},
		{"full", `{"card_number":"5200000000002151","expiry_month":"03","expiry_year":"2031","cvn":"321"}`,
			`{"card_number":"4111111111111111","expiry_month":"12","expiry_year":"2099","cvn":"000"}`},
		{"server", `{"cvn":null,"channel_properties":{"skip_three_ds":true,"card_details":{"card_number":"5200000000002151","cardholder_first_name":"A"}}}`,
			`{"cvn":"000","channel_properties":{"skip_three_ds":true,"card_details":{"card_number":"4111111111111111","cardholder_first_name":"A"}}}`},
		{"escaped key and value", `{"\u0063v\u006E":"\u0031\u0032\u0033"}`, `{"\u0063v\u006E":"000"}`},
		{"number", `{"cvn":123e5}`, `{"cvn":"000"}`},
		{"object", `{"cvn":{"cvn":"123"},"z":0}`, `{"cvn":"000","z":0}`},
		{"array", `{"card_number":["5200000000002151",{}]}`, `{"card_number":"4111111111111111"}`},
		{"no details", `{"channel_properties":{"card_details":null}}`, `{"channel_properties":{"card_details":null}}`},
		{"elsewhere", `{"metadata":{"cvn_kept":"no"},"CVN":"x"}`, `{"metadata":{"cvn_kept":"no"},"CVN":"x"}`},
		{"empty", `{}`, `{}`},
	} {
		body := []byte(test.body)
		rest, fields, err := Cut(body)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if string(body) != test.body {
			t.Errorf("%s: Cut changed its input", test.name)
		}
		Wipe(body)
		if string(rest) != test.rest {
			t.Errorf("%s: rest %s, want %s", test.name, rest, test.rest)
		}
		fields.Wipe()
	}
}

func TestCutRefuses(t *testing.T) {
	syntax := func(offset int) string { return fmt.Sprintf("body is not valid JSON (at byte %d)", offset) }
	for _, test := range []struct{ body, want string }{
		{``, syntax(0)},
		{` `, syntax(1)},
		{`{"cvn":"123"`, syntax(12)},
		{`{"cvn":"123"}}`, syntax(13)},
		{`{"cvn":"123"} {"cvn":"456"}`, syntax(14)},
		{`{"cvn":"123",}`, syntax(13)},
		{`{"cvn":"12`, syntax(10)},
		{`{"cvn":123`, syntax(10)},
		{`{"cvn":0123}`, syntax(8)},
		{`{"cvn":-}`, syntax(8)},
		{`{"cvn":.5}`, syntax(7)},
		{`{"cvn":1.}`, syntax(9)},
		{`{"cvn":1e}`, syntax(9)},
		{`{"cvn":truth}`, syntax(7)},
		{`{cvn:"123"}`, syntax(1)},
		{`{'cvn':'123'}`, syntax(1)},
		{`{"cvn" "123"}`, syntax(7)},
		{"{\"cvn\":\"1\n3\"}", syntax(9)},
		{"{\"cvn\":\"1\xff3\"}", syntax(9)},
		{"{\"c\xc0vn\":\"123\"}", syntax(3)},
		{`{"cvn":"\x31"}`, syntax(9)},
		{`{"cvn":"\u12"}`, syntax(12)},
		{"\xef\xbb\xbf{}", syntax(0)},
		{"{\"a\":\x00}", syntax(5)},
		{`["123"`, syntax(6)},
		{`["4000000000001091"]`, "/body must be an object"},
		{`"4000000000001091"`, "/body must be an object"},
		{`null`, "/body must be an object"},
		{`{"cvn":"123","cvn":"456"}`, "/body/cvn must be given only once"},
		{`{"cvn":"123","\u0063vn":456}`, "/body/cvn must be given only once"},
		{`{"card_number":null,"card_number":null}`, "/body/card_number must be given only once"},
		{`{"cvn":"123","channel_properties":{"card_details":{"cvn":"456"}}}`, "/body/channel_properties/card_details/cvn must be given only once"},
		{`{"channel_properties":{"card_details":{"cvn":"1"}},"channel_properties":{"card_details":{"cvn":"2"}}}`,
			"/body/channel_properties/card_details/cvn must be given only once"},
		{`{"channel_properties":[{"card_details":{"cvn":"123"}}]}`, "/body/channel_properties must be an object"},
		{`{"channel_properties":{"card_details":"4000000000001091"}}`, "/body/channel_properties/card_details must be an object"},
		{`{"a":` + strings.Repeat(`[`, 100000) + strings.Repeat(`]`, 100000) + `}`, "/body must not be nested so deeply"},
		{`{"cvn":` + strings.Repeat(`{"cvn":`, 100) + `1` + strings.Repeat(`}`, 101), "/body must not be nested so deeply"},
	} {
		rest, fields, err := Cut([]byte(test.body))
		if err == nil || err.Error() != test.want {
			t.Errorf("%.60q: error %v, want %s", test.body, err, test.want)
		}
		if rest != nil || fields != (Fields{}) {
			t.Errorf("%.60q: refused and returned", test.body)
		}
	}
}

func TestFields(t *testing.T) {
	cut := func(body string) Fields {
		t.Helper()
		_, fields, err := Cut([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return fields
	}
	cvn := func(body string) func() error {
		return func() error { _, err := cut(body).CVN(3); return err }
	}
	pan := func(body string) func() error {
		return func() error { _, err := cut(body).PAN(); return err }
	}
	expiry := func(body string) func() error {
		return func() error { _, err := cut(body).Expiry(); return err }
	}
	for _, test := range []struct {
		judge func() error
		want  *FieldError
	}{
		{cvn(`{"cvn":"123"}`), nil},
		{cvn(`{"cvn":"\u0031\u0032\u0033"}`), nil},
		{cvn(`{}`), &FieldError{"/body/cvn", "is required"}},
		{cvn(`{"cvn":""}`), &FieldError{"/body/cvn", "is required"}},
		{cvn(`{"cvn":123}`), &FieldError{"/body/cvn", "must be a string"}},
		{cvn(`{"cvn":null}`), &FieldError{"/body/cvn", "must be a string"}},
		{cvn(`{"cvn":["123"]}`), &FieldError{"/body/cvn", "must be a string"}},
		{cvn(`{"cvn":"1234"}`), &FieldError{"/body/cvn", "must be 3 digits"}},
		{cvn(`{"cvn":"1\u0000 3"}`), &FieldError{"/body/cvn", "must be 3 digits"}},
		{cvn(`{"channel_properties":{"card_details":{"cvn":"12"}}}`), &FieldError{"/body/channel_properties/card_details/cvn", "must be 3 digits"}},
		{pan(`{"card_number":"4000000000001091"}`), nil},
		{pan(`{"cvn":"123"}`), &FieldError{"/body/card_number", "is required"}},
		{pan(`{"card_number":4000000000001091}`), &FieldError{"/body/card_number", "must be a string"}},
		{pan(`{"card_number":"4111-1111-1111-1111"}`), &FieldError{"/body/card_number", "must be digits only"}},
		{expiry(`{"expiry_month":"12","expiry_year":"2030"}`), nil},
		{expiry(`{"expiry_year":"2030"}`), &FieldError{"/body/expiry_month", "is required"}},
		{expiry(`{"expiry_month":"12"}`), &FieldError{"/body/expiry_year", "is required"}},
		{expiry(`{"channel_properties":{"card_details":{"expiry_month":"12"}}}`), &FieldError{"/body/channel_properties/card_details/expiry_year", "is required"}},
		{pan(`{"channel_properties":{"card_details":{}}}`), &FieldError{"/body/channel_properties/card_details/card_number", "is required"}},
		{pan(`{"cvn":"123","channel_properties":{"card_details":{}}}`), &FieldError{"/body/card_number", "is required"}},
		{cvn(`{"channel_properties":{"card_details":null}}`), &FieldError{"/body/cvn", "is required"}},
		{expiry(`{"expiry_month":"13","expiry_year":"2030"}`), &FieldError{"/body/expiry_month", "must be two digits from 01 to 12"}},
		{expiry(`{"expiry_month":"12","expiry_year":2030}`), &FieldError{"/body/expiry_year", "must be a string"}},
		{expiry(`{"channel_properties":{"card_details":{"expiry_month":"12","expiry_year":"30"}}}`), &FieldError{"/body/channel_properties/card_details/expiry_year", "must be four digits from 2000 to 2099"}},
	} {
		err := test.judge()
		var got *FieldError
		if err != nil && !errors.As(err, &got) {
			t.Errorf("error %v is no FieldError", err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("judged otherwise (-want +got):\n%s", diff)
		}
	}
	if f := cut(`{"cvn":null}`); !f.HasCVN() || f.HasCard() {
		t.Error("a null CVN is a CVN that was given")
	}
	if f := cut(`{"expiry_year":"2030"}`); f.HasCVN() || !f.HasCard() {
		t.Error("a year is part of a card")
	}
}

func TestFieldsWipe(t *testing.T) {
	_, fields, err := Cut([]byte(`{"card_number":"4000000000001091","expiry_month":"11","expiry_year":"2031","cvn":"321"}`))
	if err != nil {
		t.Fatal(err)
	}
	texts := [][]byte{fields.cvn.get().text, fields.number.get().text, fields.month.get().text, fields.year.get().text}
	fields.Wipe()
	for i, text := range texts {
		if len(text) == 0 || len(bytes.Trim(text, "\x00")) > 0 {
			t.Errorf("field %d is still in memory", i)
		}
	}
	fields.Wipe()
	Fields{}.Wipe()
}

// reference does what Cut does, the slow way, on decoded JSON.
func reference(value any) any {
	swap := func(value any) map[string]any {
		object, ok := value.(map[string]any)
		for key, placeholder := range map[string]string{"cvn": "000", "card_number": "4111111111111111", "expiry_month": "12", "expiry_year": "2099"} {
			if _, there := object[key]; there && ok {
				object[key] = placeholder
			}
		}
		return object
	}
	if object := swap(value); object != nil {
		if folder, ok := object["channel_properties"].(map[string]any); ok {
			swap(folder["card_details"])
		}
	}
	return value
}

func decode(t interface{ Fatalf(string, ...any) }, text []byte) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q does not decode: %v", text, err)
	}
	return value
}

// FuzzCut holds Cut against encoding/json: they agree on what is JSON, and rest is the body but for the
// placeholders.
func FuzzCut(f *testing.F) {
	for _, seed := range []string{
		`{"cvn":"123","payment_session_id":"ps-6746c1006b7752b4d91725af","device":{"fingerprint":""}}`,
		`{"channel_properties":{"card_details":{"card_number":"5200000000002151","expiry_month":"03","expiry_year":"2031","cvn":"321"}}}`,
		`{"\u0063vn":"\ud83d\ude00\ud800","card_number":-1.5e+99,"a":[true,false,null,{"cvn":[]}]}`,
		`{"cvn":"1","cvn":"2"}`, `[]`, `"`, `{"a":1}x`, "{\"c\xffvn\":1}", `{"channel_properties":{"card_details":[]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := slices.Clone(body)
		rest, fields, err := Cut(body)
		if !bytes.Equal(before, body) {
			t.Fatal("Cut changed its input")
		}
		valid := json.Valid(body) && utf8.Valid(body)
		if syntax := (*SyntaxError)(nil); errors.As(err, &syntax) {
			if valid || syntax.Offset < 0 || syntax.Offset > len(body) {
				t.Fatalf("%q is valid, or not wrong at %d", body, syntax.Offset)
			}
			return
		}
		if field := (*FieldError)(nil); errors.As(err, &field) {
			return // given up early: whether the rest is JSON is not known
		}
		if err != nil || !valid {
			t.Fatalf("%q: valid is %t, error %v", body, valid, err)
		}
		if diff := cmp.Diff(reference(decode(t, body)), decode(t, rest)); diff != "" {
			t.Fatalf("%q: rest differs by more than the placeholders:\n%s", body, diff)
		}
		again, more, err := Cut(rest)
		if err != nil || !bytes.Equal(again, rest) || more.HasCVN() != fields.HasCVN() || more.HasCard() != fields.HasCard() {
			t.Fatalf("%q: cut twice it is another", rest)
		}
	})
}

// hostile draws JSON that hides a card as well as it can: escaped keys and digits, wrong types, odd places
// in the order, look-alikes around it.
type hostile struct{ t *rapid.T }

func (h hostile) text(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch rapid.IntRange(0, 3).Draw(h.t, "escape") {
		case 0:
			fmt.Fprintf(&b, `\u%04x`, r)
		case 1:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func (h hostile) value(digits string) string {
	switch rapid.IntRange(0, 5).Draw(h.t, "kind") {
	case 0:
		return digits
	case 1:
		return "-" + digits + "." + digits + "E+" + digits
	case 2:
		return `[` + h.text(digits) + `, ` + digits + `]`
	case 3:
		return `{"cvn":` + h.text(digits) + `,` + h.text(digits) + `:{}}`
	default:
		return h.text(digits)
	}
}

func (h hostile) object(members []string) string {
	space := rapid.SampledFrom([]string{"", " ", "\n\t\r "})
	for range rapid.IntRange(0, 3).Draw(h.t, "noise") {
		members = append(members, rapid.SampledFrom([]string{
			`"cvn ":"x"`, `"Cvn":null`, `"":[[]]`, `"a\"cvn":{"b":"}"}`, `"n":123456e789`, `"\\":"\\\""`, `"\ud83d\ude00":"{"`,
		}).Draw(h.t, "member"))
	}
	members = rapid.Permutation(members).Draw(h.t, "order")
	for i, member := range members {
		members[i] = space.Draw(h.t, "space") + member + space.Draw(h.t, "space")
	}
	return `{` + strings.Join(members, ",") + `}`
}

func TestCutLeavesNoDigit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hostile{t}
		card := map[string]string{
			"cvn":          rapid.StringMatching(`[3579]{3,4}`).Draw(t, "cvn"),
			"card_number":  rapid.StringMatching(`[3579]{12,19}`).Draw(t, "pan"),
			"expiry_month": rapid.StringMatching(`[3579]{2}`).Draw(t, "month"),
			"expiry_year":  rapid.StringMatching(`20[3579][3579]`).Draw(t, "year"),
		}
		var above, below []string
		for _, key := range []string{"cvn", "card_number", "expiry_month", "expiry_year"} {
			if member := h.text(key) + `:` + h.value(card[key]); rapid.Bool().Draw(t, "above") {
				above = append(above, member)
			} else {
				below = append(below, member)
			}
		}
		details := h.object([]string{h.text("card_details") + ":" + h.object(below)})
		body := h.object(append(above, h.text("channel_properties")+":"+details))

		rest, fields, err := Cut([]byte(body))
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if diff := cmp.Diff(reference(decode(t, []byte(body))), decode(t, rest)); diff != "" {
			t.Fatalf("%s: rest differs by more than the placeholders:\n%s", body, diff)
		}
		// The noise and the placeholders hold none of these.
		plain := strings.NewReplacer("123456e789", "", "2099", "", `\ud83d`, "", "ude00", "").Replace(string(rest))
		for key := range card {
			for _, escaped := range key {
				plain = strings.NewReplacer(fmt.Sprintf(`\u%04x`, escaped), "", fmt.Sprintf(`\u%04X`, escaped), "").Replace(plain)
			}
		}
		for _, escaped := range "channel_properties" {
			plain = strings.NewReplacer(fmt.Sprintf(`\u%04x`, escaped), "", fmt.Sprintf(`\u%04X`, escaped), "").Replace(plain)
		}
		if strings.ContainsAny(plain, "3579") {
			t.Fatalf("digits of the card are left in %s", rest)
		}
		for key, f := range map[string]*field{"cvn": fields.cvn.get(), "card_number": fields.number.get(), "expiry_month": fields.month.get(), "expiry_year": fields.year.get()} {
			if f == nil || f.isString && string(f.text) != card[key] || !f.isString && f.text != nil {
				t.Fatalf("%s: %s was cut out wrongly", body, key)
			}
		}
	})
}
