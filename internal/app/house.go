package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"reprise/internal/acquirer"
	"reprise/internal/api"
	"reprise/internal/checkout"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
	"reprise/internal/store"
	"reprise/internal/threeds"
	"reprise/internal/vault"
	"reprise/internal/webhook"
)

// House is a running gateway.
type House struct {
	PublicURL  string
	MetricsURL string // empty where there are none

	store   *store.Store
	vault   *vault.Vault
	line    *acquirer.Line
	threeDS *threeds.Server
	flow    *flow.Flow
	desk    *desk
	log     *slog.Logger
	outside Outside

	stop    context.CancelFunc // ends what looks after card ranges and papers
	servers []*http.Server
	doors   []*door               // of the servers, in the same order
	papers  map[string]Paper      // what ends, by what it is for
	linger  func(context.Context) // waits for the drain delay
	gate    *gate.Gate
	metrics *metrics
	ready   readiness
}

// Open builds a house and opens its doors. Whatever was opened is closed again when it fails.
func Open(ctx context.Context, o Outside, s Settings, log *slog.Logger) (*House, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	h := &House{outside: o, log: log, linger: o.wait(s.DrainDelay), papers: s.Papers}
	h.metrics = newMetrics(h)
	if err := h.open(ctx, o, s); err != nil {
		return nil, errors.Join(err, h.Close(context.WithoutCancel(ctx)))
	}
	return h, nil
}

func (h *House) open(ctx context.Context, o Outside, s Settings) error {
	// The doors are bound first: their addresses are part of what the rooms are told.
	door, err := o.Listen("tcp", s.Listen)
	if err != nil {
		return fmt.Errorf("no door for merchants and payers: %w", err)
	}
	results, err := o.Listen("tcp", s.ResultsListen)
	if err != nil {
		return errors.Join(fmt.Errorf("no door for results of directory servers: %w", err), door.Close())
	}
	if h.PublicURL = strings.TrimSuffix(s.PublicURL, "/"); h.PublicURL == "" {
		h.PublicURL = "http://" + door.Addr().String()
	}
	if s.ResultsURL == "" {
		s.ResultsURL = "https://" + results.Addr().String() + "/"
	}
	handler, resultsHandler, err := h.furnish(ctx, o, s)
	if err == nil && s.Furnished != nil {
		err = s.Furnished(ctx, h)
	}
	if err != nil {
		return errors.Join(err, door.Close(), results.Close())
	}
	if s.Certificate != nil {
		door = tls.NewListener(door, s.Certificate.serverTLS())
	}
	h.serve("public", door, handler, cmp.Or(s.Connections, doorConnections), s.Patience)
	h.serve("results", tls.NewListener(results, h.threeDS.ResultsTLS(s.ResultsCertificate.Get)), resultsHandler, resultsConnections, s.Patience)
	if s.MetricsListen != "" {
		l, err := o.Listen("tcp", s.MetricsListen)
		if err != nil {
			return fmt.Errorf("no door for metrics: %w", err)
		}
		h.MetricsURL = "http://" + l.Addr().String() + "/metrics"
		h.serve("metrics", l, h.metrics.handler(), metricsConnections, s.Patience)
	}
	h.line.Start()
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = cancel
	h.threeDS.Start(lasting)
	o.Go(func() { h.watchPapers(lasting) })
	h.store.StartWork()
	return nil
}

