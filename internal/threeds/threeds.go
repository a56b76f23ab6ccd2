// Package threeds is the line to the directory server: we are the 3DS Server of EMV 3-D Secure. It asks the
// directory servers for their card ranges (PReq), asks for authentications (AReq), makes what the payer's
// browser posts to the issuer's access control server (3DS Method, CReq), and hears the results of
// challenges (RReq), which are the only proof.
//
// What a message may hold is said once, in a table per protocol version (table210.go, table220.go,
// table231.go): the decoder, our own requests, the tests and docs/3ds-messages.md all read the same rules. Browser
// channel (02); for a payment (01) and, without one, for a card that is stored (02).
package threeds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"reprise/internal/payment"
)

// Options of a Server.
type Options struct {
	// Directories are the directory servers that we are enrolled with, one per scheme.
	Directories []Directory

	// Result is told what a directory server says at the end of a challenge. nil is answered as received,
	// also for a result that came before or came too late. payment.ErrNotFound says that no such
	// transaction is known, or not with this directory server, a *payment.OtherError that it
	// differs in these elements, and payment.ErrOtherVersion that it began in another version; any other error that it
	// failed for now.
	Result func(ctx context.Context, r payment.Result) error

	// Keep is where card ranges are kept. Start needs it.
	Keep Keep

	// AllowHTTP lets the URLs of the ACS be loopback http. For the sandbox.
	AllowHTTP bool

	Now    func() time.Time
	Rand   io.Reader
	Timer  func(d time.Duration) (<-chan time.Time, func() bool)
	Within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) // ctx, ended after d
	Go     func(func())
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Log    *slog.Logger
}

// Directory is how we are enrolled with one directory server. The ids are given by the scheme.
type Directory struct {
	Name string // what payment.Authentication and payment.Result call it; unique
	URL  string // where PReq and AReq go, https

	// Roots are who may have issued its server's certificate, and nobody else: what the machine trusts does not count.
	// Certificate is ours, issued by the scheme, for the client's side of mutual TLS. Both are asked for with every
	// connection, so that they can be renewed.
	Roots       func() []*x509.Certificate
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// ResultRoots are who may have issued the certificate with which it brings results, asked for with every one of
	// them, and ResultNames the names, SAN or CN, that it may carry. A directory server has one certificate to answer
	// with and another to call with.
	ResultRoots func() []*x509.Certificate
	ResultNames []string

	ServerRef     string // threeDSServerRefNumber, EMVCo's approval: at most 32 characters
	OperatorID    string // threeDSServerOperatorID: at most 32, empty where the scheme gives none
	RequestorID   string // threeDSRequestorID: at most 35
	RequestorName string // threeDSRequestorName: at most 40
	ResultsURL    string // threeDSServerURL, where its results reach us: at most 2048

	// Brands are the schemes, as card.Brand has them, for whose cards it may speak, whatever it says of others; empty: all.
	Brands []string
	// Versions are those in which the scheme lets us ask, of those that we speak; empty: all.
	Versions []string
	// Refresh is how often it is asked for its card ranges; zero: every 12 hours.
	Refresh time.Duration
	// Rest is how soon it is asked again for a node that has just started; zero: after an hour.
	Rest time.Duration
}

// Limits on how long a counterparty may take and how much it may say.
const (
	requestTimeout = 10 * time.Second // for an ARes, with connecting
	loadTimeout    = 60 * time.Second // for a PRes, which may be large
	resultTimeout  = 5 * time.Second  // for our own side to keep a result: a DS does not wait long

	maxMessage = 256 << 10 // bytes of any message but a PRes: ten extensions of 8059 fit
	maxPRes    = 64 << 20
)

// ErrTimeout reports that a directory server did not answer in time.
var ErrTimeout = errors.New("threeds: no answer in time")

// Server is the 3DS Server.
type Server struct {
	o           Options
	directories []*directory
}

// New makes a Server. It refuses settings that no directory server could be reached with. Nothing is sent
// before Start.
func New(o Options) (*Server, error) {
	s := &Server{o: o}
	for i, d := range o.Directories {
		switch {
		case d.Name == "":
			return nil, fmt.Errorf("threeds: directory %d has no name", i+1)
		case slices.ContainsFunc(o.Directories[:i], func(e Directory) bool { return e.Name == d.Name }):
			return nil, fmt.Errorf("threeds: two directories are named %q", d.Name)
		case !strings.HasPrefix(d.URL, "https://") || !validURL(d.URL):
			return nil, fmt.Errorf("threeds: directory %q: URL is not https", d.Name)
		case d.Roots == nil:
			return nil, fmt.Errorf("threeds: directory %q has no roots to know its certificate by", d.Name)
		case d.Certificate == nil:
			return nil, fmt.Errorf("threeds: directory %q: we have no client certificate", d.Name)
		case d.ResultRoots == nil:
			return nil, fmt.Errorf("threeds: directory %q has no roots to know by who brings its results", d.Name)
		}
		if i := slices.IndexFunc(d.Versions, func(v string) bool { return !slices.Contains(spoken, v) }); i >= 0 {
			return nil, fmt.Errorf("threeds: directory %q: we do not speak version %q, only %s", d.Name, d.Versions[i], strings.Join(spoken, ", "))
		}
		if err := d.strange(); err != nil {
			return nil, err
		}
		if err := d.misnamed(); err != nil {
			return nil, err
		}
		for _, name := range d.ResultNames {
			if other := s.named(name); other != nil {
				return nil, fmt.Errorf("threeds: directories %q and %q share a result name", other.Name, d.Name)
			}
		}
		s.directories = append(s.directories, s.newDirectory(d))
	}
	if len(s.directories) == 0 {
		return nil, errors.New("threeds: no directory")
	}
	return s, nil
}

// Start keeps the card ranges of every directory fresh until ctx ends. It returns at once: Ready tells when
// they have been loaded.
func (s *Server) Start(ctx context.Context) {
	for _, d := range s.directories {
		s.o.Go(func() { s.keepRanges(ctx, d) })
	}
}

// Close lets go of the connections that are kept for the next message. What Start began ends with its context.
func (s *Server) Close() {
	for _, d := range s.directories {
		d.client.CloseIdleConnections()
	}
}

// named is the directory whose results come under a name in a certificate; nil: none.
func (s *Server) named(name string) *directory {
	for _, d := range s.directories {
		if slices.ContainsFunc(d.ResultNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return d
		}
	}
	return nil
}

// browserURL says whether a URL that a counterparty gave may be put before a browser.
func (s *Server) browserURL(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	host := u.Hostname()
	address, err := netip.ParseAddr(host)
	loopback := err == nil && address.IsLoopback() || host == "localhost" || strings.HasSuffix(host, ".localhost")
	return u.Scheme == "http" && s.o.AllowHTTP && loopback
}
