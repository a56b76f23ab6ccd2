package app

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestEnveloped: what net/http refuses before any handler is answered in the envelope, too.
func TestEnveloped(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	for name, test := range map[string]struct {
		sent   string
		status int
		code   string
	}{
		"a large head":                  {"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 40<<10) + "\r\n\r\n", 413, "REQUEST_TOO_LARGE"},
		"no HTTP":                       {"canary\r\n\r\n", 400, "API_VALIDATION_ERROR"},
		"no host":                       {"GET /healthz HTTP/1.1\r\n\r\n", 400, "API_VALIDATION_ERROR"},
		"a header that is none":         {"GET /healthz HTTP/1.1\r\nHost: x\r\ncanary\r\n\r\n", 400, "API_VALIDATION_ERROR"},
		"a coding that nobody knows":    {"POST /sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: canary\r\n\r\n", 400, "API_VALIDATION_ERROR"},
		"a version that nobody speaks":  {"GET /healthz HTTP/3.1\r\nHost: x\r\n\r\n", 400, "API_VALIDATION_ERROR"},
		"two lengths that do not agree": {"POST /sessions HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400, "API_VALIDATION_ERROR"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			c := w.dial()
			go fmt.Fprint(c, test.sent)
			response, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			var said map[string]string
			if err != nil || json.Unmarshal(body, &said) != nil || response.StatusCode != test.status || said["error_code"] != test.code || said["message"] == "" {
				t.Errorf("%s %q %v", response.Status, body, err)
			}
			if strings.Contains(string(body), "canary") || response.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%v %q", response.Header, body)
			}
			w.hungUp(c)
		})
	}
}
