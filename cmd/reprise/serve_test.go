package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a command that runs.
type process struct {
	*exec.Cmd
	ended chan error
	mu    sync.Mutex
	log   bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func start(t *testing.T, binary string, words ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(binary, words...), ended: make(chan error, 1)}
	p.Stdout, p.Stderr = p, p
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(func() {
		_ = p.Process.Kill()
		if t.Failed() {
			t.Logf("%s:\n%s", words[0], p.said())
		}
	})
	return p
}

// ends waits until the process has ended, and returns how.
func (p *process) ends(t *testing.T) error {
	t.Helper()
	select {
	case err := <-p.ended:
		return err
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
		return nil
	}
}

// TestServe runs a gateway in a process of its own, and a rehearsal's world in another: it starts on settings alone,
// renews its certificate at SIGHUP, and stops as it should.
func TestServe(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program; run without -short")
	}
	binary, dir := filepath.Join(t.TempDir(), "reprise"), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	first := freePorts(t, 6)
	at := func(n int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(first+n)) }
	world := start(t, binary, "simulator", "--listen", at(0), "--data", filepath.Join(dir, "world"), "--tls", "--authority", "Rehearsal Root", "--calm")
	eventually(t, "the world", func() bool { return strings.Contains(world.said(), "Reprise simulator") })

	if err := typed("vault", "create", filepath.Join(dir, "keys.json")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gateway-server.pem", "gateway-server-key.pem"} {
		text, err := os.ReadFile(filepath.Join(dir, "world", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(text))
	}
	config := write(t, filepath.Join(dir, "reprise.yaml"), strings.NewReplacer("DIR", dir).Replace(fmt.Sprintf(`
listen: %[1]s
public-url: https://localhost:%[5]d
certificate: DIR/gateway-server.pem
certificate-key: DIR/gateway-server-key.pem
results-listen: %[2]s
results-url: https://%[2]s/
results-certificate: DIR/world/gateway-server.pem
results-certificate-key: DIR/world/gateway-server-key.pem
database: DIR/reprise.db
keys: DIR/keys.json
acquirer-address: %[4]s
acquirer-roots: DIR/world/ca.pem
acquirer-certificate: DIR/world/gateway-client.pem
acquirer-certificate-key: DIR/world/gateway-client-key.pem
acquirer-forwarder: "400123"
directories:
  - name: rehearsal
    url: https://%[3]s/
    roots: DIR/world/ca.pem
    certificate: DIR/world/gateway-client.pem
    certificate-key: DIR/world/gateway-client-key.pem
    result-names: [ds.nobody-real.test]
    server-reference: 3DS_LOA_SER_REHE_020200_00001
    requestor-id: rehearsal
    requestor-name: Rehearsal
`, at(4), at(5), at(1), at(2), first+4)))
	pem, err := os.ReadFile(filepath.Join(dir, "world", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	status := func() int {
		response, err := client.Get("https://" + at(4) + "/readyz")
		if err != nil {
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}

	if refused := start(t, binary, "serve", "--config", config); refused.ends(t) == nil || !strings.Contains(refused.said(), "--migrate makes it") {
		t.Errorf("without a database: %s", refused.said())
	}
	gateway := start(t, binary, "serve", "--config", config, "--migrate", "--drain-delay", "2s")
	eventually(t, "ready", func() bool { return status() == http.StatusOK })
	if said := gateway.said(); !strings.Contains(said, "gateway is open") || !strings.Contains(said, "database=SQLite acquirer="+at(2)+" directories=1") {
		t.Errorf("%s", said)
	}
	issue(t, filepath.Join(dir, "gateway-server.pem"), filepath.Join(dir, "gateway-server-key.pem"), "localhost")
	_ = gateway.Process.Signal(syscall.SIGHUP)
	eventually(t, "renewed", func() bool { return strings.Contains(gateway.said(), "certificate renewed") })
	roots.AddCert(read(t, filepath.Join(dir, "gateway-server.pem")))
	if status() != http.StatusOK {
		t.Error("not served with the new certificate")
	}
	_ = gateway.Process.Signal(syscall.SIGTERM)
	eventually(t, "closing", func() bool { return status() == http.StatusServiceUnavailable })
	if err := gateway.ends(t); err != nil {
		t.Errorf("stopped: %v", err)
	}

	gateway = start(t, binary, "serve", "--config", config, "--drain-delay", "1h")
	eventually(t, "ready again", func() bool { return status() == http.StatusOK })
	_ = gateway.Process.Signal(syscall.SIGTERM)
	eventually(t, "closing", func() bool { return status() == http.StatusServiceUnavailable })
	_ = gateway.Process.Signal(syscall.SIGTERM)
	if err := gateway.ends(t); err == nil {
		t.Error("a second signal is an orderly stop")
	}
}

func read(t *testing.T, file string) *x509.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(file, strings.TrimSuffix(file, ".pem")+"-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// freePorts finds a run of ports that nobody listens on.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 10000 + rand.IntN(20000) // below those that the system gives to clients
		free := true
		for i := range n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
			if free = free && err == nil; err == nil {
				defer l.Close()
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}
