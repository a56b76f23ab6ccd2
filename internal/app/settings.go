package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
	"reprise/internal/store"
	"reprise/internal/threeds"
	"reprise/internal/vault"
	"reprise/internal/webhook"
)

// Settings of a House. What is checked is checked at start, and all errors are reported at once.
type Settings struct {
	Listen    string // host:port of the API and the payer's pages
	PublicURL string // where browsers and merchants reach Listen; empty: http:// and the address bound

	MetricsListen string // host:port of GET /metrics, for who watches the gateway and nobody else; empty: none

	// Certificate is what Listen speaks TLS with; nil: plain HTTP, and outside a sandbox from TrustedProxies
	// alone. Of these the gateway believes in X-Forwarded-For where a request came from.
	Certificate    *Certificate
	TrustedProxies []netip.Prefix

	ResultsListen      string // host:port where directory servers send results, with mutual TLS
	ResultsURL         string // where they reach it; empty: https:// and the address bound
	ResultsCertificate *Certificate

	Database string // postgres://… or the path of an SQLite file
	// NoMigrate refuses a database that lacks a migration, instead of bringing it up to date.
	NoMigrate bool
	Keys      vault.Keys

	AcquirerAddress  string
	AcquirerTLS      *tls.Config    // nil: plain TCP
	AcquirerLocation *time.Location // where the merchants' clocks are; nil: UTC
	Forwarder        string         // DE33
	AnswerTimeout    time.Duration

	Directories []threeds.Directory // ResultsURL is filled in

	// Papers are all that ends, by what it is for: "public", "results", "acquirer", "directory NAME" and its roots.
	Papers map[string]Paper

	CallbackToken   func(payment.BusinessID) string // nil: derived from the keys
	WebhookSchedule []time.Duration

	// WebhookNetworks are networks beside the public internet in which merchants' endpoints may be. The
	// sandbox's may be on this machine.
	WebhookNetworks []netip.Prefix
	// WebhookRoots may have issued the certificates of merchants' endpoints; nil: whom the machine trusts.
	WebhookRoots *x509.CertPool

	// Sandbox allows loopback http where the internet has https, and pages of the bank from these origins.
	Sandbox      bool
	FrameSources []string

	// Furnished is called when the rooms stand and before a door opens: nobody meets a house that lacks
	// what is put into it here. It may be nil.
	Furnished func(context.Context, *House) error

	Limits gate.Limits // how often may be asked; the zero value has defaults
	Bounds gate.Bounds // how much is answered at once; the zero value has defaults

	Connections int      // that Listen keeps at once; 0: 1024
	Patience    Patience // how long a client may take; the zero value has defaults

	// DrainDelay is how long Drain goes on taking requests after readiness has said no: the time that a load
	// balancer needs to notice.
	DrainDelay time.Duration

	// Watch stands between the store and its database; see store.Options. Tests set it.
	Watch func(what string, args []any, do func() error) error

	// Violation is told of every answer that is not what the contract says. Tests set it.
	Violation func(error)
}

// sample is what the examples of the reference page are written for: in a sandbox they can be pasted.
func (s Settings) sample(publicURL string) gate.Sample {
	if s.Sandbox {
		return gate.Sample{URL: publicURL, SecretKey: SandboxSecretKey, PublicKey: SandboxPublicKey}
	}
	return gate.Sample{URL: publicURL, SecretKey: "YOUR_SECRET_KEY", PublicKey: "YOUR_PUBLIC_KEY"}
}

// maxSkew is how far our clock may be off the database's. A sandbox is one process, at any time that it was given.
func (s Settings) maxSkew() time.Duration {
	if s.Sandbox {
		return 0
	}
	return store.MaxSkew
}

// check reports everything that is wrong at once.
func (s Settings) check() error {
	var problems []error
	need := func(ok bool, problem string) {
		if !ok {
			problems = append(problems, errors.New("settings: "+problem))
		}
	}
	need(s.Listen != "", "no address to listen on")
	need(s.ResultsListen != "", "no address to listen on for results of directory servers")
	need(s.Database != "", "no database")
	need(s.Keys != (vault.Keys{}), "no keys")
	need(s.ResultsCertificate != nil, "no certificate for results of directory servers")
	need(s.AcquirerAddress != "", "no acquirer address")
	need(len(s.Directories) > 0, "no directory server")
	need(s.AnswerTimeout > 0 && s.AnswerTimeout <= 8*time.Second, "the acquirer's answer time-out must be above 0 and at most 8 s")
	need(s.Bounds.Requests >= 0 && s.Bounds.Begins >= 0 && s.Bounds.Reserve >= 0 && s.Connections >= 0, "a bound is below 0")
	if s.Sandbox {
		need(loopback(s.Listen) && loopback(s.ResultsListen), "the sandbox listens on loopback only: its keys are published")
	} else {
		// The browser's share travels in an action_url, the PAN on the acquirer line: never in the clear.
		u, err := url.Parse(s.PublicURL)
		need(err == nil && u.Scheme == "https" && u.Host != "", "the public URL must be an https URL")
		need(s.Certificate != nil || len(s.TrustedProxies) > 0, "the door needs a certificate, or trusted proxies that have one")
		need(s.AcquirerTLS != nil, "the acquirer line needs TLS")
		need(len(s.FrameSources) == 0, "frame sources beside https are for the sandbox")
	}
	return errors.Join(problems...)
}

// networks says where webhooks may go.
func (s Settings) networks() webhook.Networks {
	n := webhook.Networks{Allowed: s.WebhookNetworks, HTTP: s.Sandbox}
	if s.Sandbox {
		n.Allowed = append(thisHost(), n.Allowed...)
	}
	return n
}

// thisHost are the networks that never leave this machine.
func thisHost() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

func loopback(hostPort string) bool {
	address, err := netip.ParseAddrPort(hostPort)
	return err == nil && address.Addr().IsLoopback()
}

// thisMachine says whether an address can be listened on by whom only this machine may reach, with so many
// ports after it. The certificates of the simulated world are for 127.0.0.1.
func thisMachine(hostPort string, more int) error {
	address, err := netip.ParseAddrPort(hostPort)
	switch {
	case err != nil || address.Addr() != netip.AddrFrom4([4]byte{127, 0, 0, 1}):
		return errors.New("not of the form 127.0.0.1:PORT (keys are published, so this is for this machine only)")
	case int(address.Port())+more > 65535:
		return fmt.Errorf("%d more ports are taken after it, so the highest is %d", more, 65535-more)
	}
	return nil
}

func loopbackHost(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") { // RFC 6761 section 6.3
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
