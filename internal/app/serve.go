package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"time"

	"reprise/internal/gate"
	"reprise/internal/store"
)

// ServeSettings are the settings of a gateway as its operator writes them. What is a file is named by its
// path; nothing here is secret but a database's URL, which may hold a password and is never repeated. What each
// means is said by 'reprise serve --help'; errors name a setting as it is called there.
type ServeSettings struct {
	Listen         string
	PublicURL      string
	Certificate    string
	CertificateKey string
	TrustedProxy   []string
	DrainDelay     string

	MetricsListen string

	ResultsListen         string
	ResultsURL            string
	ResultsCertificate    string
	ResultsCertificateKey string

	Database     string
	DatabaseFile string
	Keys         string
	Migrate      bool

	AcquirerAddress        string
	AcquirerName           string
	AcquirerRoots          string
	AcquirerCertificate    string
	AcquirerCertificateKey string
	AcquirerForwarder      string
	AcquirerAnswerTimeout  string
	AcquirerTimeZone       string

	WebhookNetwork []string
	WebhookRoots   string

	LimitKey     string
	LimitTestKey string
	LimitSession string
	LimitAddress string

	BoundRequests string
	BoundBegins   string
	BoundReserve  string
	Connections   string

	Directories []DirectorySettings
}

// DirectorySettings say how the gateway is enrolled with one directory server.
type DirectorySettings struct {
	Name           string   `yaml:"name"`
	URL            string   `yaml:"url"`
	Roots          string   `yaml:"roots"`
	Certificate    string   `yaml:"certificate"`
	CertificateKey string   `yaml:"certificate-key"`
	ResultNames    []string `yaml:"result-names"`
	ResultRoots    string   `yaml:"result-roots"` // empty: Roots
	ServerRef      string   `yaml:"server-reference"`
	OperatorID     string   `yaml:"operator-id"`
	RequestorID    string   `yaml:"requestor-id"`
	RequestorName  string   `yaml:"requestor-name"`
	Brands         []string `yaml:"brands"`   // whose cards it speaks for; empty, where it is the only one: all
	Versions       []string `yaml:"versions"` // empty: all that we speak
	Refresh        string   `yaml:"refresh"`  // of card ranges; empty: 12h
}

// SettingsError is all that is wrong with settings, one problem a line.
type SettingsError struct{ error }

// Serve opens a gateway: a node, beside which any number of others may stand on the same database. version is
// what the log says of the build.
func Serve(ctx context.Context, o Outside, s ServeSettings, version string, log *slog.Logger) (*House, error) {
	settings, err := s.Read(o, log)
	if err != nil {
		return nil, err
	}
	settings.Furnished = func(ctx context.Context, h *House) error {
		if err := refuseSandbox(ctx, h); err != nil {
			return err
		}
		return sameKeys(ctx, h)
	}
	h, err := Open(ctx, o, settings, log)
	switch {
	case errors.Is(err, store.ErrBehind):
		return nil, fmt.Errorf("%w; see 'reprise migrate', or start one node with --migrate", err)
	case errors.Is(err, fs.ErrNotExist) && settings.NoMigrate && !onServer(settings.Database):
		return nil, fmt.Errorf("there is no database at %s: --migrate makes it", settings.Database)
	case err != nil:
		return nil, err
	}
	log.Info("gateway is open", "version", version, "public_url", h.PublicURL, "database", settings.databaseKind(),
		"acquirer", settings.AcquirerAddress, "directories", len(settings.Directories))
	return h, nil
}

// Read makes Settings of what the operator wrote, or says all that is wrong with it. It reads the files that
// are named, and talks to nobody.
func (s ServeSettings) Read(o Outside, log *slog.Logger) (Settings, error) {
	r := &settingsReader{outside: o, log: log, papers: map[string]Paper{}}
	settings := Settings{
		Listen: r.hostPort("listen", s.Listen), PublicURL: r.https("public-url", s.PublicURL),
		TrustedProxies: r.networks("trusted-proxy", s.TrustedProxy), DrainDelay: r.duration("drain-delay", s.DrainDelay, 0, time.Hour),
		ResultsListen: r.hostPort("results-listen", s.ResultsListen), ResultsURL: r.https("results-url", s.ResultsURL),
		ResultsCertificate: r.certificate("results-certificate", "results", s.ResultsCertificate, s.ResultsCertificateKey),
		Database:           r.database(s.Database, s.DatabaseFile), Keys: r.keys("keys", s.Keys), NoMigrate: !s.Migrate,
		AcquirerAddress:  r.hostPort("acquirer-address", s.AcquirerAddress),
		AcquirerLocation: r.location("acquirer-time-zone", s.AcquirerTimeZone),
		Forwarder:        r.forwarder("acquirer-forwarder", s.AcquirerForwarder),
		AnswerTimeout:    r.duration("acquirer-answer-timeout", s.AcquirerAnswerTimeout, time.Second, 8*time.Second),
		WebhookNetworks:  r.networks("webhook-network", s.WebhookNetwork),
		Limits: gate.Limits{
			PerKey: r.limit("limit-key", s.LimitKey), PerTestKey: r.limit("limit-test-key", s.LimitTestKey),
			PerSession: r.limit("limit-session", s.LimitSession), PerAddress: r.limit("limit-address", s.LimitAddress),
		},
		Bounds: gate.Bounds{
			Requests: r.number("bound-requests", s.BoundRequests), Begins: r.number("bound-begins", s.BoundBegins),
			Reserve: r.number("bound-reserve", s.BoundReserve),
		},
		Connections: r.number("connections", s.Connections),
	}
	if s.MetricsListen != "" {
		settings.MetricsListen = r.hostPort("metrics-listen", s.MetricsListen)
	}
	switch {
	case s.Certificate != "" || s.CertificateKey != "":
		settings.Certificate = r.certificate("certificate", "public", s.Certificate, s.CertificateKey)
	case len(s.TrustedProxy) == 0:
		r.wrong("certificate", "missing. Name the certificate of the public URL, and its key with --certificate-key; or, "+
			"where a proxy has it, the networks of that proxy with --trusted-proxy")
	}
	if u, err := url.Parse(s.PublicURL); err == nil && settings.Certificate != nil && len(s.TrustedProxy) == 0 {
		r.named("certificate", settings.Certificate, u.Hostname())
	}
	if u, err := url.Parse(s.ResultsURL); err == nil && settings.ResultsCertificate != nil {
		r.named("results-certificate", settings.ResultsCertificate, u.Hostname())
	}
	if s.WebhookRoots != "" {
		settings.WebhookRoots = r.pool("webhook-roots", s.WebhookRoots)
	}
	settings.AcquirerTLS = r.acquirerTLS(s)
	settings.Directories, settings.Papers = r.directories(s.Directories, s.ResultsURL), r.papers
	if len(r.problems) > 0 {
		return Settings{}, SettingsError{errors.Join(r.problems...)}
	}
	return settings, nil
}

func (s Settings) databaseKind() string {
	if onServer(s.Database) {
		return "PostgreSQL"
	}
	return "SQLite"
}
