package app

import (
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/internal/vault"
)

func (s *street) logger() *slog.Logger { return slog.New(slog.NewTextHandler(s.log, nil)) }

// TestWhatBelongsToASandboxIsRefused: the papers of a world with the name that all have, and a sandbox's key file.
func TestWhatBelongsToASandboxIsRefused(t *testing.T) {
	t.Parallel()
	s := layStreet(t, "")
	n := s.nodeSettings(0, 1)
	if _, err := n.Read(Real(), s.logger()); err != nil {
		t.Fatal(err)
	}
	sandbox, err := OpenWorld(Real(), WorldSettings{Listen: "127.0.0.1:0", Data: filepath.Join(s.dir, "sandbox"), TLS: true}, s.logger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sandbox.Close(t.Context()) })
	of := func(name string) string { return filepath.Join(s.dir, "sandbox", name) }
	if _, err := vault.CreateSandboxKeys(of("keys.json"), Real().Rand); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*ServeSettings){
		"certificate: it belongs to": func(n *ServeSettings) {
			n.Certificate, n.CertificateKey = of("gateway-server.pem"), of("gateway-server-key.pem")
		},
		"results-certificate: it belongs to": func(n *ServeSettings) {
			n.ResultsCertificate, n.ResultsCertificateKey = of("ds-server.pem"), of("ds-server-key.pem")
		},
		"acquirer-certificate: it belongs to": func(n *ServeSettings) {
			n.AcquirerCertificate, n.AcquirerCertificateKey = of("gateway-client.pem"), of("gateway-client-key.pem")
		},
		"directories[0].certificate: it belongs to": func(n *ServeSettings) {
			n.Directories[0].Certificate, n.Directories[0].CertificateKey = of("gateway-client.pem"), of("gateway-client-key.pem")
		},
		"acquirer-roots: " + of("ca.pem"):              func(n *ServeSettings) { n.AcquirerRoots = of("ca.pem") },
		"webhook-roots: " + of("ca.pem"):               func(n *ServeSettings) { n.WebhookRoots = of("ca.pem") },
		"directories[0].roots: " + of("ca.pem"):        func(n *ServeSettings) { n.Directories[0].Roots = of("ca.pem") },
		"directories[0].result-roots: " + of("ca.pem"): func(n *ServeSettings) { n.Directories[0].ResultRoots = of("ca.pem") },
		"keys: " + of("keys.json") + " was made for":   func(n *ServeSettings) { n.Keys = of("keys.json") },
	} {
		changed := s.nodeSettings(0, 1)
		change(&changed)
		_, err := changed.Read(Real(), s.logger())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("nothing of %q alone in: %v", want, err)
		}
	}
}

// TestSettingsThatDoNotFit: what is well formed and wrong all the same.
func TestSettingsThatDoNotFit(t *testing.T) {
	t.Parallel()
	s := layStreet(t, "")
	everybody := filepath.Join(s.dir, "everybody.pem")
	copyFile(t, s.paper("gateway-server-key.pem"), everybody)
	if err := os.Chmod(everybody, 0o644); err != nil {
		t.Fatal(err)
	}
	group := filepath.Join(s.dir, "group.pem")
	copyFile(t, s.paper("gateway-server-key.pem"), group)
	if err := os.Chmod(group, 0o660); err != nil {
		t.Fatal(err)
	}
	nothing := filepath.Join(s.dir, "nothing.pem")
	if err := os.WriteFile(nothing, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*ServeSettings){
		"certificate: missing. Name the certificate of the public URL":                      func(n *ServeSettings) { n.Certificate, n.CertificateKey = "", "" },
		"certificate-key: missing":                                                          func(n *ServeSettings) { n.CertificateKey = "" },
		"certificate: " + s.paper("gateway-server.pem") + " is not for pay.example":         func(n *ServeSettings) { n.PublicURL = "https://pay.example" },
		"certificate: " + everybody + " has mode":                                           func(n *ServeSettings) { n.CertificateKey = everybody },
		"certificate: " + group + " has mode":                                               func(n *ServeSettings) { n.CertificateKey = group },
		"public-url: the gateway has a host of its own":                                     func(n *ServeSettings) { n.PublicURL = "https://localhost/pay" },
		"results-certificate: " + s.paper("gateway-server.pem") + " is not for 3ds.example": func(n *ServeSettings) { n.ResultsURL = "https://3ds.example/" },
		"acquirer-roots: " + nothing + " holds no":                                          func(n *ServeSettings) { n.AcquirerRoots = nothing },
		"keys: vault: key file " + nothing:                                                  func(n *ServeSettings) { n.Keys = nothing },
		"database: " + nothing + " does not hold":                                           func(n *ServeSettings) { n.Database, n.DatabaseFile = "", nothing },
		"database: the database is no path":                                                 func(n *ServeSettings) { n.Database = "mysql://reprise:secret@db.example/reprise" },
		"metrics-listen: not of the form":                                                   func(n *ServeSettings) { n.MetricsListen = "9090" },
		"bound-begins: not a number":                                                        func(n *ServeSettings) { n.BoundBegins = "none" },
		"listen: not of the form":                                                           func(n *ServeSettings) { n.Listen = "8443" },
		"limit-address: not a number":                                                       func(n *ServeSettings) { n.LimitAddress = "0" },
		"webhook-network: \"10/8\" is no network":                                           func(n *ServeSettings) { n.WebhookNetwork = []string{"10/8"} },
		"directories: threeds: two directories": func(n *ServeSettings) {
			n.Directories[0].Brands = []string{"VISA"}
			n.Directories = append(n.Directories, n.Directories[0])
		},
		"directories[1].brands: missing": func(n *ServeSettings) {
			other := n.Directories[0]
			other.Name, other.ResultNames = "other", []string{"other.example"}
			n.Directories[0].Brands = []string{"VISA"}
			n.Directories = append(n.Directories, other)
		},
		"directories: threeds: directory \"rehearsal\": we do not know brand \"visa\"": func(n *ServeSettings) { n.Directories[0].Brands = []string{"visa"} },
		"directories: threeds: directory \"rehearsal\": URL is not https":              func(n *ServeSettings) { n.Directories[0].URL = "http://ds.example" },
		"directories: missing": func(n *ServeSettings) { n.Directories = nil },
	} {
		changed := s.nodeSettings(0, 1)
		change(&changed)
		_, err := changed.Read(Real(), s.logger())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("nothing of %q alone in: %v", want, err)
		}
	}
}

