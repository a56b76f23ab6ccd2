package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// teller makes the four commits for who asks over HTTP, and tells a merchant of them. It reads JSON and answers with
// JSON, and looks at nothing; it knows no acquirer.
type teller struct {
	engine
	merchant string // where webhooks are sent
	http     *http.Client
	telling  sync.WaitGroup
	failed   atomic.Pointer[error] // the last that could not be told, or not be written down; whoever asks next hears of it
}

// newTeller trusts the authorities in a file.
func newTeller(e engine, merchant, roots string) (*teller, error) {
	pem, err := os.ReadFile(roots)
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate is in it", roots)
	}
	return &teller{engine: e, merchant: merchant, http: &http.Client{Timeout: bareTimeout, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: idle,
	}}}, nil
}

// finish waits for what is being told.
func (t *teller) finish() {
	t.telling.Wait()
	t.http.CloseIdleConnections()
}

// routes are a session and its payment, by the number of the order.
func (t *teller) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{n}/session", answering(t.session))
	mux.HandleFunc("POST /orders/{n}/payment", answering(t.payment))
	return mux
}

func (t *teller) session(r *http.Request) error {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return err
	}
	return t.commit(context.WithoutCancel(r.Context()), commits(n)[0]...)
}

func (t *teller) payment(r *http.Request) error {
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return err
	}
	if failed := t.failed.Load(); failed != nil {
		return *failed
	}
	all, ctx := commits(n), context.WithoutCancel(r.Context())
	if err := t.commit(ctx, all[1]...); err != nil {
		return err
	}
	at := time.Now()
	if err := t.commit(ctx, all[2]...); err != nil {
		return err
	}
	t.telling.Go(func() {
		if err := t.tell(ctx, n, at, all[3]); err != nil {
			t.failed.Store(&err)
		}
	})
	return nil
}

// tell sends two webhooks as long as the gateway's, and writes down that they came.
func (t *teller) tell(ctx context.Context, n int64, at time.Time, came []statement) error {
	session, request := named(n)
	for _, e := range []object{
		{"event": "payment.capture", "data": object{"updated": at, "payment_request_id": request, "rest": filled('n', captureSize)}},
		{"event": "payment_session.completed", "data": object{"updated": at, "payment_session_id": session, "rest": filled('n', sessionOver)}},
	} {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.merchant, bytes.NewReader(text))
		if err != nil {
			return err
		}
		response, err := t.http.Do(r)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	return t.commit(ctx, came...)
}

// named are session and payment of an order.
func named(n int64) (session, request string) { return fmt.Sprint("ps-", n), fmt.Sprint("pr-", n) }

// bareTelling measures it in a process of its own, with the same around it as a gateway has.
func bareTelling(ctx context.Context, program, database, dir string, l load) (r Result, err error) {
	s := &site{program: program, dir: dir, kind: kindOf(database)}
	defer s.close()
	if s.server, err = limitDatabase(ctx, database, dir); err != nil {
		return r, err
	}
	if database != sqliteFile {
		s.admin = database
		if s.master, err = postmaster(ctx, s.server); err != nil {
			return r, err
		}
	}
	if err = s.openWorld(ctx); err != nil {
		return r, err
	}
	if s.gateway, s.client.base, err = startBare(ctx, program, dir, s.server, "--webhooks", s.sink.url, "--roots", s.path("world/ca.pem")); err != nil {
		return r, err
	}
	return s.account(ctx, limitTold, l, func(ctx context.Context, n int64) error {
		session, request := named(n)
		for _, step := range []struct {
			of   string
			body object
		}{
			{"session", s.sessionOf(n)},
			{"payment", object{"cvn": "123", "payment_session_id": session, "device": object{}}},
		} {
			if _, err := s.ask(ctx, http.MethodPost, fmt.Sprintf("/orders/%d/%s", n, step.of), "", step.body); err != nil {
				return err
			}
		}
		s.paid(session, request)
		return nil
	})
}
