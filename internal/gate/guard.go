package gate

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path"
	"runtime"
	"strings"
	"time"

	"reprise/internal/payment"
)

// Guard makes a handler that answers under the rules of every door, the contract left aside: a Request-ID,
// headers that keep answers out of caches and from being taken for something else, the method of the
// pattern, panics caught, errors in the one envelope. Pages are handed to it directly; f returns an error
// only where it has written nothing.
func (g *Gate) Guard(pattern string, f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return g.GuardAs(Ordinary, pattern, f)
}

// GuardAs is Guard for what is not ordinary to a gateway that has more to do than it can.
func (g *Gate) GuardAs(load Load, pattern string, f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	g.patterns = append(g.patterns, pattern)
	return g.guard(load, pattern, func(w http.ResponseWriter, r *http.Request) error {
		if method, _, ok := strings.Cut(pattern, " "); ok && method != r.Method && (method != "GET" || r.Method != "HEAD") {
			return g.unknown(w, r)
		}
		return f(w, r)
	})
}

// NotFound answers what no door knows. Mount it at "/".
func (g *Gate) NotFound() http.Handler { return g.guard(Ordinary, "/", g.unknown) }

// Spec serves the contract. Mount it at "GET /openapi.yaml".
func (g *Gate) Spec() http.Handler {
	return g.Guard("GET /openapi.yaml", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "application/yaml")
		_, _ = io.WriteString(w, specification) // a caller who went away is not our failure
		return nil
	})
}

func (g *Gate) guard(load Load, operation string, f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, err := g.requestID()
		here := call{operation: operation, requestID: id, began: g.o.Now()}
		h := w.Header()
		h.Set("Request-ID", id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		from := g.origin(r)
		visit := g.crowd.enter(load, from)
		answer := &answered{ResponseWriter: w, visit: visit, crowd: g.crowd}
		if visit != nil {
			defer g.crowd.leave(visit)
			r = g.arriving(answer, r, visit)
		}
		if g.o.Served != nil {
			defer func() { g.o.Served(operation, answer.status, g.o.Now().Sub(here.began)) }()
		}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				g.refuse(answer, r, here, newPanicked(p))
			}
		}()
		switch {
		case err != nil:
		case visit == nil:
			err = g.turnAway(w, r)
		default:
			if err = g.limitAddress(w, from); err == nil {
				err = f(answer, r)
			}
		}
		if err != nil {
			g.refuse(answer, r, here, err)
		}
	})
}

// call is what the log says of a request.
type call struct {
	operation, requestID string
	began                time.Time
}

func (g *Gate) requestID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(g.o.Rand, b[:]); err != nil {
		return "", fmt.Errorf("request id: %w", err)
	}
	return payment.UUID4(b), nil
}

// every knows all patterns, to tell a wrong method from a wrong path. Most gates are never asked to.
func (g *Gate) every() *http.ServeMux {
	mux := http.NewServeMux()
	for _, pattern := range g.patterns {
		mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	return mux
}

// unknown answers 405 where the path is right and the method is not, and else 404.
func (g *Gate) unknown(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if path.Clean(r.URL.Path) != r.URL.Path {
			break // a mux would redirect it, and then it is not this path
		}
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := g.known().Handler(probe); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil {
		return payment.Refuse("NOT_FOUND", "There is nothing at this path")
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return payment.Refuse("METHOD_NOT_ALLOWED", "The method is not allowed at this path")
}

// panicked is an error made of a panic. It holds neither the value nor the arguments on the stack, either
// of which could be card data.
type panicked struct {
	kind  string
	stack []string
}

func newPanicked(value any) *panicked {
	p := &panicked{kind: fmt.Sprintf("%T", value), stack: stack()}
	if e, ok := value.(runtime.Error); ok { // Go's own texts tell of types and lengths
		p.kind = e.Error()
	}
	return p
}

func (p *panicked) Error() string { return "panic: " + p.kind }

func (p *panicked) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", p.kind), slog.String("stack", strings.Join(p.stack, " < ")))
}

// stack names the functions and lines that led here, without their arguments.
func stack() []string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])])
	var names []string
	for {
		frame, more := frames.Next()
		names = append(names, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return names
		}
	}
}
