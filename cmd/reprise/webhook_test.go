package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// sandboxBusiness is the sandbox's merchant.
const sandboxBusiness = "62440e322008e87fb29c1fd0"

// TestWebhooks types the commands beside a sandbox that runs.
func TestWebhooks(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "reprise")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	d := &desk{t: t, binary: binary, dir: t.TempDir()}
	d.database = filepath.Join(d.dir, "reprise-data", "reprise.db")
	d.runSandbox()

	var status atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer server.Close()
	webhook := func(words ...string) []string {
		return append([]string{"webhook", words[0], "--merchant", sandboxBusiness}, words[1:]...)
	}

	added := strings.Split(d.do(webhook("add", server.URL, "--event", "payment.capture", "--event", "payment.failure")...), "\n")
	if len(added) != 2 || !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(added[0]) || !strings.HasPrefix(added[1], "whsec_") {
		t.Fatalf("added: %q", added)
	}
	id, secret := added[0], added[1]
	if row := d.row(id, webhook("list")...); row[1] != server.URL || row[2] != "payment.capture,payment.failure" || row[3] != "enabled" || len(row) != 4 {
		t.Errorf("listed: %q", row)
	}
	if row := d.row(id, webhook("list", "--secret")...); row[4] != secret {
		t.Error("another secret is listed than was given")
	}
	if list := d.do(webhook("list", "--secret")...); !strings.Contains(list, "x-callback-token of all: sandbox_callback_token") {
		t.Error("no callback token is listed")
	}
	status.Store(204)
	if said := d.do(webhook("test", id)...); !strings.HasPrefix(said, "taken: answered 204, in ") {
		t.Errorf("a sample: %s", said)
	}
	status.Store(500)
	d.refused(webhook("test", id, "--event", "payment.failure"), "not taken: answered 500, in ")
	server.Close()
	d.refused(webhook("test", id), "not taken: no answer: connection, in ")

	if said := d.do(webhook("resend", "--from", "2026-01-31T00:00:00Z", "--failed", "--wait")...); !strings.HasPrefix(said, "0 deliveries are sent again") {
		t.Errorf("resent: %s", said)
	}
	d.do(webhook("enable", id)...)
	d.do(webhook("remove", id)...)
	d.refused(webhook("remove", id), "has no endpoint "+id)
	d.refused(webhook("resend"), "neither a webhook-id nor a time")
	d.refused(webhook("add", "https://10.0.0.1/"), "public internet")
	d.refused(webhook("add", "https://shop.example/", "--event", "payment.lost"), `no event "payment.lost"`)
	d.refused([]string{"webhook", "list"}, "--merchant")
	d.refused([]string{"webhook", "list", "--merchant", "nobody"}, "there is no merchant nobody")
	d.refused(webhook("list", "--secret", "--keys", "none.json"), "none.json")
	d.refused(webhook("add", "https://shop.example/", "--keys", "none.json"), "none.json")
	d.do(webhook("list", "--keys", "none.json")...) // which has nothing to sign
	d.refused(webhook("resend", "--from", "2026-01-31T00:00:00Z", "--failed", "--delivered"), "can't be used together")
	d.refused(webhook("resend", "--from", "2026-01-31T00:00:00Z", "--after", "1"), "no id of a delivery")
}

// runSandbox starts a sandbox in the desk's folder, on free ports, and ends it with the test.
func (d *desk) runSandbox() *exec.Cmd {
	d.t.Helper()
	sandbox := exec.Command(d.binary, "sandbox", "--listen", "127.0.0.1:0", "--calm")
	sandbox.Dir = d.dir
	out, err := sandbox.StdoutPipe()
	if err == nil {
		err = sandbox.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		_ = sandbox.Process.Signal(syscall.SIGTERM)
		_ = sandbox.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "Stop with Ctrl-C") {
			return sandbox
		}
	}
	d.t.Fatal("the sandbox did not start")
	return nil
}
