package cluster

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// residue looks for what customers typed in everything that was kept or said: a dump of the database, all files of
// the standby, its write-ahead log among them, and the logs of the nodes.
func (tr *trial) residue(s *site) (bytes int) {
	tr.t.Helper()
	dump := s.path("dump.sql")
	s.pair.run("pg_dump", "--no-unlogged-table-data", "--file="+filepath.Join(s.pair.dir, "dump.sql"), s.pair.server(s.pair.primary, database))
	if err := os.Rename(filepath.Join(s.pair.dir, "dump.sql"), dump); err != nil {
		tr.t.Fatal(err)
	}
	needles := map[string][]byte{}
	for _, number := range tr.shop.numbers {
		for form, text := range formsOf(number) {
			needles[form+" of a card's number that ends in "+number[len(number)-4:]] = text
		}
	}
	finder := newFinder(needles)
	for _, file := range append(tr.logs, dump) {
		text := tr.file(file)
		bytes += len(text)
		tr.clean(finder, file, text)
		for _, form := range cvnForms {
			if at := form.FindIndex(text); at != nil {
				tr.t.Errorf("%s, byte %d: a CVN as %s", filepath.Base(file), at[0], form)
			}
		}
		if z := tr.shop.beyondChance(alone(text)); z > 6 {
			tr.t.Errorf("%s: CVNs that were typed stand there more often than chance has it (%.0f standard deviations)", filepath.Base(file), z)
		}
	}
	err := filepath.WalkDir(s.pair.standby.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // it was there a moment ago
		}
		text, err := os.ReadFile(path)
		bytes += len(text)
		tr.clean(finder, path, text)
		return err
	})
	if err != nil {
		tr.t.Error(err)
	}
	tr.escrowStaysHere(s)
	return bytes
}

func (tr *trial) file(path string) []byte {
	tr.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tr.t.Fatal(err)
	}
	return text
}

func (tr *trial) clean(f *finder, path string, text []byte) {
	tr.t.Helper()
	for at, what := range f.find(text) {
		tr.t.Errorf("%s, byte %d: %s", filepath.Base(path), at, what)
	}
}

// escrowStaysHere: sealed CVNs are on the primary's disk alone, where a crash wipes them.
func (tr *trial) escrowStaysHere(s *site) {
	tr.t.Helper()
	db := s.pair.open(database)
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var path string
	if err := db.QueryRowContext(ctx, `SELECT pg_relation_filepath('cvn_escrow')`).Scan(&path); err != nil {
		tr.t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(s.pair.standby.dir, path+"_init")); err != nil {
		tr.t.Errorf("this is not how PostgreSQL keeps an unlogged table: %v", err)
	}
	if kept, err := os.Stat(filepath.Join(s.pair.standby.dir, path)); err == nil && kept.Size() > 0 {
		tr.t.Errorf("the standby has %d bytes of the escrow", kept.Size())
	}
}

// formsOf are the ways in which a number may be written down.
func formsOf(number string) map[string][]byte {
	packed := func(digits string) (b []byte) {
		for i := 0; i+1 < len(digits); i += 2 {
			b = append(b, (digits[i]-'0')<<4|(digits[i+1]-'0'))
		}
		return b
	}
	forms := map[string][]byte{
		"digits": []byte(number), "hex": []byte(hex.EncodeToString([]byte(number))),
		"packed digits": packed(number), "packed digits, shifted": packed(number[1:]),
	}
	for offset := range 3 { // what stays the same in base64 whatever stands before and behind it
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, offset), number...))
		forms[fmt.Sprint("base64 at ", offset)] = []byte(encoded[(offset*8+5)/6 : (offset+len(number))*8/6])
	}
	return forms
}

// finder finds many needles in one pass.
type finder struct {
	byHead map[[4]byte][]string
	heads  [1 << 16]bool
	text   map[string][]byte
}

func newFinder(needles map[string][]byte) *finder {
	f := &finder{byHead: map[[4]byte][]string{}, text: needles}
	for what, text := range needles {
		head := [4]byte(text[:4])
		f.byHead[head] = append(f.byHead[head], what)
		f.heads[uint16(text[0])<<8|uint16(text[1])] = true
	}
	return f
}

func (f *finder) find(in []byte) map[int]string {
	found := map[int]string{}
	for i := 0; i+4 <= len(in); i++ {
		if !f.heads[uint16(in[i])<<8|uint16(in[i+1])] {
			continue
		}
		for _, what := range f.byHead[[4]byte(in[i:i+4])] {
			if bytes.HasPrefix(in[i:], f.text[what]) {
				found[i] = what
			}
		}
	}
	return found
}

// cvnForms are how a CVN stands in JSON, escaped or not, in a form, and in a line of a log.
var cvnForms = []*regexp.Regexp{
	regexp.MustCompile(`(?i)cv(?:n|v2?|c2?)[\\"' ]*[:=][\\"' ]*[0-9]{3}`),
	regexp.MustCompile(`(?i)cv(?:n|v2?|c2?)(?:%22)?%3[ad](?:%22)?[0-9]{3}`),
}

var threeDigits = regexp.MustCompile(`(?:^|[^0-9A-Za-z+/_.-])([0-9]{3})(?:$|[^0-9A-Za-z+/_.-])`)

// alone counts three digits that are no part of a longer number, word or text in base64.
func alone(text []byte) map[string]int {
	counts := map[string]int{}
	for line := range bytes.Lines(text) {
		for _, found := range threeDigits.FindAllSubmatch(line, -1) {
			counts[string(found[1])]++
		}
	}
	return counts
}

// beyondChance says by how many standard deviations the CVNs that were typed stand somewhere more often than as
// many that the lot has not chosen. Had it fallen otherwise, the count would be as those of other choices are,
// which are drawn here: so it does not matter how often a number stands there for reasons of its own.
func (s *shop) beyondChance(counts map[string]int) float64 {
	sum := func(of []int) (n float64) {
		for _, cvn := range of {
			n += float64(counts[fmt.Sprintf("%03d", cvn)])
		}
		return n
	}
	lot := rand.New(rand.NewPCG(1, 2))
	const draws = 1000
	var total, squares float64
	for range draws {
		n := sum(lot.Perm(998)[:len(s.cvns)])
		total, squares = total+n, squares+n*n
	}
	mean := total / draws
	deviation := math.Sqrt(max(squares/draws-mean*mean, 1))
	return (sum(s.cvns) - mean) / deviation
}

// reconciled has the operator's own command compare the books with the bank's.
func (tr *trial) reconciled(s *site, untraced int) {
	tr.t.Helper()
	file := s.path("settlement.csv")
	if err := os.WriteFile(file, s.world.read("/settlement"), 0o600); err != nil {
		tr.t.Fatal(err)
	}
	said, code := s.command("reconcile", "--file", file, "--grace", "0s")
	if untraced == 0 && code != 0 {
		tr.t.Errorf("reprise reconcile: exit status %d\n%s", code, said)
	}
	for line := range strings.Lines(said) { // what is still asked about is all that may differ
		kind, _, _ := strings.Cut(line, " ")
		if untraced > 0 && strings.ToUpper(kind) == kind && strings.Contains(kind, "_") && kind != "ADVICE_OPEN" && kind != "ADVICE_ENDED" && kind != "PAST_DEADLINE" {
			tr.t.Errorf("reprise reconcile: %s", line)
		}
	}
}
