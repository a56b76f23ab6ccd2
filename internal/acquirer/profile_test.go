package acquirer

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden frames anew")

func cmpMessage(want, got message) string { return cmp.Diff(want, got, cmp.AllowUnexported(message{})) }

// The bytes of every message that we send are written down, so that nobody changes the wire unawares.
func TestGolden(t *testing.T) {
	for name, m := range sampleMessages(t) {
		t.Run(name, func(t *testing.T) {
			frame := mustEncode(t, m)
			path := filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".hex")
			if *update {
				if err := os.WriteFile(path, []byte(hex.EncodeToString(frame)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(frame) + "\n"; got != string(want) {
				t.Errorf("frame differs from %s:\n%s", path, got)
			}
			if length := binary.BigEndian.Uint16(frame); int(length) != len(frame)-2 {
				t.Errorf("length says %d, the message has %d bytes", length, len(frame)-2)
			}
			got, err := decode(frame[2:])
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmpMessage(m, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The page that a host's engineer reads and the table that we pack from say the same.
func TestPageIsTheTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/acquirer-profile.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (n|an|ans)(?:(\d*)\.\.)?(\d+)(?: (L+)VAR)? \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|`)
	var got []string
	for _, cells := range row.FindAllStringSubmatch(string(page), -1) {
		presence := ""
		for _, cell := range cells[6:11] {
			presence += strings.Replace(cell[:1], "e", "M", 1) // an echo is mandatory
		}
		if least := cells[3]; cells[5] == "" {
			cells[3] = cells[4]
		} else if least == "" {
			cells[3] = "any"
		}
		got = append(got, fmt.Sprint(cells[1], " ", cells[2], " ", cells[3], "..", cells[4], " ", len(cells[5]), " ", presence))
	}
	var want []string
	for _, e := range elements {
		if e.number == 70 { // in 0800 alone
			continue
		}
		class := map[class]string{n: "n", an: "an", ans: "ans", tagged: "ans"}[e.class]
		least := strconv.Itoa(e.min)
		if e.digits > 0 && e.min <= 4 {
			least = "any"
		}
		want = append(want, fmt.Sprint(e.number, " ", class, " ", least, "..", e.max, " ", e.digits, " ", e.presence[:5]))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeRefusesEveryPrefix(t *testing.T) {
	for mti, m := range sampleMessages(t) {
		body := mustEncode(t, m)[2:]
		for length := range body {
			if _, err := decode(body[:length]); err == nil {
				t.Errorf("%s cut off after %d of %d bytes was accepted", mti, length, len(body))
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	approval := answerTo(sampleMessages(t)["0200"], map[int]string{44: " Y       M", 48: "840203", 62: "016153570198200"})
	good := mustEncode(t, approval)[2:]
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	change := func(from, to string) []byte {
		if strings.Count(string(good), from) != 1 {
			t.Fatalf("%q is not once in the message", from)
		}
		return []byte(strings.Replace(string(good), from, to, 1))
	}
	withBits := func(first byte, more string) []byte {
		body := append(slices.Clone(good[:12]), more...)
		body[4] |= first
		return append(body, good[12:]...)
	}
	// By what it says, to see that each is refused for its own reason.
	for want, body := range map[string][]byte{
		"0210: has bytes behind its last field":                                 append(slices.Clone(good), ' '),
		"type is not in the profile":                                            append([]byte("0211"), good[4:]...),
		"0210 DE4: is not digits":                                               change("000010000000", "00001000000O"),
		"0210 DE41: is not printable ASCII":                                     change("WEB00001", "WEB\x000001"),
		"0210 DE42: is not printable ASCII":                                     change("MELATI", "MELAT\xe9"),
		"0210 DE37: is not letters and digits, filled with spaces on the right": change("6044080000ZK", "604408-000ZK"),
		"0210 DE38: is not letters and digits, filled with spaces on the right": change("831000", "      "),
		"0210 DE32: length is not digits":                                       change("06400552", "+6400552"),
		"0210 DE62: length is not digits":                                       change("015016153570198200", "+15016153570198200"),
		"0210 DE48: is not tagged data":                                         change("006840203", "006840303"),
		"0210 DE62: is cut off":                                                 change("015016153570198200", "016016153570198200"),
		"0210: has a third bitmap":                                              withBits(0x80, "\x80\x00\x00\x00\x00\x00\x00\x00"+strings.Repeat("\x00", 8)),
		"0210 DE5: is not in the profile":                                       withBits(0x08, ""),
		"0210 DE66: is not in the profile":                                      withBits(0x80, "\x40\x00\x00\x00\x00\x00\x00\x00"),
		"0210: ends in its bitmap":                                              good[:11],
	} {
		_, err := decode(body)
		if err == nil || strings.TrimPrefix(strings.TrimPrefix(err.Error(), "ISO 8583 message "), "ISO 8583 ") != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for want, change := range map[string]func(map[int]string){
		"DE4: is not digits":                     func(f map[int]string) { f[4] = "0000100000AB" },
		"DE4: has 11 characters, not 12 to 12":   func(f map[int]string) { f[4] = "00001000000" },
		"DE2: is not digits":                     func(f map[int]string) { f[2] = "400000000000109\n" },
		"DE2: missing":                           func(f map[int]string) { delete(f, 2) },
		"DE14: missing":                          func(f map[int]string) { delete(f, 14) },
		"DE14: has 0 characters, not 4 to 4":     func(f map[int]string) { f[14] = "" },
		"DE43: has 41 characters, not 40 to 40":  func(f map[int]string) { f[43] += "!" },
		"DE43: is not printable ASCII":           func(f map[int]string) { f[43] = "é" + f[43][2:] },
		"DE48: is not tagged data":               func(f map[int]string) { f[48] += "9" },
		"DE49: is not digits":                    func(f map[int]string) { f[49] = "xyz" },
		"DE39: not in this message":              func(f map[int]string) { f[39] = "00" },
		"DE90: not in this message":              func(f map[int]string) { f[90] = strings.Repeat("0", 42) },
		"has a field that is not in the profile": func(f map[int]string) { f[55] = "00" },
	} {
		m := sampleMessages(t)["0200"]
		change(m.fields)
		_, err := encode(m)
		if err == nil || strings.TrimLeft(strings.TrimPrefix(err.Error(), "ISO 8583 0200"), " :") != want {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// Whatever is wrong with a message, what is said of it holds nothing of what is in it.
func TestErrorsQuoteNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := sampleMessages(t)[rapid.SampledFrom([]string{"0200", "0420"}).Draw(rt, "mti")]
		body := slices.Clone(mustEncode(t, m)[2:])
		for range rapid.IntRange(1, 4).Draw(rt, "changes") {
			body[rapid.IntRange(4, len(body)-1).Draw(rt, "at")] = rapid.Byte().Draw(rt, "byte")
		}
		_, err := decode(body)
		if err == nil {
			return
		}
		for number, value := range m.fields {
			if len(value) >= 8 && strings.Contains(err.Error(), value) {
				rt.Fatalf("the error holds DE%d", number)
			}
		}
		if len(err.Error()) > 90 {
			rt.Fatalf("the error is %d characters long, and no rule is", len(err.Error()))
		}
	})
}

// drawMessage makes any message that the profile allows.
func drawMessage(t *rapid.T) message {
	m := message{rapid.SampledFrom(slices.Sorted(maps.Keys(columns))).Draw(t, "mti"), map[int]string{}}
	for _, e := range elements {
		presence := e.presence[columns[m.mti]]
		if presence == '-' || presence == 'C' && !rapid.Bool().Draw(t, "given") {
			continue
		}
		length := rapid.IntRange(e.min, e.max).Draw(t, "length")
		text := func(class string) string {
			return rapid.StringOfN(rapid.RuneFrom([]rune(class)), length, length, -1).Draw(t, "value")
		}
		switch e.class {
		case n:
			m.fields[e.number] = text("0123456789")
		case an:
			m.fields[e.number] = text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
		case ans:
			m.fields[e.number] = text(" !\"#$%&'()*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~")
		case tagged:
			value := rapid.StringMatching(`[ -~]{0,95}`).Draw(t, "tag")
			m.fields[e.number] = formatTags([]tag{{"92", value}, {"A ", "x"}})
		}
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		frame, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(frame[2:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmpMessage(m, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

// What is accepted is what the profile would have packed, but for a second bitmap that was not needed, and another codec
// reads the same in it.
func FuzzDecode(f *testing.F) {
	spec := theirs()
	for _, m := range sampleMessages(f) {
		f.Add(mustEncode(f, m)[2:])
		f.Add(mustEncode(f, answerTo(m, nil))[2:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decode(body)
		if err != nil {
			return
		}
		again, err := encode(m)
		if err != nil {
			t.Fatalf("accepted what cannot be packed: %v", err)
		}
		if size := len(again) - 2; size != len(body) && size != len(body)-8 {
			t.Fatalf("%d bytes became %d", len(body), size)
		}
		if !strings.HasSuffix(string(body), string(again[2+4+16:])) {
			t.Fatal("packed again it is another message")
		}
		readsAs(t, spec, body, m)
	})
}
