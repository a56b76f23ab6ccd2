package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"reprise/internal/simulator"
)

// street is a row of nodes by 'serve' on one database, and before them a balancer that sends each request to the
// next. The world around them has its own authority and speaks TLS on every line; a merchant has live keys.
type street struct {
	*front
	*ear
	auditor
	t        *testing.T
	log      *lockedBuffer
	dir      string
	database string
	world    *simulator.World
	nodes    []*House
	settings []ServeSettings
	next     *atomic.Int64 // requests that the balancer has sent somewhere
	gone     *atomic.Int64 // a bit for each node that gets none any more
	business string
}

// openStreet starts nodes on an SQLite file, or on PostgreSQL where there is a URL. change edits each node's
// settings.
func openStreet(t *testing.T, nodes int, database string, change ...func(node int, s *ServeSettings)) *street {
	t.Helper()
	s := layStreet(t, database)
	for i := range nodes {
		settings := s.nodeSettings(i, nodes)
		for _, c := range change {
			c(i, &settings)
		}
		s.open(settings)
	}
	s.http = s.client()
	s.settle()
	return s
}

// layStreet is a street without nodes.
func layStreet(t *testing.T, database string) *street {
	t.Helper()
	s := &street{t: t, log: &lockedBuffer{}, dir: t.TempDir(), database: database, next: &atomic.Int64{}, gone: &atomic.Int64{}}
	log := slog.New(slog.NewTextHandler(s.log, nil))
	var err error
	s.world, err = OpenWorld(Real(), WorldSettings{Listen: "127.0.0.1:0", Data: filepath.Join(s.dir, "world"), Calm: true, Authority: "Rehearsal Root", TLS: true}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.world.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("log of the nodes:\n%s", s.log)
		}
	})
	pair, err := tls.LoadX509KeyPair(s.paper("gateway-server.pem"), s.paper("gateway-server-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	s.ear = listenTLS(t, pair)
	if err := CreateKeyFile(Real(), filepath.Join(s.dir, "keys.json")); err != nil {
		t.Fatal(err)
	}
	return s
}

// paper is a certificate or key that the world has issued.
func (s *street) paper(name string) string { return filepath.Join(s.dir, "world", name) }

// nodeSettings are those of one node of several. Results of challenges come to the one beside.
func (s *street) nodeSettings(node, of int) ServeSettings {
	kit := s.world.Kit()
	if node == 0 {
		s.settings = nil
		first := freePorts(s.t, 2*of)
		for i := range of {
			results := fmt.Sprintf("127.0.0.1:%d", first+2*i+1)
			s.settings = append(s.settings, ServeSettings{Listen: fmt.Sprintf("127.0.0.1:%d", first+2*i), ResultsListen: results})
		}
	}
	database := s.database
	if database == "" {
		database = filepath.Join(s.dir, "reprise.db")
	}
	n := s.settings[node]
	n.PublicURL, n.Certificate, n.CertificateKey = "https://localhost", s.paper("gateway-server.pem"), s.paper("gateway-server-key.pem")
	n.ResultsURL = "https://" + s.settings[(node+1)%of].ResultsListen + "/"
	n.ResultsCertificate, n.ResultsCertificateKey = n.Certificate, n.CertificateKey
	n.Database, n.Keys, n.Migrate = database, filepath.Join(s.dir, "keys.json"), node == 0
	n.AcquirerAddress, n.AcquirerRoots = kit.Acquirer, s.paper("ca.pem")
	n.AcquirerCertificate, n.AcquirerCertificateKey = s.paper("gateway-client.pem"), s.paper("gateway-client-key.pem")
	n.AcquirerForwarder, n.AcquirerAnswerTimeout, n.AcquirerTimeZone = "400001", "5s", "Asia/Jakarta"
	n.WebhookNetwork, n.WebhookRoots = []string{"127.0.0.0/8"}, s.paper("ca.pem")
	n.LimitKey, n.LimitSession, n.LimitAddress = "none", "none", "none"
	n.Directories = []DirectorySettings{{
		Name: "rehearsal", URL: kit.DirectoryURL, Roots: s.paper("ca.pem"),
		Certificate: s.paper("gateway-client.pem"), CertificateKey: s.paper("gateway-client-key.pem"),
		ResultNames: []string{kit.DirectoryIdentity}, ServerRef: "3DS_LOA_SER_REPR_020200_00001", OperatorID: "REHEARSAL",
		RequestorID: "rehearsal", RequestorName: "Rehearsal",
	}}
	return n
}

// open starts a node.
func (s *street) open(n ServeSettings) *House {
	s.t.Helper()
	h, err := Serve(s.t.Context(), Real(), n, "reprise (test)", slog.New(slog.NewTextHandler(s.log, nil)))
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	s.nodes = append(s.nodes, h)
	s.t.Cleanup(func() { s.close(h) })
	eventually(s.t, "ready", func() bool { return len(h.problems(s.t.Context())) == 0 })
	return h
}

func (s *street) close(h *House) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), 20*time.Second)
	defer cancel()
	if err := h.Close(ctx); err != nil {
		s.t.Errorf("close: %v", err)
	}
}

