package app

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Authorities are the certificates by which others are known to us, read from a PEM file. Whoever changes them replaces
// the file: more than ten seconds later the new ones count.
type Authorities struct {
	files
	log *slog.Logger

	mu   sync.Mutex
	list []*x509.Certificate
}

func loadAuthorities(o Outside, file string, log *slog.Logger) (*Authorities, error) {
	a := &Authorities{files: files{paths: []string{file}, now: o.Now}, log: log}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a, a.read()
}

// Get is asked with every connection.
func (a *Authorities) Get() []*x509.Certificate {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.replaced() {
		if err := a.read(); err != nil {
			a.log.Warn("certificate not renewed: the old one stays", "file", a.File(), "error", err)
		}
	}
	return a.list
}

// Reload reads the file now.
func (a *Authorities) Reload() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.read()
}

// Ends is when the first of them does that has not ended yet, or the last did. While roots are replaced the old one and
// the new one are both there, and nobody need do anything when the old one ends.
func (a *Authorities) Ends() (ends time.Time) {
	now := a.now()
	for _, c := range a.Get() {
		over, known := now.After(c.NotAfter), now.After(ends)
		switch {
		case over && known && c.NotAfter.After(ends), !over && (known || c.NotAfter.Before(ends)):
			ends = c.NotAfter
		}
	}
	return ends
}

// pool is for lines whose roots stay what they were at start.
func (a *Authorities) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range a.list {
		pool.AddCert(c)
	}
	return pool
}

func (a *Authorities) read() error {
	a.look()
	text, err := os.ReadFile(a.File())
	if err != nil {
		return err
	}
	var list []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err == nil {
			err = notOfSandbox(c)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.File(), err)
		}
		list = append(list, c)
	}
	if len(list) == 0 {
		return fmt.Errorf("%s holds no certificate in PEM", a.File())
	}
	renewed := a.list != nil && !slices.EqualFunc(a.list, list, (*x509.Certificate).Equal)
	if a.list = list; renewed {
		a.log.Info("certificate renewed", "file", a.File())
	}
	return nil
}
