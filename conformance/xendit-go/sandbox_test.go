// Package conformance_test has Xendit's own Go SDK work with a sandbox of Reprise, of which it knows the
// address and nothing else. What the SDK can do here is customers and refunds; what it reads and sends is Xendit's word
// for the wire.
package conformance_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	xendit "github.com/xendit/xendit-go/v7"
	"github.com/xendit/xendit-go/v7/common"
)

// sandbox is where the sandbox of this run answers, and its secret key, as its banner says.
var sandbox struct{ base, secretKey string }

// TestMain builds the command, starts one sandbox for all tests, and ends it after them.
func TestMain(m *testing.M) {
	code, err := run(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(tests func() int) (code int, err error) {
	dir, err := os.MkdirTemp("", "reprise-conformance-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, "reprise")
	build := exec.Command("go", "build", "-o", binary, "./cmd/reprise")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build ./cmd/reprise: %w\n%s", err, out)
	}
	// Port 0 lets every door take a port that is free.
	command := exec.Command(binary, "sandbox", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--log-level", "error")
	command.Stderr = os.Stderr
	banner, err := command.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := command.Start(); err != nil {
		return 1, err
	}
	defer func() {
		err = errors.Join(err, command.Process.Signal(os.Interrupt), command.Wait())
	}()
	stuck := time.AfterFunc(2*time.Minute, func() { _ = command.Process.Kill() })
	defer stuck.Stop()

	line := regexp.MustCompile(`(API base|Secret key) +(\S+)`)
	for lines := bufio.NewScanner(banner); sandbox.base == "" || sandbox.secretKey == ""; { // printed once it is ready
		if !lines.Scan() {
			return 1, errors.New("the sandbox ended before it was ready")
		}
		switch found := line.FindStringSubmatch(lines.Text()); {
		case found == nil:
		case found[1] == "API base":
			sandbox.base = found[2]
		default:
			sandbox.secretKey = found[2]
		}
	}
	return tests(), nil
}

// client is the SDK with a key, as a merchant has it; but for where it sends its requests.
func client(key string) *xendit.APIClient {
	c := xendit.NewClient(key)
	c.GetConfig().(*xendit.Configuration).Servers[0].URL = sandbox.base
	return c
}

// merchant is the SDK with the sandbox's own key.
func merchant() *xendit.APIClient { return client(sandbox.secretKey) }

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// done fails the test on an error of the SDK. It is not an error interface: nil has a type.
func done(t *testing.T, err *common.XenditSdkError) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s %s: %v", err.Status(), err.ErrorCode(), err.RawResponse())
	}
}

// refused is what the SDK makes of an answer that refuses.
func refused(t *testing.T, err *common.XenditSdkError, status, code string) {
	t.Helper()
	if err == nil {
		t.Fatalf("not refused, want %s %s", status, code)
	}
	if err.Status() != status || err.ErrorCode() != code || err.Error() == "" {
		t.Errorf("%s %s: %v, want %s %s", err.Status(), err.ErrorCode(), err.RawResponse(), status, code)
	}
}
