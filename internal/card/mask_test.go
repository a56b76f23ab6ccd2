package card

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// secret is a card whose parts are easy to find in any notation.
type secret struct {
	PAN    PAN
	CVN    CVN
	Expiry Expiry
}

// CVN and year are longer than real ones, so that no address contains them by chance.
const (
	secretYear = 2047119876
	secretPAN  = "5555667788990012"
	secretCVN  = "739155820467"
)

func newSecret(t testing.TB) secret {
	t.Helper()
	pan, err := ParsePAN(secretPAN)
	if err != nil {
		t.Fatal(err)
	}
	cvn, err := ParseCVN([]byte(secretCVN), len(secretCVN))
	if err != nil {
		t.Fatal(err)
	}
	return secret{pan, cvn, Expiry{Year: secretYear, Month: 11}}
}

// leaks says which part of the secret a text shows, in plain digits, hex, or as the bytes of a slice.
func leaks(text string) string {
	text = strings.ToLower(text)
	for name, digits := range map[string]string{"PAN": secretPAN[6:12], "CVN": secretCVN, "year": fmt.Sprint(secretYear)} {
		for _, form := range []string{
			digits, fmt.Sprintf("%x", digits), fmt.Sprintf("%d", []byte(digits)), fmt.Sprintf("% x", digits),
			strings.Trim(fmt.Sprintf("%#v", []byte(digits)), "[]byte{}"), fmt.Sprintf("%x", secretYear),
		} {
			if strings.Contains(text, form) {
				return name
			}
		}
	}
	return ""
}

// inside are the ways in which a card may lie in something that is printed.
func inside(s secret) map[string]any {
	type hidden struct {
		pan    PAN
		cvn    CVN
		fields Fields
		list   []PAN
		named  map[string]CVN
		to     *CVN
		any    any
	}
	type open struct {
		PAN    PAN
		CVN    *CVN
		Expiry Expiry
		Any    any
		List   []any
		Nested *open
	}
	fields := Fields{
		cvn:    hide(field{"/body/cvn", []byte(secretCVN), true}),
		number: hide(field{"/body/card_number", []byte(secretPAN), true}),
		year:   hide(field{"/body/expiry_year", []byte(fmt.Sprint(secretYear)), true}),
	}
	h := hidden{s.PAN, s.CVN, fields, []PAN{s.PAN}, map[string]CVN{"a": s.CVN}, &s.CVN, s.PAN}
	o := open{s.PAN, &s.CVN, s.Expiry, s.PAN, []any{s.CVN, &s.PAN}, &open{PAN: s.PAN, CVN: &s.CVN, Expiry: s.Expiry}}
	return map[string]any{
		"pan": s.PAN, "cvn": s.CVN, "expiry": s.Expiry, "fields": fields,
		"pan pointer": &s.PAN, "cvn pointer": &s.CVN, "expiry pointer": &s.Expiry, "fields pointer": &fields,
		"struct": s, "struct pointer": &s, "hidden": h, "hidden pointer": &h, "open": o, "open pointer": &o,
		"slice": []PAN{s.PAN}, "array": [1]CVN{s.CVN}, "map": map[PAN]CVN{s.PAN: s.CVN}, "anys": []any{s, &s, h},
		"error": fmt.Errorf("charging %v: %w", s, &FieldError{"/body/cvn", "wrong"}),
	}
}

func TestEveryVerbMasks(t *testing.T) {
	verbs := "vTtbcdoOxXUeEfFgGsqpw!"
	flags := []string{"", "+", "#", " ", "0", "-", "20", ".2", "# ", "+#"}
	for name, value := range inside(newSecret(t)) {
		for _, verb := range verbs {
			for _, flag := range flags {
				text := fmt.Sprintf("%"+flag+string(verb), value)
				// Where a verb does not fit fmt complains without asking any method. Only the expiry may show then.
				blind := verb != 'v' && name != "expiry" && name != "expiry pointer" || verb == 'p' || verb == 'w'
				if part := leaks(text); part != "" && !(blind && part == "year") {
					t.Errorf("%s by %%%s%c shows the %s", name, flag, verb, part)
				}
			}
		}
		for _, text := range []string{fmt.Sprint(value), fmt.Sprintln(value), fmt.Sprintf("%*d", value, value)} {
			if part := leaks(text); part != "" {
				t.Errorf("%s: fmt shows the %s", name, part)
			}
		}
	}
}

func TestMaskedAs(t *testing.T) {
	s := newSecret(t)
	if got, want := fmt.Sprintf("%v %s %q %+v %#v", s.PAN, s.CVN, s.Expiry, &s.PAN, s.CVN), "555566XXXXXX0012 *** **/** 555566XXXXXX0012 ***"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if got := fmt.Sprintf("%v%v%v", PAN{}, CVN{}, Expiry{}); got != "" {
		t.Errorf("zero values print %q", got)
	}
}

func TestEveryEncodingMasks(t *testing.T) {
	for name, value := range inside(newSecret(t)) {
		var out bytes.Buffer
		// An encoding may refuse a value, but then its error must not show it.
		if text, err := json.Marshal(value); err != nil {
			out.WriteString(err.Error())
		} else {
			out.Write(text)
		}
		if text, err := xml.Marshal(value); err != nil {
			out.WriteString(err.Error())
		} else {
			out.Write(text)
		}
		if err := gob.NewEncoder(&out).Encode(value); err != nil {
			out.WriteString(err.Error())
		}
		for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			slog.New(handler).Info("card", "value", value, slog.Group("group", "value", value))
		}
		log.New(&out, "", 0).Print(value)
		if part := leaks(out.String()); part != "" {
			t.Errorf("%s: encoded, shows the %s", name, part)
		}
	}
	var out bytes.Buffer
	if err := json.NewEncoder(&out).Encode(newSecret(t)); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), `{"PAN":"555566XXXXXX0012","CVN":"***","Expiry":"**/**"}`+"\n"; got != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
}

// A leak has to be found, or the tests above prove nothing.
func TestLeaksFindsLeaks(t *testing.T) {
	type naive struct{ digits []byte }
	for _, text := range []string{
		fmt.Sprintf("%v", naive{[]byte(secretCVN)}),
		fmt.Sprintf("%#v", naive{[]byte(secretCVN)}),
		fmt.Sprintf("%x", naive{[]byte(secretPAN)}),
		fmt.Sprintf("%+v", struct{ pan string }{secretPAN}),
		fmt.Sprintf("%q", secretCVN),
	} {
		if leaks(text) == "" {
			t.Errorf("%s is not taken for a leak", text)
		}
	}
}

// TestPanicMasks lets processes of their own die with a card in hand and reads what the runtime says.
func TestPanicMasks(t *testing.T) {
	const variable = "REPRISE_TEST_PANIC"
	if name := os.Getenv(variable); name != "" {
		panic(inside(newSecret(t))[name])
	}
	for _, name := range []string{"pan", "cvn", "expiry", "struct", "hidden", "open pointer", "error"} {
		command := exec.Command(os.Args[0], "-test.run=^TestPanicMasks$")
		command.Env = append(os.Environ(), variable+"="+name, "GOTRACEBACK=all")
		out, err := command.CombinedOutput()
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || !bytes.Contains(out, []byte("panic: ")) {
			t.Fatalf("%s: did not panic: %v", name, err)
		}
		if part := leaks(string(out)); part != "" {
			t.Errorf("%s: the panic shows the %s", name, part)
		}
	}
}
