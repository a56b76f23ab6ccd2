package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"
)

// Bare serves the limit of a session until ctx ends: a handler that reads a body of JSON, commits one row and answers with
// JSON. databaseFile holds the URL or path of a database that has the tables of the limits.
func Bare(ctx context.Context, databaseFile string, say io.Writer) error {
	text, err := os.ReadFile(databaseFile)
	if err != nil {
		return err
	}
	e, err := connect(ctx, strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	defer e.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintf(say, "http://%s\n", l.Addr())
	server := &http.Server{Handler: bare(e), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func bare(e engine) http.Handler {
	var n atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body object
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, "not JSON", http.StatusBadRequest)
			return
		}
		if err := e.commit(context.WithoutCancel(r.Context()), insertSession(n.Add(1))); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(body)
	})
}

var bareURL = regexp.MustCompile(`http://\S+`)

// bareHandler measures it in a process of its own, as a gateway is measured, with the bodies that a gateway gets.
func bareHandler(ctx context.Context, program, database, dir string, l load) (Result, error) {
	e, at, err := openEngine(ctx, database, dir)
	defer forget(database, at)
	if err != nil {
		return Result{}, err
	}
	e.close() // the tables are made; from here on it is the other process's
	file := filepath.Join(dir, "database")
	if err := os.WriteFile(file, []byte(at), 0o600); err != nil {
		return Result{}, err
	}
	p, err := start("the bare handler", program, "bare", "--database-file", file)
	if err != nil {
		return Result{}, err
	}
	defer p.stop()
	if err := p.until(ctx, "it says where it is", func() bool { return bareURL.MatchString(p.words()) }); err != nil {
		return Result{}, err
	}
	c := newClient(bareURL.FindString(p.words()), "", nil)
	defer c.close()
	s := &site{client: c}
	m, err := l.run(ctx, s.next, func(ctx context.Context, n int64) error {
		_, err := c.ask(ctx, http.MethodPost, "/sessions", "", s.sessionFor(storedCard{"pt-00000000-0000-4000-8000-000000000000", "customer-0-0"}, fmt.Sprint("order-", n), firstAmount+n))
		return err
	}, func() error { return nil })
	if err != nil {
		return Result{}, fmt.Errorf("%s on %s: %w", limitInsert, kindOf(database), err)
	}
	return limited(limitInsert, m), nil
}
