package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestACertificateIsReadAnew: whoever renews it need not tell us.
func TestACertificateIsReadAnew(t *testing.T) {
	t.Parallel()
	s := layStreet(t, "")
	dir, clock, log := t.TempDir(), newClock(), &lockedBuffer{}
	o := Real()
	o.Now = clock.now
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	put := func(from, to string) {
		t.Helper()
		copyFile(t, s.paper(from), to+".new")
		if err := os.Rename(to+".new", to); err != nil {
			t.Fatal(err)
		}
	}
	put("gateway-server.pem", certFile)
	put("gateway-server-key.pem", keyFile)
	c, err := loadCertificate(o, certFile, keyFile, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		t.Helper()
		shown, err := c.Get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return shown.Leaf.SerialNumber.String()
	}
	first := serial()
	put("ds-server.pem", certFile)
	if serial() != first {
		t.Error("the files are looked at with every connection")
	}
	for range 3 {
		clock.forward(lookAgain)
		if serial() != first {
			t.Error("a pair that does not match was taken")
		}
	}
	if n := strings.Count(log.String(), "certificate not renewed"); n != 1 {
		t.Errorf("said %d times", n)
	}
	put("ds-server-key.pem", keyFile)
	clock.forward(lookAgain)
	second := serial()
	if second == first || !strings.Contains(log.String(), `msg="certificate renewed" file=`+certFile) {
		t.Errorf("not renewed:\n%s", log)
	}
	clock.forward(400 * 24 * time.Hour)
	if err := c.Reload(); err == nil || !strings.Contains(err.Error(), "ended at") || serial() != second {
		t.Errorf("one that is over: %v", err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	clock.forward(lookAgain)
	if serial() != second {
		t.Error("lost with its file")
	}
	if _, err := loadCertificate(o, certFile, keyFile, s.logger()); err == nil {
		t.Error("loaded without a key")
	}
}
