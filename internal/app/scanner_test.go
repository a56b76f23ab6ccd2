package app

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scanner looks for card numbers and CVNs in whatever was stored or said.
//
// A PAN is long enough that one hit is a leak, however it was written down. A CVN is three digits, which
// stand everywhere by chance, so it is looked for in two ways: in the forms in which we handle it (JSON,
// form, DE48), where one hit is a leak, and as bare digits, where the CVNs that were typed are compared with
// others that nobody typed.
type scanner struct {
	heads   [1 << 16]bool       // the first two bytes of any pattern
	byHead  map[uint32][]needle // by the first four
	typed   []string            // CVNs that were typed
	control []string            // as many that never were
	forms   int                 // how many needles
	scanned struct{ things, bytes int }
}

type needle struct {
	text []byte
	what string
}

func newScanner(pans, typed, control []string) *scanner {
	s := &scanner{byHead: map[uint32][]needle{}, typed: typed, control: control}
	for _, pan := range pans {
		for what, form := range formsOf(pan) {
			s.look(form, what+" of a PAN that ends in "+pan[len(pan)-4:])
		}
	}
	for offset, form := range inBase64([]byte(`"cvn":"`)) {
		s.look(form, fmt.Sprintf("a CVN's JSON in base64 at %d", offset))
	}
	s.look([]byte(hex.EncodeToString([]byte(`"cvn":"`))), "a CVN's JSON in hex")
	return s
}

func (s *scanner) look(text []byte, what string) {
	s.forms++
	s.heads[uint16(text[0])<<8|uint16(text[1])] = true
	head := headOf(text)
	s.byHead[head] = append(s.byHead[head], needle{text, what})
}

func headOf(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// formsOf are the ways in which a number may be written down.
func formsOf(pan string) map[string][]byte {
	var wide, spaced []byte
	for i := range len(pan) {
		wide = append(wide, pan[i], 0)
		if i > 0 && i%4 == 0 {
			spaced = append(spaced, ' ')
		}
		spaced = append(spaced, pan[i])
	}
	forms := map[string][]byte{
		"digits":         []byte(pan),
		"groups of four": spaced,
		"dashes":         bytes.ReplaceAll(spaced, []byte(" "), []byte("-")),
		"UTF-16":         wide,
		"hex":            []byte(hex.EncodeToString([]byte(pan))), // of digits: no letters, so no case
		"BCD":            packed(pan),
		"BCD, shifted":   packed(pan[1:]),
	}
	for offset, form := range inBase64([]byte(pan)) {
		forms[fmt.Sprintf("base64 at %d", offset)] = form
	}
	for shift, bcd := range [][]byte{packed(pan), packed(pan[1:])} {
		for offset, form := range inBase64(bcd) {
			forms[fmt.Sprintf("base64 at %d of BCD %d", offset, shift)] = form
		}
	}
	return forms
}

// packed is binary-coded decimal; an odd digit at the end shares its byte with what follows and is left out.
func packed(digits string) []byte {
	var b []byte
	for i := 0; i+1 < len(digits); i += 2 {
		b = append(b, (digits[i]-'0')<<4|(digits[i+1]-'0'))
	}
	return b
}

// inBase64 is what stays the same of a text in base64 whatever stands around it, at the three places where
// it may begin.
func inBase64(text []byte) [3][]byte {
	var forms [3][]byte
	for offset := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, offset), text...))
		first, last := (offset*8+5)/6, (offset+len(text))*8/6
		forms[offset] = []byte(encoded[first:last])
	}
	return forms
}

// The forms in which a CVN travels here, in lower case: JSON (escaped or not), forms and logs; DE48 as the
// acquirer line writes it, in text and in hex.
var cvnForms = []*regexp.Regexp{
	regexp.MustCompile(`cv(?:n|v2?|c2?)[\\"' ]*[:=][\\"' ]*[0-9]{3}`),
	regexp.MustCompile(`cv(?:n|v2?|c2?)(?:%22)?%3[ad](?:%22)?[0-9]{3}`),
	regexp.MustCompile(`2204c1[0-9]{2}.{0,80}?920(?:3[0-9]{3}|4[0-9]{4})`),
	regexp.MustCompile(`3932303(?:3(?:3[0-9]){3}|4(?:3[0-9]){4})`),
}

