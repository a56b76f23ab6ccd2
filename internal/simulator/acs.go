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
	methods      map[string]time.Time    // threeDSServerTransIDs that ran the 3DS Method
}

func newACS(s *stage, i *issuer, p *papers) *acs {
	return &acs{
		stage: s, issuer: i, papers: p,
		pages:        template.Must(template.ParseFS(web, "web/*.html")),
		transactions: map[string]*transaction{},
		seen:         map[string]time.Time{},
		methods:      map[string]time.Time{},
	}
}

// authenticate decides about an AReq that the directory server has found good, and answers with
// the ARes (EMV 3DS 2.2 table B.2).
func (a *acs) authenticate(o object) (object, error) {
	pan := o.text("acctNumber")
	r, _ := rangeOf(pan)
	t := &transaction{
		version:       o.text("messageVersion"),
		category:      o.text("messageCategory"),
		serverTransID: o.text("threeDSServerTransID"),
		dsTransID:     a.stage.random.uuid(),
		acsTransID:    a.stage.random.uuid(),
		resultURL:     o.text("threeDSServerURL"),
		notification:  o.text("notificationURL"),
		merchant:      orElse(o, "merchantName", o.text("threeDSRequestorName")),
		scheme:        r.scheme,
		card:          mask(pan),
		proof: proof{
			account: a.issuer.account(pan), amount: o.text("purchaseAmount"), currency: o.text("purchaseCurrency"),
			eci: schemes[r.scheme].eci,
		},
		about:    aboutAReq(o),
		begun:    a.stage.now(),
		finished: make(chan struct{}),
		told:     make(chan struct{}),
	}
	t.proof.dsTransID = t.dsTransID
	if withoutPayment(o) {
		t.proof.amount, t.proof.eci = "0", schemes[r.scheme].eciAdded
	}
	if err := a.admit(t, o.text("threeDSCompInd"), r.noMethod); err != nil {
		return nil, err
	}

	answer := object{
		"messageType": "ARes", "messageVersion": t.version,
		"threeDSServerTransID": t.serverTransID, "dsTransID": t.dsTransID, "acsTransID": t.acsTransID,
		"dsReferenceNumber": dsReference, "acsReferenceNumber": acsReference, "acsOperatorID": acsOperator,
	}
	switch authentication(pan, t.proof.amount, t.proof.currency, o.text("threeDSRequestorChallengeInd")) {
	case notAuthentic:
		answer["transStatus"], answer["transStatusReason"] = "N", "01"
		t.refuse(answer)
	case challenge:
		answer["transStatus"], answer["acsURL"] = "C", a.origin+"/challenge"
		answer["acsChallengeMandated"], answer["authenticationType"] = "Y", "02"
		a.mu.Lock()
		a.transactions[t.acsTransID] = t
		a.mu.Unlock()
		a.stage.spawn(func() { a.watch(t) })
	default:
		answer["transStatus"] = "Y"
		t.grant(answer, a.prove(t))
	}
	return answer, nil
}

// withoutPayment tells that a card is to be added.
func (t *transaction) withoutPayment() bool { return t.category == "02" }

// prove gives out the authentication value of a payer who is authenticated; "" where the scheme has none for a
// card that is added.
func (a *acs) prove(t *transaction) string {
	if t.withoutPayment() && schemes[t.scheme].bareAdded {
		return ""
	}
	return a.issuer.prove(t.scheme, t.proof)
}

// grant writes into an ARes or RReq what shows that the payer is authenticated.
func (t *transaction) grant(o object, value string) {
	o["eci"] = t.proof.eci
	if value != "" {
		o["authenticationValue"] = value
	}
}

// refuse writes into an ARes or RReq what the scheme has for a card that is not added.
func (t *transaction) refuse(o object) {
	if eci := schemes[t.scheme].eciRefused; eci != "" && t.withoutPayment() {
		o["eci"] = eci
	}
}

// admit refuses a threeDSServerTransID that was used before, and forgets old business.
func (a *acs) admit(t *transaction, compInd string, noMethod bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.stage.now()
	for id, old := range a.transactions {
		if old.over() && now.Sub(old.begun) > forget {
			delete(a.transactions, id)
		}
	}
	for _, book := range []map[string]time.Time{a.seen, a.methods} {
		for id, at := range book {
			if now.Sub(at) > forget {
				delete(book, id)
			}
		}
	}
	if _, used := a.seen[t.serverTransID]; used {
		return &erro{"305", "transaction data not valid", "threeDSServerTransID"}
	}
	a.seen[t.serverTransID] = now

	_, ran := a.methods[t.serverTransID]
	switch {
	case noMethod != (compInd == "U"):
		a.stage.complain("directory", "AReq: threeDSCompInd U goes with a card range without threeDSMethodURL, and only there")
	case compInd == "Y" && !ran:
		a.stage.complain("directory", "AReq: threeDSCompInd Y, but the 3DS Method did not run")
	}
	return nil
}

func (a *acs) find(acsTransID string) *transaction {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.transactions[acsTransID]
}

// routes is everything that the payer's browser can reach.
func (a *acs) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /method", a.method)
	mux.HandleFunc("POST /challenge", a.begin)
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

// method is the 3DS Method (EMV 3DS 2.2 §5.8.1): loaded in a hidden frame by form POST, it looks
// at the browser and posts threeDSMethodData to the notification URL in the same frame.
func (a *acs) method(rw http.ResponseWriter, r *http.Request) {
	o, err := a.form(r, "threeDSMethodData")
	if err == nil {
		if fault := judge(o, []rule{
			{"threeDSServerTransID", always, shaped(uuidShape)},
			{"threeDSMethodNotificationURL", always, address(256, "https", "http")},
		}); fault != nil {
			err = fault
		}
	}
	if err != nil {
		a.stage.complain("acs", "3DS Method: "+erroFor(err).Error())
		a.sorry(rw, http.StatusBadRequest)
		return
	}
	id := o.text("threeDSServerTransID")
	a.mu.Lock()
	a.methods[id] = a.stage.now()
	a.mu.Unlock()
	home := home{Title: "Checking your device"}
	if !a.stage.knobs.now().SkipMethod {
		home.URL = o.text("threeDSMethodNotificationURL")
		home.Fields = []formField{{"threeDSMethodData", encodeURL(object{"threeDSServerTransID": id})}}
	}
	a.goHome(rw, home)
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
		"default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action "+formAction)
	rw.WriteHeader(status)
	_, _ = rw.Write([]byte(page.String()))
}
