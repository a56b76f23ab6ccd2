// Package simulator is NOBODY REAL: the world outside the gateway, speaking the real wires.
//
// An issuer with a ledger stands behind an acquirer host (ISO 8583 over TCP); a directory server
// (EMV 3DS over HTTPS with mutual TLS) stands before an access control server with a page that a
// person can use. It imports nothing of ours and shares no mapping with the gateway, so that it
// cannot share its mistakes, and it is strict about what it receives: what a real counterparty
// might forgive is refused here, or at least written down as a complaint.
//
// Behaviour is chosen by scenario card, by amount, by field or by the control port, never by the
// environment; see [Scenarios] and [Knobs].
package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Options say where the world listens, where it keeps its certificates, and what it stands on.
type Options struct {
	// Dir holds the certificate authority and its certificates; created with mode 0700.
	Dir string
	// Authority is the name of that authority; empty means SandboxAuthority, which no gateway takes that moves
	// money. To rehearse with such a gateway, give it a name of your own.
	Authority string
	// TLS has the acquirer host ask for mutual TLS, and the bank's pages come by https: a gateway outside a
	// sandbox takes nothing less. The directory server always does.
	TLS bool
	// ACS, DS, Acquirer and Control are listen addresses; empty means 127.0.0.1 and any free port.
	ACS, DS, Acquirer, Control string
	// ACSHost is the name by which browsers reach the ACS; empty means acs.localhost, so that the
	// bank's pages are another site than the gateway's and the shop's.
	ACSHost string
	// Calm turns the built-in hostility off; see Knobs.Calm.
	Calm bool
	// Log may be nil. No card data is ever logged.
	Log *slog.Logger

	Now    func() time.Time
	Rand   io.Reader
	Timer  func(d time.Duration) (<-chan time.Time, func() bool)
	Go     func(func())
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
	Listen func(network, address string) (net.Listener, error)
}

// World is everyone outside the gateway.
type World struct {
	opts   Options
	stage  *stage
	papers *papers
	issuer *issuer
	host   *host
	ds     *directory
	acs    *acs

	merchant *merchant

	mu      sync.Mutex
	kit     Kit
	control string
	closers []func(context.Context) error
}

// New builds a world that does not listen yet. It makes or reads the certificates in Options.Dir.
func New(o Options) (*World, error) {
	var missing []error
	for _, need := range []struct {
		name string
		ok   bool
	}{
		{"Dir", o.Dir != ""}, {"Now", o.Now != nil}, {"Rand", o.Rand != nil}, {"Timer", o.Timer != nil},
		{"Go", o.Go != nil}, {"Dial", o.Dial != nil}, {"Listen", o.Listen != nil},
	} {
		if !need.ok {
			missing = append(missing, fmt.Errorf("simulator: Options.%s is missing", need.name))
		}
	}
	if err := errors.Join(missing...); err != nil {
		return nil, err
	}
	for _, address := range []*string{&o.ACS, &o.DS, &o.Acquirer, &o.Control} {
		if *address == "" {
			*address = "127.0.0.1:0"
		}
	}
	if o.Authority == "" {
		o.Authority = SandboxAuthority
	}
	if o.ACSHost == "" {
		o.ACSHost = "acs.localhost"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	papers, err := openPapers(o)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}

	w := &World{opts: o, papers: papers}
	w.stage = newStage(o)
	w.issuer = newIssuer(w.stage)
	w.host = newHost(w.stage, w.issuer)
	w.acs = newACS(w.stage, w.issuer, papers)
	w.ds = newDirectory(w.stage, w.acs)
	w.merchant = &merchant{stage: w.stage}
	return w, nil
}