// scan reports everything in data that must not be there.
func (s *scanner) scan(name string, data []byte) (found []string) {
	s.scanned.things++
	s.scanned.bytes += len(data)
	for i := 0; i+4 <= len(data); i++ {
		if !s.heads[uint16(data[i])<<8|uint16(data[i+1])] {
			continue
		}
		for _, n := range s.byHead[headOf(data[i:])] {
			if bytes.HasPrefix(data[i:], n.text) {
				found = append(found, fmt.Sprintf("%s, byte %d: %s", name, i, n.what))
			}
		}
	}
	lower := bytes.ToLower(data)
	for _, form := range cvnForms {
		for _, at := range form.FindAllIndex(lower, -1) {
			found = append(found, fmt.Sprintf("%s, byte %d: a CVN as %s", name, at[0], form))
		}
	}
	for what, counts := range map[string]map[string]int{"DE48 tags": inTags(data), "digits alone": alone(data)} {
		if z := s.beyondChance(counts); z > 6 {
			found = append(found, fmt.Sprintf("%s: CVNs that were typed stand there as %s more often than chance has it (%.0f standard deviations)", name, what, z))
		}
	}
	return found
}

var tagged = regexp.MustCompile(`920(?:3[0-9]{3}|4[0-9]{4})`)

// inTags counts what stands as a CVN does in DE48, without what DE48 has around it.
func inTags(data []byte) map[string]int {
	counts := map[string]int{}
	for _, at := range tagged.FindAllIndex(data, -1) {
		counts[string(data[at[0]+4:at[1]])]++
	}
	return counts
}

// alone counts three and four digits that are no part of a longer number, word or base64 text.
func alone(data []byte) map[string]int {
	counts := map[string]int{}
	for start := 0; start < len(data); start++ {
		if !isDigit(data[start]) {
			continue
		}
		end := start
		for end < len(data) && isDigit(data[end]) {
			end++
		}
		if n := end - start; (n == 3 || n == 4) && (start == 0 || !inWord(data[start-1])) && (end == len(data) || !inWord(data[end])) {
			counts[string(data[start:end])]++
		}
		start = end
	}
	return counts
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

func inWord(b byte) bool {
	return isDigit(b) || b|0x20 >= 'a' && b|0x20 <= 'z' || bytes.IndexByte([]byte("+/_.-"), b) >= 0
}

// beyondChance says by how many standard deviations the CVNs that were typed stand there more often than
// CVNs drawn in the same way that were not. Which were typed was decided by lot, so had the lot fallen
// otherwise the count would have been as the counts of other halves of both together are: those are drawn
// here, a thousand times, and give the mean and the deviation. It needs no assumption about how often a
// number stands in a file for reasons of its own, as "360" does for the rupiah.
func (s *scanner) beyondChance(counts map[string]int) float64 {
	all := slices.Concat(s.typed, s.control)
	values := make([]float64, len(all))
	real := 0.0
	for i, cvn := range all {
		values[i] = float64(counts[cvn])
		if i < len(s.typed) {
			real += values[i]
		}
	}
	lot := rand.New(rand.NewPCG(3, 31))
	var sum, squares float64
	const draws = 1000
	for range draws {
		total := 0.0
		for _, i := range lot.Perm(len(values))[:len(s.typed)] {
			total += values[i]
		}
		sum += total
		squares += total * total
	}
	mean := sum / draws
	deviation := math.Sqrt(max(0, squares/draws-mean*mean))
	return (real - mean) / max(deviation, 1)
}

// scanFiles scans every file under a directory.
func (s *scanner) scanFiles(t *testing.T, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found = append(found, s.scan(strings.TrimPrefix(path, dir+"/"), data)...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func encodeBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
