package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

// papers are the certificates that the world has issued: those of its own parties, and those with which the
// gateway's side of every line proves itself.
type papers struct {
	dir  string
	pool *x509.CertPool
	pair tls.Certificate // of every server of ours at 127.0.0.1
}

func readPapers(t *testing.T, dir string) papers {
	t.Helper()
	p := papers{dir: dir, pool: x509.NewCertPool()}
	root, err := os.ReadFile(p.file("ca.pem"))
	if err != nil || !p.pool.AppendCertsFromPEM(root) {
		t.Fatalf("the world's authority: %v", err)
	}
	if p.pair, err = tls.LoadX509KeyPair(p.file("gateway-server.pem"), p.file("gateway-server-key.pem")); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p papers) file(name string) string { return filepath.Join(p.dir, name) }
