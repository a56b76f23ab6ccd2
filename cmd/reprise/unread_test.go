package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatAnEndpointSendsUnaskedIsNotLogged: an endpoint answers twice, and its second answer holds a card number.
func TestWhatAnEndpointSendsUnaskedIsNotLogged(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "reprise")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	endpoint, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer endpoint.Close()
	go func() {
		for {
			c, err := endpoint.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				request, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, request.Body)
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 4111111111111111\r\n\r\n")
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()

	listen := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 7))
	sandbox := start(t, binary, "sandbox", "--listen", listen, "--data", t.TempDir(), "--calm")
	eventually(t, "the sandbox", func() bool { return strings.Contains(sandbox.said(), "Stop with Ctrl-C") })
	post := func(path, body string) (answer map[string]any) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+listen+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("xnd_development_sandbox", "")
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode > 201 {
			t.Fatalf("%s: %d %v %v", path, response.StatusCode, answer, err)
		}
		return answer
	}
	added := post("/webhook_endpoints", `{"url": "http://`+endpoint.Addr().String()+`/"}`)
	post(fmt.Sprintf("/webhook_endpoints/%v/test", added["endpoint_id"]), `{"event": "payment.capture"}`)
	eventually(t, "that something is not repeated", func() bool {
		return strings.Contains(sandbox.said(), `level=WARN msg="a library logged what is not repeated`)
	})
	if said := sandbox.said(); strings.Contains(said, "411111111") || strings.Contains(said, "Unsolicited") {
		t.Error("what an endpoint sent is in the log")
	}
}
