package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestPapersOfALine: what a line to a directory server is made with is read anew when its files change, and each is
// known by what it is for.
func TestPapersOfALine(t *testing.T) {
	t.Parallel()
	s := layStreet(t, "")
	clock, dir := newClock(), t.TempDir()
	o := Real()
	o.Now = clock.now
	n := s.nodeSettings(0, 1)
	d := &n.Directories[0]
	for _, file := range []*string{&d.Roots, &d.Certificate, &d.CertificateKey} {
		copyFile(t, *file, filepath.Join(dir, filepath.Base(*file)))
		*file = filepath.Join(dir, filepath.Base(*file))
	}
	d.ResultRoots = filepath.Join(dir, "result-roots.pem")
	copyFile(t, s.paper("ca.pem"), d.ResultRoots)
	settings, err := n.Read(o, s.logger())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"acquirer", "directory rehearsal", "directory rehearsal result roots", "directory rehearsal roots", "public", "results"}
	if got := slices.Sorted(maps.Keys(settings.Papers)); !slices.Equal(got, want) {
		t.Errorf("papers %q, want %q", got, want)
	}
	line := settings.Directories[0]
	serial := func() string {
		t.Helper()
		c, err := line.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.String()
	}
	before := serial()
	copyFile(t, s.paper("ds-client.pem"), d.Certificate)
	copyFile(t, s.paper("ds-client-key.pem"), d.CertificateKey)
	next := authorityPEM(t, "the next root", time.Now().AddDate(5, 0, 0))
	appendFile(t, d.ResultRoots, next)
	clock.forward(lookAgain)
	if serial() == before {
		t.Error("the client certificate is not read anew")
	}
	if roots, results := len(line.Roots()), len(line.ResultRoots()); roots != 1 || results != 2 {
		t.Errorf("%d roots and %d of results, want 1 and 2", roots, results)
	}
	for _, damaged := range []string{"", "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n"} {
		if err := os.WriteFile(d.ResultRoots, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		clock.forward(lookAgain)
		if n := len(line.ResultRoots()); n != 2 {
			t.Errorf("after %q: %d roots", damaged, n)
		}
	}
	if n := strings.Count(s.log.String(), "certificate not renewed: the old one stays"); n != 2 {
		t.Errorf("said %d times:\n%s", n, s.log)
	}
	before = s.log.String()
	for _, name := range want {
		if strings.HasSuffix(name, "result roots") {
			continue // damaged above
		}
		if err := settings.Papers[name].Reload(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if said := strings.TrimPrefix(s.log.String(), before); said != "" {
		t.Errorf("of what has not changed it is said:\n%s", said)
	}
}

// authorityPEM is a root that ends at some time.
func authorityPEM(t *testing.T, name string, ends time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: ends.AddDate(-10, 0, 0), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func appendFile(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestEndOfRoots: an old root that lies beside a new one is heard of until it ends, and then no more.
func TestEndOfRoots(t *testing.T) {
	t.Parallel()
	clock := newClock()
	o := Real()
	o.Now = clock.now
	now := time.Now().UTC().Truncate(time.Second)
	days := func(n int) time.Time { return now.AddDate(0, 0, n) }
	file := filepath.Join(t.TempDir(), "roots.pem")
	for i, ends := range []time.Time{days(100), days(-3), days(10), days(-2)} {
		appendFile(t, file, authorityPEM(t, "root "+string(rune('1'+i)), ends))
	}
	a, err := loadAuthorities(o, file, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ later, want int }{{0, 10}, {11, 100}, {101, 100}} {
		clock.forward(time.Until(days(test.later).Add(time.Hour)) - clock.now().Sub(time.Now()))
		if got := a.Ends(); !got.Equal(days(test.want)) {
			t.Errorf("after %d days: %v, want %v", test.later, got, days(test.want))
		}
	}
}

// TestPapersThatEndSoon: a month before, and each day, it is said which.
func TestPapersThatEndSoon(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	said := func() int {
		return strings.Count(w.log.String(), `msg="certificate ends soon" certificate="directory simulator"`)
	}
	w.clock.forward(360 * 24 * time.Hour)
	w.clock.forward(24 * time.Hour)
	if n := said(); n != 0 {
		t.Errorf("said %d times a year after they were made", n)
	}
	w.clock.forward(8 * 24 * time.Hour)
	w.eventually("it is said", func() bool { return said() == 1 })
	w.clock.forward(24 * time.Hour)
	w.eventually("it is said again", func() bool { return said() == 2 })
}
