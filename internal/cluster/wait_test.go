package cluster

import (
	"io"
	"log"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"
)

// eventually waits until something is so.
func eventually(t *testing.T, what string, within time.Duration, so func() bool) {
	t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(50 * time.Millisecond) {
		if so() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}

// freePorts finds a run of ports that nobody listens on, below those that the system gives to clients.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first, free := 10000+rand.IntN(20000), 0
		for ; free < n; free++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+free)))
			if err != nil {
				break
			}
			_ = l.Close()
		}
		if free == n {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

func freePort(t *testing.T) int { return freePorts(t, 1) }

// quiet is for servers that would tell of every connection that a fault has cut.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
