package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// publicURL is how the gateway is known to banks and merchants. Nobody resolves it: browsers here know where it is.
const publicURL = "https://pay.bench.example"

// site is a gateway on a database of its own with everybody around it, each a process of its own but for the sink.
type site struct {
	program string
	dir     string // of everything that is written, and gone at the end
	kind    string // SQLite or PostgreSQL
	admin   string // URL of the server on which the database was made; empty: SQLite
	server  string // URL or path of the database
	master  int    // process of PostgreSQL, where it is on this machine

	world, gateway *process
	listen         string
	control        string
	kit            kit
	sink           *sink
	*client
	shop

	coldStart time.Duration // from the start of the process until it says that it is ready, on a database that is there
}

// kit says how a gateway reaches the world; the control port of the simulator tells it.
type kit struct {
	Acquirer          string `json:"acquirer"`
	DirectoryURL      string `json:"directory_url"`
	DirectoryIdentity string `json:"directory_identity"`
}

// openSite starts everybody on a new database: an SQLite file, or one made on a PostgreSQL server. profile is the file
// to which the gateway writes where its time goes; empty: none.
func openSite(ctx context.Context, program, database, profile string, cards int) (s *site, err error) {
	s = &site{program: program, kind: "SQLite"}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "reprise-bench"); err != nil {
		return s, err
	}
	s.server = s.path("reprise.db")
	if database != sqliteFile {
		s.kind, s.admin = "PostgreSQL", database
		if s.server, err = newDatabase(ctx, database); err != nil {
			return s, err
		}
		if s.master, err = postmaster(ctx, s.server); err != nil {
			return s, err
		}
	}
	if err = s.openWorld(ctx); err != nil {
		return s, err
	}
	if err = os.WriteFile(s.path("database"), []byte(s.server+"\n"), 0o600); err != nil {
		return s, err
	}
	for _, command := range [][]string{
		{"vault", "create", s.path("keys.json")}, {"migrate", "--database-file", s.path("database")},
	} {
		if _, err = typed(ctx, program, command...); err != nil {
			return s, err
		}
	}
	if err = s.openGateway(ctx, profile); err != nil {
		return s, err
	}
	return s, s.openShop(ctx, cards)
}

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// close ends everybody and leaves nothing behind.
func (s *site) close() {
	if s.client != nil {
		s.client.close()
	}
	s.gateway.stop()
	s.world.stop()
	if s.sink != nil {
		s.sink.close()
	}
	if s.admin != "" && s.server != "" {
		dropDatabase(s.admin, s.server)
	}
	_ = os.RemoveAll(s.dir)
}

var controlURL = regexp.MustCompile(`--simulator (http://\S+)`)

// openWorld starts the simulator, calm: what it does on other days to be a nuisance is not to be measured.
func (s *site) openWorld(ctx context.Context) error {
	var err error
	s.world, err = start("the simulator", s.program, "simulator", "--listen", "127.0.0.1:0", "--data", s.path("world"),
		"--tls", "--authority", "Root of a bench", "--calm")
	if err != nil {
		return err
	}
	if err := s.world.until(ctx, "it says where it is", func() bool {
		found := controlURL.FindStringSubmatch(s.world.words())
		if found != nil {
			s.control = found[1]
		}
		return found != nil
	}); err != nil {
		return err
	}
	roots, pem := x509.NewCertPool(), []byte(nil)
	if pem, err = os.ReadFile(s.path("world/ca.pem")); err != nil {
		return err
	}
	roots.AppendCertsFromPEM(pem)
	pair, err := tls.LoadX509KeyPair(s.path("world/gateway-server.pem"), s.path("world/gateway-server-key.pem"))
	if err != nil {
		return err
	}
	if s.sink, err = openSink(pair); err != nil {
		return err
	}
	if s.listen, err = freePort(); err != nil {
		return err
	}
	s.client = newClient("http://"+s.listen, publicURL, roots)
	return s.tell(ctx, "/kit", &s.kit)
}

// tell asks the simulator's control port.
func (s *site) tell(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.control+path, nil)
	if err != nil {
		return err
	}
	response, err := s.client.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

