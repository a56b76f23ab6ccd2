package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookAgain is how old what we know of a certificate's files may be.
const lookAgain = 10 * time.Second

// Certificate is a certificate with its key, read from two files. Whoever renews it replaces the files: a
// connection that is made more than ten seconds later gets the new one, and those that are open are left alone.
type Certificate struct {
	certFile, keyFile string // empty for one that never changes
	now               func() time.Time
	log               *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	looked time.Time
	seen   [2]fs.FileInfo // the files as they were when they were read last, with or without success
}

// loadCertificate reads a certificate, its chain behind it, and its key, all PEM.
func loadCertificate(o Outside, certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, now: o.Now, log: log}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c, c.read()
}

// fixedCertificate is one that never changes.
func fixedCertificate(pair tls.Certificate) *Certificate { return &Certificate{pair: &pair} }

// Get is what a server asks with every connection.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil }

// Show is what a client is asked for with every connection.
func (c *Certificate) Show(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return c.current(), nil
}

// Ends is when the certificate does.
func (c *Certificate) Ends() time.Time { return c.current().Leaf.NotAfter }

// Reload reads the files now, whatever is known of them. After an error the old certificate stays.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.certFile == "" {
		return nil
	}
	return c.read()
}

// serverTLS is what the house speaks TLS with to merchants and browsers. HTTP/2 is left out: the bounds of a
// connection are those of one request (docs/operations.md).
func (c *Certificate) serverTLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Get, NextProtos: []string{"http/1.1"}}
}

func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.certFile == "" {
		return c.pair
	}
	if now := c.now(); now.Sub(c.looked) >= lookAgain || now.Before(c.looked) {
		c.looked = now
		if c.changed() {
			if err := c.read(); err != nil { // once for each change: both files are marked as seen
				c.log.Warn("certificate not renewed: the old one stays", "file", c.certFile, "error", err)
			}
		}
	}
	return c.pair
}

// changed tells whether the files are others than those that were read.
func (c *Certificate) changed() bool {
	for i, file := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			continue // being replaced, or gone: there is nothing to read
		}
		if seen := c.seen[i]; seen == nil || !os.SameFile(info, seen) || !info.ModTime().Equal(seen.ModTime()) || info.Size() != seen.Size() {
			return true
		}
	}
	return false
}

// read takes the pair from the files.
func (c *Certificate) read() error {
	first := c.pair == nil
	var text [2][]byte
	var problems [2]error
	for i, file := range []string{c.certFile, c.keyFile} {
		c.seen[i], _ = os.Stat(file) // before the text: what is written in between is seen as another change
		if i == 0 {
			text[i], problems[i] = os.ReadFile(file)
		} else {
			text[i], problems[i] = readSecret(file)
		}
	}
	if err := errors.Join(problems[:]...); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return fmt.Errorf("%s with %s: %w", c.certFile, c.keyFile, err)
	}
	now := c.now()
	if now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%s ended at %s", c.certFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	c.pair, c.looked = &pair, now
	if !first {
		c.log.Info("certificate renewed", "file", c.certFile, "ends", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// readSecret reads a file that not everybody on the machine may read, and only its owner write.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o027 != 0 {
		return nil, fmt.Errorf("%s has mode %v, but others than its owner may at most read it, as its group: chmod g-w,o= it", path, info.Mode())
	}
	return os.ReadFile(path)
}
