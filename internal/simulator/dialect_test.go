package simulator

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDialectRoundTrip(t *testing.T) {
	d := newDialect()
	rapid.Check(t, func(t *rapid.T) {
		m := message{mti: rapid.SampledFrom([]string{"0100", "0200", "0220", "0420", "0800"}).Draw(t, "mti"), fields: map[int]string{}}
		alphabet := map[class]string{num: "0123456789", alnum: "09AZaz", printable: " ~09AZ|"}
		for id, e := range elements {
			if rapid.Bool().Draw(t, "has") {
				size := e.size
				if e.lengthDigits > 0 {
					size = rapid.IntRange(1, e.size).Draw(t, "size")
				}
				m.fields[id] = rapid.StringOfN(rapid.RuneFrom([]rune(alphabet[e.class])), size, size, -1).Draw(t, "value")
			}
		}
		packed, err := d.encode(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.decode(packed[2:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.fields, got.fields); diff != "" || got.mti != m.mti {
			t.Fatal(diff)
		}
		if _, err := d.decode(packed[2 : len(packed)-1]); err == nil && len(m.fields) > 0 {
			t.Fatal("a truncated message was read")
		}
	})
}

func FuzzDecode(f *testing.F) {
	d := newDialect()
	g := &terminal{}
	held := g.hold("4000000000001091", nil)
	for _, m := range []message{
		network("001"), g.buy("4000000000001091", nil), g.undo(g.buy("340000000002708", nil), nil), held,
		g.take(held, message{}, 1), g.giveBack(held, message{}, 1), g.lower(held, 1), g.verify("4000000000001091", nil),
	} {
		packed, err := d.encode(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed[2:])
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := d.decode(frame)
		if err != nil {
			return
		}
		if m.check() != nil {
			return
		}
		// What passes as a request of the profile is exactly what packing it gives.
		packed, err := d.encode(m)
		if err != nil {
			t.Fatal("an accepted message does not pack")
		}
		again, err := d.decode(packed[2:])
		if err != nil || !maps.Equal(again.fields, m.fields) {
			t.Fatal("an accepted message does not survive packing")
		}
		switch m.mti {
		case "0800":
		case "0100", "0200":
			_ = checkAuthorisation(m)
		default:
			_ = checkAdvice(m)
		}
	})
}

func FuzzTags(f *testing.F) {
	f.Add("2204C1019203123")
	f.Add("2204C101420205")
	f.Fuzz(func(t *testing.T, text string) {
		tags, err := parseTags(text)
		if err != nil {
			return
		}
		size := 0
		for tag, value := range tags {
			size += len(tag) + 2 + len(value)
		}
		if size != len(text) {
			t.Fatal("something was left out")
		}
	})
}
