package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Bare serves the limits that are asked over HTTP until ctx ends. databaseFile holds the URL or path of a database that has
// the tables of the limits. webhooks is where the merchant is told, by whom an authority in the file roots vouches for; empty:
// nobody is.
func Bare(ctx context.Context, databaseFile, webhooks, roots string, say io.Writer) error {
	text, err := os.ReadFile(databaseFile)
	if err != nil {
		return err
	}
	e, err := connect(ctx, strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	defer e.close()
	handler := http.Handler(bare(e))
	if webhooks != "" {
		t, err := newTeller(e, webhooks, roots)
		if err != nil {
			return err
		}
		defer t.finish()
		handler = t.routes()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "http://%s\n", l.Addr())
	server, ended := &http.Server{Handler: handler, ReadHeaderTimeout: bareTimeout}, make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), bareTimeout)
		defer cancel()
		return server.Shutdown(last)
	}
}

// bareTimeout bounds everything that the process waits for.
const bareTimeout = 10 * time.Second

// answering reads a body of JSON, does something, and answers with the same body.
func answering(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body object
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		if err := do(r); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(body)
	}
}

// sessionOf is the body of the session of an order, with a card as long as any: nobody looks at it.
func (s *site) sessionOf(n int64) object {
	return s.sessionFor(storedCard{"pt-00000000-0000-4000-8000-000000000000", "customer-0-0"}, fmt.Sprint("order-", n), firstAmount+n)
}

var bareURL = regexp.MustCompile(`http://\S+`)

// startBare starts the process on a database, and says where it is asked.
func startBare(ctx context.Context, program, dir, at string, words ...string) (p *process, url string, err error) {
	file := filepath.Join(dir, "database")
	if err := os.WriteFile(file, []byte(at), 0o600); err != nil {
		return nil, "", err
	}
	if p, err = start("the bare handler", program, append([]string{"bare", "--database-file", file}, words...)...); err != nil {
		return nil, "", err
	}
	if err := p.until(ctx, "it says where it is", func() bool { return bareURL.MatchString(p.words()) }); err != nil {
		p.stop()
		return nil, "", err
	}
	return p, bareURL.FindString(p.words()), nil
}
