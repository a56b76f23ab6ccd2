package simulator

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// SandboxAuthority is the name of the CA that signs in a sandbox. Everybody can have one of that name, so a
// gateway that moves money refuses it.
const SandboxAuthority = "Nobody Real Root (sandbox only)"

const (
	// directoryIdentity is the name in the certificate with which the DS calls the gateway.
	directoryIdentity = "ds.nobody-real.test"
	gatewayIdentity   = "threeds-server.gateway.test"
	acquirerIdentity  = "acquirer.nobody-real.test"

	day          = 24 * time.Hour
	leafLifetime = 397 * day
	renewBefore  = 30 * day
	rootLifetime = 3650 * day
)

// papers are the certificates of this world: those of the DS, of the acquirer host and of the ACS, and those
// that it issues to the gateway, as a scheme's CA would.
type papers struct {
	rootPEM       []byte
	root          *x509.Certificate
	pool          *x509.CertPool
	dsServer      paper
	dsClient      paper
	acquirer      paper
	acs           paper
	gatewayServer paper
	gatewayClient paper
}

// paper is one certificate with its key.
type paper struct {
	certPEM, keyPEM []byte
	pair            tls.Certificate
}

// openPapers reads the certificates in the directory and makes those that are missing, damaged, of another
// root, or near their end.
func openPapers(w Options) (*papers, error) {
	o := office{dir: w.Dir, authority: w.Authority, now: w.Now(), rand: w.Rand}
	root, err := o.root()
	if err != nil {
		return nil, err
	}
	p := &papers{rootPEM: root.certPEM, root: root.pair.Leaf, pool: x509.NewCertPool()}
	p.pool.AddCert(root.pair.Leaf)
	for _, leaf := range []struct {
		to    *paper
		file  string
		name  string
		usage x509.ExtKeyUsage
	}{
		{&p.dsServer, "ds-server", directoryIdentity, x509.ExtKeyUsageServerAuth},
		{&p.dsClient, "ds-client", directoryIdentity, x509.ExtKeyUsageClientAuth},
		{&p.acquirer, "acquirer-server", acquirerIdentity, x509.ExtKeyUsageServerAuth},
		{&p.acs, "acs-server", w.ACSHost, x509.ExtKeyUsageServerAuth},
		{&p.gatewayServer, "gateway-server", gatewayIdentity, x509.ExtKeyUsageServerAuth},
		{&p.gatewayClient, "gateway-client", gatewayIdentity, x509.ExtKeyUsageClientAuth},
	} {
		if *leaf.to, err = o.leaf(root, p.pool, leaf.file, leaf.name, leaf.usage); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// mutual puts mutual TLS on a line from the gateway: nobody without a certificate of this CA gets as far as a
// request.
func (p *papers) mutual(l net.Listener, as paper, s *stage) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{as.pair},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    p.pool,
		NextProtos:   []string{"http/1.1"},
		Time:         s.now,
	})
}

// pages puts TLS on the line from payers' browsers.
func (p *papers) pages(l net.Listener, s *stage) net.Listener {
	return tls.NewListener(l, &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{p.acs.pair},
		NextProtos:   []string{"http/1.1"},
		Time:         s.now,
	})
}

// resultTLS is how the DS calls the gateway with a result: as itself, trusting only its own CA.
func (p *papers) resultTLS(s *stage) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{p.dsClient.pair},
		RootCAs:      p.pool,
		Time:         s.now,
	}
}

// office is where certificates are made and kept.
type office struct {
	dir       string
	authority string // the root's name
	now       time.Time
	rand      io.Reader
}

func (o office) root() (paper, error) {
	kept, err := o.read("ca")
	if err == nil && kept.pair.Leaf.Subject.CommonName == o.authority && o.good(kept, nil, x509.ExtKeyUsageAny, leafLifetime+renewBefore) {
		return kept, nil
	}
	return o.issue("ca", &x509.Certificate{
		Subject:               pkix.Name{CommonName: o.authority},
		NotAfter:              o.now.Add(rootLifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil)
}

func (o office) leaf(root paper, pool *x509.CertPool, file, name string, usage x509.ExtKeyUsage) (paper, error) {
	if kept, err := o.read(file); err == nil && o.good(kept, pool, usage, renewBefore) {
		return kept, nil
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		NotAfter:    o.now.Add(leafLifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
		DNSNames:    []string{name},
	}
	if usage == x509.ExtKeyUsageServerAuth {
		template.DNSNames = []string{"localhost", name}
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	return o.issue(file, template, &root)
}

// good tells whether a kept certificate is valid now and will be for a while.
func (o office) good(p paper, pool *x509.CertPool, usage x509.ExtKeyUsage, ahead time.Duration) bool {
	if pool == nil {
		return p.pair.Leaf.IsCA && !o.now.Before(p.pair.Leaf.NotBefore) && o.now.Add(ahead).Before(p.pair.Leaf.NotAfter)
	}
	for _, at := range []time.Time{o.now, o.now.Add(ahead)} {
		_, err := p.pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage}})
		if err != nil {
			return false
		}
	}
	return true
}

func (o office) issue(file string, template *x509.Certificate, parent *paper) (paper, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), o.rand)
	if err != nil {
		return paper{}, fmt.Errorf("key of %s: %w", file, err)
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(o.rand, serial); err != nil {
		return paper{}, fmt.Errorf("serial of %s: %w", file, err)
	}
	serial[0] &= 0x7f
	template.SerialNumber = new(big.Int).SetBytes(serial)
	template.NotBefore = o.now.Add(-time.Hour)

	signer, issuer := any(key), template
	if parent != nil {
		signer, issuer = parent.pair.PrivateKey, parent.pair.Leaf
	}
	der, err := x509.CreateCertificate(o.rand, template, issuer, key.Public(), signer)
	if err != nil {
		return paper{}, fmt.Errorf("certificate of %s: %w", file, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return paper{}, fmt.Errorf("key of %s: %w", file, err)
	}
	// The key first: a crash between the two leaves a pair that does not match and is made anew.
	if err := o.write(file+"-key.pem", "PRIVATE KEY", keyDER); err != nil {
		return paper{}, err
	}
	if err := o.write(file+".pem", "CERTIFICATE", der); err != nil {
		return paper{}, err
	}
	return o.read(file)
}

func (o office) read(file string) (paper, error) {
	cert, err := os.ReadFile(filepath.Join(o.dir, file+".pem"))
	if err != nil {
		return paper{}, err
	}
	key, err := os.ReadFile(filepath.Join(o.dir, file+"-key.pem"))
	if err != nil {
		return paper{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return paper{}, err
	}
	if pair.Leaf == nil {
		return paper{}, errors.New("no certificate in " + file)
	}
	return paper{certPEM: cert, keyPEM: key, pair: pair}, nil
}

// write replaces a file at once, never readable by others.
func (o office) write(name, kind string, der []byte) error {
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: der}); err != nil {
		return err
	}
	f, err := os.CreateTemp(o.dir, name+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text.Bytes())
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(o.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