// TestProxies: whose address a request has.
func TestProxies(t *testing.T) {
	p := proxies((&settingsReader{}).networks("", []string{"10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"}))
	for name, test := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"straight":                         {"198.51.100.1:4000", nil, "198.51.100.1"},
		"straight, claiming another":       {"198.51.100.1:4000", []string{"203.0.113.9"}, "198.51.100.1"},
		"by a proxy":                       {"10.1.2.3:4000", []string{"198.51.100.1"}, "198.51.100.1"},
		"by a proxy that says nothing":     {"10.1.2.3:4000", nil, "10.1.2.3"},
		"by a proxy, claiming another":     {"10.1.2.3:4000", []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		"by a proxy, claiming a proxy":     {"10.1.2.3:4000", []string{"10.9.9.9, 198.51.100.1"}, "198.51.100.1"},
		"by two proxies":                   {"10.1.2.3:4000", []string{"203.0.113.9, 198.51.100.1, 192.0.2.7"}, "198.51.100.1"},
		"by two proxies, in two headers":   {"10.1.2.3:4000", []string{"203.0.113.9, 198.51.100.1", "192.0.2.7"}, "198.51.100.1"},
		"by proxies alone":                 {"10.1.2.3:4000", []string{"10.4.4.4, 192.0.2.7"}, "10.4.4.4"},
		"by a proxy, what is no address":   {"10.1.2.3:4000", []string{"198.51.100.1, unknown"}, "10.1.2.3"},
		"by a proxy, with a port":          {"10.1.2.3:4000", []string{"198.51.100.1:1234"}, "198.51.100.1"},
		"IPv6 by IPv6":                     {"[2001:db8:1::2]:4000", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		"IPv6 in brackets, with a port":    {"10.1.2.3:4000", []string{"[2001:db8:2::1]:99"}, "2001:db8:2::1"},
		"IPv6 in brackets":                 {"10.1.2.3:4000", []string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		"a proxy that is IPv4 within IPv6": {"[::ffff:10.1.2.3]:4000", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		"no address to speak of":           {"@", []string{"198.51.100.1"}, ""},
	} {
		r := &http.Request{RemoteAddr: test.peer, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := p.clientIP(r); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestNamedDatabase: what names a database and is neither a URL nor a path is not repeated, for it may hold a password.
func TestNamedDatabase(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "database")
	if err := os.WriteFile(file, []byte("postgres://reprise:secret@db.example/reprise?sslmode=verify-full\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ database, file, want string }{
		{"", "", ""}, {"reprise.db", "", "reprise.db"}, {"file:reprise.db", "", "file:reprise.db"}, {"file:///var/lib/reprise.db", "", "file:///var/lib/reprise.db"},
		{"", file, "postgres://reprise:secret@db.example/reprise?sslmode=verify-full"}, {"postgresql://db.example/reprise?host=a&password=b&sslmode=verify-full", "", "postgresql://db.example/reprise?host=a&password=b&sslmode=verify-full"},
		{"reprise.db", file, "error"}, {"mysql://reprise:secret@db.example/reprise", "", "error"},
		{"host=db.example user=reprise password=secret", "", "error"}, {"", dir, "error"},
		{"postgres//reprise:secret@db.example/x", "", "error"}, {"postgresql//db.example/secret", "", "error"}, {"Postgres:/db.example/secret", "", "error"},
		{"pg:/reprise:secret@db.example/x", "", "error"}, {"file://reprise:secret@db.example/x", "", "error"}, {"./postgres.db", "", "./postgres.db"},
	} {
		got, err := NamedDatabase(test.database, test.file)
		if err != nil {
			got = "error"
		}
		if got != test.want || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q %q: %q %v", test.database, test.file, got, err)
		}
	}
}

// TestDatabaseElsewhere: a password goes over a network only where the other end is known, or the operator says so.
func TestDatabaseElsewhere(t *testing.T) {
	t.Parallel()
	for url, good := range map[string]bool{
		"postgres://u:p@db.example/r":                                         false,
		"postgres://u:p@db.example/r?sslmode=prefer":                          false,
		"postgres://u:p@db.example/r?sslmode=require":                         false,
		"postgres://u:p@db.example/r?sslmode=verify-full":                     true,
		"postgres://u:p@10.0.0.7:5432/r?sslmode=disable":                      true,
		"postgres://u:p@127.0.0.1:5432,db.example:5432/r":                     false,
		"postgres://u:p@127.0.0.1:5432,[::1]:5433/r?target_session_attrs=any": true,
		"postgres://u:p@localhost/r":                                          true,
		"postgres:///r?host=/var/run/postgresql":                              true,
		"postgres:///r?host=db.example":                                       false,
		"postgresql://u:p@db.example/r?connect_timeout=2&sslmode=verify-ca":   true,
		"reprise.db": true,
	} {
		database, err := NamedDatabase(url, "")
		if (err == nil) != good || database != url || err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