// Start binds the four listeners and serves until Close. After an error nothing listens.
func (w *World) Start() (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() {
		if err != nil {
			for _, closer := range w.closers {
				_ = closer(context.Background())
			}
			w.closers = nil
		}
	}()
	if w.closers != nil {
		return errors.New("simulator: started twice")
	}

	acs, err := w.listen(w.opts.ACS)
	if err != nil {
		return err
	}
	ds, err := w.listen(w.opts.DS)
	if err != nil {
		return err
	}
	acquirer, err := w.listen(w.opts.Acquirer)
	if err != nil {
		return err
	}
	control, err := w.listen(w.opts.Control)
	if err != nil {
		return err
	}

	_, acsPort, err := net.SplitHostPort(acs.Addr().String())
	if err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	w.kit = w.papers.kit()
	w.kit.Acquirer = acquirer.Addr().String()
	w.kit.DirectoryURL = "https://" + ds.Addr().String() + "/"
	w.kit.ACSOrigin = "http://" + net.JoinHostPort(w.opts.ACSHost, acsPort)
	if w.kit.AcquirerTLS = w.opts.TLS; w.opts.TLS {
		w.kit.ACSOrigin = "https://" + net.JoinHostPort(w.opts.ACSHost, acsPort)
		acs = w.papers.pages(acs, w.stage)
		acquirer = w.papers.mutual(acquirer, w.papers.acquirer, w.stage)
	}
	w.control = "http://" + control.Addr().String()
	w.acs.origin = w.kit.ACSOrigin

	w.serveHTTP(acs, w.acs.routes())
	w.serveHTTP(w.papers.mutual(ds, w.papers.dsServer, w.stage), w.ds)
	w.serveHTTP(control, w.controlRoutes())
	w.stage.spawn(func() { w.host.serve(acquirer) })
	w.closers = append(w.closers, w.host.close)
	return nil
}

// listen binds one address and has it closed by Close, served or not.
func (w *World) listen(address string) (net.Listener, error) {
	l, err := w.opts.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("simulator: %w", err)
	}
	w.closers = append(w.closers, func(context.Context) error {
		return ignoreClosed(l.Close())
	})
	return l, nil
}

func (w *World) serveHTTP(l net.Listener, h http.Handler) {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(w.opts.Log.Handler(), slog.LevelDebug),
	}
	w.stage.spawn(func() { _ = server.Serve(l) })
	w.closers = append(w.closers, func(ctx context.Context) error {
		if err := ignoreClosed(server.Shutdown(ctx)); err != nil {
			return errors.Join(err, ignoreClosed(server.Close()))
		}
		return nil
	})
}

// ignoreClosed: a listener is closed by its server or, if it was never served, by us.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Kit says how a gateway reaches this world. It is complete after Start.
func (w *World) Kit() Kit {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kit
}

// ControlURL is the origin of the control port, after Start.
func (w *World) ControlURL() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.control
}

// Ledger is what the issuer has booked so far, oldest first.
func (w *World) Ledger() []Entry { return w.issuer.ledger.list() }

// Complaints are the gateway's faults that this world has noticed so far, oldest first.
func (w *World) Complaints() []Complaint { return w.stage.complaints.list() }

// History is what passed on the lines of this world, oldest first; of much that passed, the last of it.
func (w *World) History() []Passage { return w.stage.history.list() }

// Deliveries are the webhooks that came to the merchant's server, oldest first; of many, the last.
func (w *World) Deliveries() []Delivery { return w.merchant.list() }

// Knobs are as they stand now; what has been used up is gone.
func (w *World) Knobs() Knobs { return w.stage.knobs.now() }

// Turn changes knobs. The function gets the present setting and alters it; an impossible setting
// is refused and changes nothing.
func (w *World) Turn(change func(*Knobs)) error { return w.stage.knobs.turn(change) }

// Close stops listening, hangs up, and waits for every task, or for ctx.
func (w *World) Close(ctx context.Context) error {
	w.stage.end()
	w.mu.Lock()
	closers := w.closers
	w.closers = nil
	w.mu.Unlock()
	var errs []error
	for _, closer := range closers {
		errs = append(errs, closer(ctx))
	}
	return errors.Join(append(errs, w.stage.wait(ctx))...)
}