// leave closes a node; the balancer sends it nothing any more.
func (s *street) leave(node int) {
	s.t.Helper()
	s.gone.Or(1 << node)
	s.close(s.nodes[node])
}

// client reaches the public URL by the balancer, and all else as it is. No connection is used twice.
func (s *street) client() *http.Client {
	pem, err := os.ReadFile(s.paper("ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "localhost:443" {
				address = s.settings[s.turn()].Listen
			}
			return dialLocalhost(ctx, network, address)
		},
	}
	s.front = newFront(s.t, "https://localhost", "https://shop.example")
	return &http.Client{Transport: listening{transport, s.front}}
}

// turn is the node that the next request goes to.
func (s *street) turn() int {
	for {
		if node := int(s.next.Add(1)) % len(s.settings); s.gone.Load()&(1<<node) == 0 {
			return node
		}
	}
}

// settle makes the merchant, its keys and its endpoint.
func (s *street) settle() {
	s.t.Helper()
	database := s.database
	if database == "" {
		database = filepath.Join(s.dir, "reprise.db")
	}
	office, err := OpenOffice(s.t.Context(), Real(), database, "alice", slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	defer office.Close(s.t.Context())
	business, err := office.CreateMerchant(s.t.Context(), MerchantForm{
		Name: "Toko Buku", City: "Bandung", Country: "ID", MCC: "5942", Website: "https://toko.example",
		AcquirerBIN: "400551", MerchantID: "TOKO00000000001", TerminalID: "TOKO0001", AllowSkipThreeDS: true, ReuseCustomers: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.business = string(business)
	for text, public := range map[*string]bool{&s.secretKey: false, &s.publicKey: true} {
		if *text, _, err = office.CreateKey(s.t.Context(), NewKey{Business: s.business, Public: public, Production: true}); err != nil {
			s.t.Fatal(err)
		}
	}
	desk, err := office.Webhooks(s.t.Context(), WebhookSettings{
		Business: s.business, Keys: filepath.Join(s.dir, "keys.json"), Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	defer desk.Close()
	if _, _, err := desk.Add(s.t.Context(), s.ear.url, nil); err != nil {
		s.t.Fatal(err)
	}
	s.auditor = audit(s.t, filepath.Join(s.dir, "reprise.db"), s.database, &bank{t: s.t, control: s.world.ControlURL(), http: s.http})
}

// store has a payer type a card, pay with it, and leave it with the merchant; it returns its token.
func (s *street) store(number string, codes ...string) string {
	s.t.Helper()
	session := s.newSession("", typedFor("FORCED"))
	accepted := s.hand(typed(session, number))
	if end := s.visitor(accepted).pay(codes...); end["outcome"] != "succeeded" {
		s.t.Fatalf("%v", end)
	}
	s.wait(s.t, "payment_session.completed", session["payment_session_id"].(string))
	return accepted["payment_token_id"].(string)
}

// over waits until all that happened has been told, and holds the books against the bank's.
func (s *street) over() {
	s.t.Helper()
	eventually(s.t, "every webhook sent", func() bool { return s.count(`SELECT COUNT(*) FROM work WHERE kind = 'webhook'`) == 0 })
	if n := s.escrow(); n != 0 {
		s.t.Errorf("%d escrow rows", n)
	}
	s.balanced()
}

// from connects to a node from one of this machine's addresses.
func (s *street) from(address string, node int) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
			return d.DialContext(ctx, network, s.settings[node].Listen)
		},
	}}
}
