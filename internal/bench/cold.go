package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// sandboxPorts are how many a sandbox takes, one after the other (docs/sandbox.md).
const sandboxPorts = 7

// cold measures how long a sandbox takes from its start until it is ready: in an empty folder, in which it makes
// everything that it needs, and once more.
func (r *Report) cold(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "reprise-bench-cold")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, what := range []string{"sandbox that makes its data", "sandbox"} {
		took, err := coldSandbox(ctx, o.Program, filepath.Join(dir, "data"))
		if err != nil {
			return err
		}
		r.starts[what] = append(r.starts[what], milliseconds(took))
	}
	return nil
}

func coldSandbox(ctx context.Context, program, data string) (time.Duration, error) {
	listen, err := freePorts(sandboxPorts)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	p, err := start("the sandbox", program, "sandbox", "--listen", listen, "--data", data)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	err = p.until(ctx, "it is ready", func() bool {
		response, err := client.Get("http://" + listen + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return time.Since(began), err
}

// freePorts finds the first of so many ports, one after the other, that nobody has.
func freePorts(n int) (string, error) {
	for first := 21000; first < 32000; first += n {
		free := 0
		for ; free < n; free++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+free)))
			if err != nil {
				break
			}
			_ = l.Close()
		}
		if free == n {
			return net.JoinHostPort("127.0.0.1", strconv.Itoa(first)), nil
		}
	}
	return "", fmt.Errorf("there are no %d free ports in a row", n)
}