// furnish builds the rooms and connects them.
func (h *House) furnish(ctx context.Context, o Outside, s Settings) (door, results http.Handler, err error) {
	h.vault = vault.New(s.Keys, o.Rand, o.Now)
	merchants := &api.API{PublicURL: h.PublicURL, Now: o.Now} // it renders notices for the memory, before there is a flow
	h.store, err = store.Open(ctx, store.Options{
		URL: s.Database, Workers: workers,
		Render: func(k payment.NoticeKind, c payment.Case, _ time.Time) ([]byte, error) {
			return merchants.NoticeData(k, c)
		},
		NoMigrate: s.NoMigrate, Watch: s.Watch, MaxSkew: s.maxSkew(),
		Now: o.Now, Rand: o.Rand, Timer: o.Timer, Within: o.Within, Go: o.Go, Dial: o.Dial, Log: h.log,
	})
	if err != nil {
		return nil, nil, err
	}
	h.line, err = acquirer.New(acquirer.Options{
		Address: s.AcquirerAddress, TLS: s.AcquirerTLS, Forwarder: s.Forwarder, AnswerTimeout: s.AnswerTimeout,
		Location: s.AcquirerLocation, MaxInFlight: inFlight(s.Bounds), Lease: h.store.Lease,
		Late: func(ctx context.Context, key string, judge func(payment.Trace) payment.Answer) error {
			return h.flow.Late(ctx, key, judge)
		},
		Now: o.Now, Rand: o.Rand, Timer: o.Timer, Within: o.Within, Go: o.Go, Dial: o.Dial, Log: h.log,
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range s.Directories {
		s.Directories[i].ResultsURL = s.ResultsURL
	}
	h.threeDS, err = threeds.New(threeds.Options{
		Directories: s.Directories, Keep: rangeKeep{h.store}, AllowHTTP: s.Sandbox,
		Result: func(ctx context.Context, r payment.Result) error { return h.flow.Result(ctx, r) },
		Now:    o.Now, Rand: o.Rand, Timer: o.Timer, Within: o.Within, Go: o.Go, Dial: o.Dial, Log: h.log,
	})
	if err != nil {
		return nil, nil, err
	}
	h.flow = flow.New(flow.Options{
		Store: counted{h.store, h.metrics.ended}, Vault: h.vault, ThreeDS: authenticator{h.threeDS}, Acquirer: acquiring{h.line},
		Now: o.Now, Within: o.Within, Rand: o.Rand, Log: h.log, AnswerTimeout: s.AnswerTimeout, PublicURL: h.PublicURL,
		Simulates: s.Sandbox,
	})
	merchants.Flow = h.flow
	h.desk = newDesk(o, h.store, h.vault, s.CallbackToken, webhook.Options{
		Schedule: s.WebhookSchedule, Networks: s.networks(), Roots: s.WebhookRoots, Log: h.log,
	})
	h.store.Work(h.work())
	h.store.Courier(store.Courier{Deliver: h.desk.sender.Deliver, Kept: h.metrics.delivery})

	from := proxies(s.TrustedProxies)
	h.gate, err = gate.New(gate.Options{
		Keys: s.keys(h.store.Key), Answered: h.store.Answered,
		Fingerprint: func(data []byte) [32]byte { return h.vault.Keyed("idempotency", data) },
		Limits:      s.Limits, ClientIP: from.clientIP, Bounds: s.Bounds, Payable: h.payable, Served: h.metrics.served,
		Now: o.Now, Rand: o.Rand, Log: h.log, AllowHTTP: s.Sandbox, Violation: s.Violation,
	})
	if err != nil {
		return nil, nil, err
	}
	g := h.gate
	pages, err := checkout.New(checkout.Options{
		Flow: h.flow, Now: o.Now, Rand: o.Rand, Log: h.log, FrameSources: s.FrameSources, PublicURL: h.PublicURL, ClientIP: from.clientIP, ComesHome: comesHome,
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	merchants.Webhooks = h.desk
	merchants.Routes(mux, g)
	pages.Routes(mux, g)
	mux.Handle("GET /openapi.yaml", g.Spec())
	mux.Handle("GET /docs", g.Reference(s.sample(h.PublicURL)))
	mux.Handle("/", g.NotFound())
	h.health(mux, g)
	door = asWritten(mux, g.NotFound())
	if !s.Sandbox && s.Certificate == nil {
		door = from.only(door)
	}
	return door, h.threeDS.Results(), nil
}

// asWritten has paths answered as they are: the mux would redirect "//sessions", and a client that follows
// leaves its body or its key behind.
func asWritten(mux, notFound http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path && r.URL.Path != "/" {
			notFound.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Drain says that the house is not ready and goes on taking requests for the drain delay, so that load
// balancers send theirs elsewhere before Close refuses them.
func (h *House) Drain(ctx context.Context) {
	h.ready.close()
	h.linger(ctx)
}

// Close stops in order: not ready, no new requests, wait for those in flight, then the doors, the workers, the
// acquirer line and the store. Until the doors close, who asks is told that this one is closing. What is under way at the acquirer is waited for as long as ctx lasts.
func (h *House) Close(ctx context.Context) error {
	h.ready.close()
	if h.gate != nil {
		select {
		case <-h.gate.Close():
		case <-ctx.Done():
		}
	}
	var problems []error
	for _, server := range h.servers {
		problems = append(problems, server.Shutdown(ctx))
	}
	if h.stop != nil {
		h.stop()
	}
	if h.store != nil {
		h.store.StopWork(ctx)
	}
	if h.desk != nil {
		h.desk.sender.Close()
	}
	if h.threeDS != nil {
		h.threeDS.Close()
	}
	if h.line != nil {
		problems = append(problems, h.line.Close(ctx))
	}
	if h.store != nil {
		problems = append(problems, h.store.Close(ctx))
	}
	return errors.Join(problems...)
}
