package cluster

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// node is one gateway of several. It reaches everybody by links of its own, and is reached by them.
type node struct {
	name, log string
	listen    string // where it is asked by the test itself
	results   string

	door, acquirer, directory *link
	// database is one link to the primary, or one to each server.
	database []*link

	run func() *process

	mu      sync.Mutex
	process *process
	wanted  bool      // it is to run: one that ends by itself is started again
	since   time.Time // when it was started
	deaths  int       // how often it ended by itself, other than because it could not start
}

func (n *node) links() []*link {
	return append([]*link{n.door, n.acquirer, n.directory}, n.database...)
}

// ready asks it past all links.
func (n *node) ready() bool {
	asker := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return answers(asker, "http://"+n.listen+"/readyz")
}

// start starts it, and has it started again whenever it ends by itself.
func (n *node) start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.process, n.wanted, n.since = n.run(), true, time.Now()
}

// end ends it by kill, or as it is asked to by stop.
func (n *node) end(by func(*process)) {
	n.mu.Lock()
	n.wanted = false
	ending := n.process
	n.mu.Unlock()
	by(ending)
}

// supervise does what an operator's supervisor does. A gateway that finds no database when it starts ends.
func (n *node) supervise(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(500 * time.Millisecond):
		}
		n.mu.Lock()
		if n.wanted && !n.process.alive() {
			if time.Since(n.since) > 20*time.Second {
				n.deaths++
			}
			n.process, n.since = n.run(), time.Now()
		}
		n.mu.Unlock()
	}
}

// site is a gateway of several nodes with everybody around it.
type site struct {
	t        *testing.T
	dir      string
	binary   string
	pair     *pair
	world    *world
	hook     *sink
	balancer *balancer
	results  *link // from the directory server to whichever node comes next
	nodes    []*node
}

const database = "reprise"

// openSite starts everybody but the nodes' merchants and customers.
func openSite(t *testing.T, seed uint64, nodes int) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "reprise-nodes")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs of all processes are in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	s := &site{t: t, dir: dir, pair: openPair(t)}
	s.pair.exec(s.pair.primary, `CREATE DATABASE `+database)
	s.binary = program(t, s.dir)
	s.world = openWorld(t, s.binary, s.dir)
	s.hook = openSink(t, s.world.papers, seed)
	s.balancer = openBalancer(t, s.world.papers)
	s.results = openLink(t, "directory server to all")
	s.office("vault", "create", s.path("keys.json"))
	s.office("migrate")
	var doors, results []string
	for i := range nodes {
		n := s.open(i)
		s.nodes = append(s.nodes, n)
		doors, results = append(doors, "http://"+n.door.address()), append(results, n.results)
	}
	s.results.to(results...)
	s.balancer.to(t, doors)
	eventually(t, "all nodes are ready", 30*time.Second, func() bool { return s.balancer.ready() == nodes })
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// open starts a node, which is another one with the same name when it starts again.
func (s *site) open(i int) *node {
	s.t.Helper()
	port := freePorts(s.t, 2)
	n := &node{name: fmt.Sprint("node", i), listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), results: net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1))}
	n.log = s.path(n.name + ".log")
	directory, err := url.Parse(s.world.kit.DirectoryURL)
	if err != nil {
		s.t.Fatal(err)
	}
	n.door = openLink(s.t, "balancer to "+n.name, n.listen)
	// The last node knows both servers and looks for the one that takes writes; the others know one address, behind
	// which somebody puts the primary.
	addresses, attributes := []string{}, ""
	for _, server := range []*server{s.pair.primary, s.pair.standby}[:1+i/2] {
		l := openLink(s.t, n.name+" to PostgreSQL", server.address())
		n.database, addresses = append(n.database, l), append(addresses, l.address())
	}
	if len(addresses) > 1 {
		attributes = "&target_session_attrs=read-write"
	}
	n.acquirer = openLink(s.t, n.name+" to the acquirer", s.world.kit.Acquirer)
	n.directory = openLink(s.t, n.name+" to the directory server", directory.Host)
	file := s.path(n.name + ".yaml")
	if err := os.WriteFile(file, []byte(s.settings(n)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	url := s.pair.url(strings.Join(addresses, ","), database) + attributes
	n.run = func() *process {
		return start(s.t, n.name, n.log, s.binary, []string{"REPRISE_DATABASE=" + url},
			"--log-level", "debug", "serve", "--config", file)
	}
	n.start()
	stop := make(chan struct{})
	go n.supervise(stop)
	s.t.Cleanup(func() {
		close(stop)
		n.end((*process).kill)
	})
	eventually(s.t, n.name+" is ready", 30*time.Second, n.ready)
	return n
}

// settings are a node's, in the file that an operator writes.
func (s *site) settings(n *node) string {
	p := s.world.papers
	return strings.NewReplacer(
		"LISTEN", n.listen, "PUBLIC", s.balancer.url, "RESULTS-OF-ALL", "https://"+s.results.address()+"/", "RESULTS", n.results,
		"KEYS", s.path("keys.json"), "SERVER-CERT", p.file("gateway-server.pem"), "SERVER-KEY", p.file("gateway-server-key.pem"),
		"CLIENT-CERT", p.file("gateway-client.pem"), "CLIENT-KEY", p.file("gateway-client-key.pem"), "ROOTS", p.file("ca.pem"),
		"ACQUIRER", n.acquirer.address(), "DIRECTORY", "https://"+n.directory.address()+"/", "IDENTITY", s.world.kit.DirectoryIdentity,
	).Replace(`
listen: LISTEN
public-url: PUBLIC
trusted-proxy: [127.0.0.0/8]
results-listen: RESULTS
results-url: RESULTS-OF-ALL
results-certificate: SERVER-CERT
results-certificate-key: SERVER-KEY
keys: KEYS
acquirer-address: ACQUIRER
acquirer-roots: ROOTS
acquirer-certificate: CLIENT-CERT
acquirer-certificate-key: CLIENT-KEY
acquirer-forwarder: "400001"
acquirer-answer-timeout: 5s
webhook-network: [127.0.0.0/8]
webhook-roots: ROOTS
limit-key: none
limit-session: none
limit-address: none
directories:
  - name: rehearsal
    url: DIRECTORY
    roots: ROOTS
    certificate: CLIENT-CERT
    certificate-key: CLIENT-KEY
    result-names: [IDENTITY]
    server-reference: 3DS_LOA_SER_REPR_020200_00001
    operator-id: REHEARSAL
    requestor-id: rehearsal
    requestor-name: Rehearsal
`)
}

// office types a command of the operator's and returns what it prints.
func (s *site) office(arguments ...string) string {
	s.t.Helper()
	said, code := s.command(arguments...)
	if code != 0 {
		s.t.Fatalf("reprise %s: exit status %d\n%s", strings.Join(arguments, " "), code, said)
	}
	return said
}

// logs are the files that the nodes write.
func (s *site) logs() (files []string) {
	for _, n := range s.nodes {
		files = append(files, n.log)
	}
	return files
}
