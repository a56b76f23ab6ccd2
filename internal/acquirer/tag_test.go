package acquirer

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTags(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"":                  {},
		"840203":            {"84": "03"},
		"8400":              {"84": ""},
		"8402039203731":     {"84": "03", "92": "731"},
		"XX011840203":       {"XX": "1", "84": "03"},
		"84":                nil,
		"840":               nil,
		"840203x":           nil,
		"8402 3":            {"84": " 3"},
		"84+203":            nil,
		"8403":              nil,
		"840203840203":      nil,
		"84020392037318402": nil,
	} {
		got, err := parseTags(text)
		if want == nil {
			if err == nil {
				t.Errorf("%q was accepted", text)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestResultByPosition(t *testing.T) {
	for _, c := range []struct {
		de44     string
		position int
		want     string
	}{
		{" Y       M", 2, "Y"}, {" Y       M", 10, "M"}, {" Y       M  2", 10, "M"}, {" Y       M", 13, ""},
		{"          ", 10, ""}, {"", 2, ""}, {" Y", 10, ""},
	} {
		if got := result(c.de44, c.position); got != c.want {
			t.Errorf("position %d of %q is %q, want %q", c.position, c.de44, got, c.want)
		}
	}
}

func FuzzParseTags(f *testing.F) {
	f.Add("2204C1014202059203731")
	f.Add("8402")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := parseTags(text)
		if err != nil {
			return
		}
		length := 0
		for id, value := range tags {
			if len(id) != 2 || len(value) > 99 {
				t.Fatalf("tag %q has %d characters", id, len(value))
			}
			length += 4 + len(value)
		}
		if length != len(text) {
			t.Fatalf("%d of %d characters are in no tag", len(text)-length, len(text))
		}
	})
}

func FuzzResult(f *testing.F) {
	f.Add(" Y       M  2", 10)
	f.Fuzz(func(t *testing.T, de44 string, position int) {
		if position < 1 || position > 25 {
			return
		}
		if got := result(de44, position); len(got) > 1 || got == " " {
			t.Fatalf("position %d is %q", position, got)
		}
	})
}