// openGateway starts the gateway and waits until it is ready.
func (s *site) openGateway(ctx context.Context, profile string) error {
	results, err := freePort()
	if err != nil {
		return err
	}
	world := func(name string) string { return s.path("world/" + name) }
	settings := strings.NewReplacer(
		"LISTEN", s.listen, "PUBLIC", publicURL, "RESULTS", results, "DATABASE", s.path("database"), "KEYS", s.path("keys.json"),
		"SERVER-CERT", world("gateway-server.pem"), "SERVER-KEY", world("gateway-server-key.pem"),
		"CLIENT-CERT", world("gateway-client.pem"), "CLIENT-KEY", world("gateway-client-key.pem"), "ROOTS", world("ca.pem"),
		"ACQUIRER", s.kit.Acquirer, "DIRECTORY", s.kit.DirectoryURL, "IDENTITY", s.kit.DirectoryIdentity,
	).Replace(gatewaySettings)
	if err := os.WriteFile(s.path("reprise.yaml"), []byte(settings), 0o600); err != nil {
		return err
	}
	words := []string{"--log-level", "warn", "serve", "--config", s.path("reprise.yaml")}
	if profile != "" {
		words = append([]string{"--cpu-profile", profile}, words...)
	}
	began := time.Now()
	if s.gateway, err = start("the gateway", s.program, words...); err != nil {
		return err
	}
	err = s.gateway.until(ctx, "it is ready", func() bool {
		response, err := s.client.http.Get(s.client.base + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	s.coldStart = time.Since(began)
	return err
}

// gatewaySettings are those of an operator, but that nobody is told to come again: how much is asked is what is
// measured here. Plain HTTP is taken from a proxy, which is who measures.
const gatewaySettings = `
listen: LISTEN
public-url: PUBLIC
trusted-proxy: [127.0.0.0/8]
results-listen: RESULTS
results-url: https://RESULTS/
results-certificate: SERVER-CERT
results-certificate-key: SERVER-KEY
database-file: DATABASE
keys: KEYS
acquirer-address: ACQUIRER
acquirer-roots: ROOTS
acquirer-certificate: CLIENT-CERT
acquirer-certificate-key: CLIENT-KEY
acquirer-forwarder: "400001"
webhook-network: [127.0.0.0/8]
webhook-roots: ROOTS
limit-key: none
limit-session: none
limit-address: none
directories:
  - name: bench
    url: DIRECTORY
    roots: ROOTS
    certificate: CLIENT-CERT
    certificate-key: CLIENT-KEY
    result-names: [IDENTITY]
    server-reference: 3DS_LOA_SER_REPR_020200_00001
    operator-id: BENCH
    requestor-id: bench
    requestor-name: Bench
`

// freePort finds a port that nobody has. Somebody may take it before it is used; then whoever wanted it says so.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// newDatabase makes a database with a name of its own on a PostgreSQL server, and returns its URL.
func newDatabase(ctx context.Context, admin string) (string, error) {
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	name := "reprise_bench_" + hex.EncodeToString(random)
	at, err := url.Parse(admin)
	if err != nil || !strings.HasPrefix(at.Scheme, "postgres") {
		return "", errors.New("the URL of the database cannot be read")
	}
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return "", fmt.Errorf("no PostgreSQL: %w", quietly(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+name); err != nil {
		return "", err
	}
	at.Path = "/" + name
	return at.String(), nil
}

// dropDatabase takes a database away that newDatabase made, whoever is still connected to it.
func dropDatabase(admin, server string) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	at, err := url.Parse(server)
	if err != nil {
		return
	}
	conn, err := pgx.Connect(ctx, admin)
	if err != nil {
		return
	}
	defer conn.Close(ctx)
	_, _ = conn.Exec(ctx, `DROP DATABASE IF EXISTS `+strings.TrimPrefix(at.Path, "/")+` WITH (FORCE)`)
}

// used is what each process has used so far.
func (s *site) used(ctx context.Context) (map[string]usage, error) {
	all := map[string]usage{}
	var err error
	for name, pid := range map[string]int{"gateway": s.gateway.pid(), "simulator": s.world.pid(), "load": os.Getpid()} {
		if all[name], err = ofProcess(pid); err != nil {
			return nil, err
		}
	}
	if s.master != 0 {
		all["PostgreSQL"], err = ofFamily(s.master)
	}
	return all, errors.Join(ctx.Err(), err)
}
