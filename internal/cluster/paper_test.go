package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// papers are the certificates of the public side: whoever holds root.pem trusts the balancer and the
// merchant's endpoint.
type papers struct {
	root string // its file
	pool *x509.CertPool
	pair tls.Certificate // of every server at 127.0.0.1
}

func makePapers(t *testing.T, dir string) papers {
	t.Helper()
	rootKey, root := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "Root of the cluster test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, nil)
	key, leaf := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root, rootKey)
	p := papers{
		root: filepath.Join(dir, "root.pem"), pool: x509.NewCertPool(),
		pair: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key},
	}
	p.pool.AddCert(root)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	if err := os.WriteFile(p.root, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// certificate makes a key and what an issuer says of it; without one it says it of itself.
func certificate(t *testing.T, of, issuer *x509.Certificate, issuerKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if issuer == nil {
		issuer, issuerKey = of, key
	}
	of.SerialNumber = big.NewInt(time.Now().UnixNano())
	of.NotBefore, of.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour)
	raw, err := x509.CreateCertificate(rand.Reader, of, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key, made
}
