package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Certificate is a certificate with its key, read from two files. Whoever renews it replaces the files: a
// connection that is made more than ten seconds later gets the new one, and those that are open are left alone.
type Certificate struct {
	files // the certificate and its key; none for one that never changes
	log   *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
}

// loadCertificate reads a certificate, its chain behind it, and its key, all PEM.
func loadCertificate(o Outside, certFile, keyFile string, log *slog.Logger) (*Certificate, error) {
	c := &Certificate{files: files{paths: []string{certFile, keyFile}, now: o.Now}, log: log}
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
	if c.File() == "" {
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
	if c.replaced() {
		if err := c.read(); err != nil { // once for each change: both files are marked as seen
			c.log.Warn("certificate not renewed: the old one stays", "file", c.File(), "error", err)
		}
	}
	return c.pair
}

// read takes the pair from the files.
func (c *Certificate) read() error {
	c.look()
	certFile, keyFile := c.paths[0], c.paths[1]
	certificate, err := os.ReadFile(certFile)
	key, problem := readSecret(keyFile)
	if err := errors.Join(err, problem); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("%s with %s: %w", certFile, keyFile, err)
	}
	if err := notOfSandbox(pair.Leaf); err != nil {
		return err
	}
	if c.now().After(pair.Leaf.NotAfter) {
		return fmt.Errorf("%s ended at %s", certFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	renewed := c.pair != nil && !c.pair.Leaf.Equal(pair.Leaf)
	if c.pair = &pair; renewed {
		c.log.Info("certificate renewed", "file", certFile, "ends", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
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
