package cluster

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// node is one gateway of several, and the links by which it reaches the others and is reached.
type node struct {
	t    *testing.T
	name string
	dir  string

	listen, results string // its own doors
	door            *link  // from the balancer
	database        *link

	start   func() *process
	process *process
}

func (n *node) ready() bool {
	asker := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return n.process.alive() && answers(asker, "http://"+n.listen+"/readyz")
}

func openSandboxNode(t *testing.T, i int, dir, binary string, p *pair, w *world, hook, keys string) *node {
	t.Helper()
	port := freePorts(t, 7)
	n := &node{t: t, name: fmt.Sprint("node", i), dir: filepath.Join(dir, fmt.Sprint("node", i))}
	n.listen = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if keys != "" {
		text, err := os.ReadFile(keys)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(n.dir, "keys.json"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n.door = openLink(t, "balancer to "+n.name, n.listen)
	n.database = openLink(t, n.name+" to PostgreSQL", p.primary.address())
	n.start = func() *process {
		return start(t, n.name, filepath.Join(dir, n.name+".log"), binary, nil, "--log-level", "debug", "sandbox",
			"--listen", n.listen, "--data", n.dir, "--database", p.url(n.database.address(), "reprise"), "--simulator", w.control,
			"--webhook", hook)
	}
	n.process = n.start()
	eventually(t, n.name+" is ready", 30*time.Second, n.ready)
	return n
}
