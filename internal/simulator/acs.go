package simulator

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

//go:embed web
var web embed.FS

// forget is how long a finished authentication is still known, for a page that comes back late.
const forget = 2 * time.Hour

// acs is the bank's access control server: it decides about an authentication, and shows the
// cardholder a page where it wants a proof.
type acs struct {
	stage  *stage
	issuer *issuer
	papers *papers
	pages  *template.Template
	origin string // set before anything is served

	mu           sync.Mutex
	transactions map[string]*transaction // by acsTransID
	seen         map[string]time.Time    // threeDSServerTransIDs that had an AReq
	methods      map[string]visit        // browsers that the 3DS Method looked at, by threeDSServerTransID
}

func newACS(s *stage, i *issuer, p *papers) *acs {
	return &acs{
		stage: s, issuer: i, papers: p,
		pages:        template.Must(template.ParseFS(web, "web/*.html")),
		transactions: map[string]*transaction{},
		seen:         map[string]time.Time{},
		methods:      map[string]visit{},
	}
}

func (a *acs) find(acsTransID string) *transaction {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.transactions[acsTransID]
}

// routes is everything that the payer's browser can reach.
func (a *acs) routes() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{methodPath, methodNever, methodSlow} {
		mux.HandleFunc("POST "+path, a.method)
	}
	mux.HandleFunc("POST /method/browser", a.lookAt)
	mux.HandleFunc("POST /challenge", a.begin)
	mux.HandleFunc("POST /challenge/cookie", a.taste)
	mux.HandleFunc("POST /challenge/answer", a.reply)
	for _, file := range []string{"acs.css", "acs.js"} {
		mux.HandleFunc("GET /"+file, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Cache-Control", "max-age=60")
			http.ServeFileFS(rw, r, web, "web/"+file)
		})
	}
	return whole(mux)
}

// whole lets in only what came whole: who was cut off in the middle of a form has made no mistake.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<16))
		var large *http.MaxBytesError
		if err != nil && !errors.As(err, &large) {
			panic(http.ErrAbortHandler) // nobody is there to be answered
		}
		r.Body = io.NopCloser(bytes.NewReader(body)) // what is too large is cut, and refused as what it then is
		next.ServeHTTP(rw, r)
	})
}

// form reads one base64url field of a form POST.
func (a *acs) form(r *http.Request, name string) (object, error) {
	if err := r.ParseForm(); err != nil || len(r.PostForm[name]) != 1 {
		return nil, &erro{"201", "required data element missing", name}
	}
	return decodeURL(r.PostForm.Get(name))
}

// home is a page that sends the browser on by posting a form.
type home struct {
	Title, Text string
	URL         string // empty: the page stays
	Fields      []formField
	Visit       string // of the 3DS Method: the transaction for which the page first looks at the browser
}

type formField struct{ Name, Value string }

func (a *acs) goHome(rw http.ResponseWriter, h home) {
	a.render(rw, http.StatusOK, "home.html", h.URL, h)
}

func (a *acs) sorry(rw http.ResponseWriter, status int) {
	a.render(rw, status, "home.html", "", home{
		Title: "This payment is not known here",
		Text:  "Please go back to the shop and start again. Nothing has been charged.",
	})
}

// render writes a page. Only our own style and script run; forms go to us or to target's origin.
func (a *acs) render(rw http.ResponseWriter, status int, name, target string, data any) {
	formAction := "'self'"
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		formAction += " " + u.Scheme + "://" + u.Host
	}
	var page strings.Builder
	if err := a.pages.ExecuteTemplate(&page, name, data); err != nil {
		a.stage.log.Error("page not rendered", "page", name, "err", err)
		http.Error(rw, "page not available", http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "origin")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action "+formAction)
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(page.String()))
}
