package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Knobs are the settings of this world that can be changed while it runs. All zero is the normal
// world, slightly hostile.
type Knobs struct {
	Calm           bool   `json:"calm"`
	NextAcquirer   *Fault `json:"next_acquirer"` // of authorisations and purchases
	NextAdvice     *Fault `json:"next_advice"`   // of captures, refunds, releases and reversals, repeats too
	NextConnection *Fault `json:"next_connection"`
	NextSignOn     *Fault `json:"next_sign_on"`
	NextEcho       *Fault `json:"next_echo"`
	NextAReq       *Fault `json:"next_areq"`
	NextResult     *Fault `json:"next_result"`    // of RReqs
	NextChallenge  *Fault `json:"next_challenge"` // of CReqs
	NextDelivery   *Fault `json:"next_delivery"`  // of webhooks to the merchant's server
	// AcquirerExponents are the minor digits by which the acquirer host counts currencies (alphabetic
	// codes) that it does not count as ISO 4217 does; never more than that.
	AcquirerExponents map[string]int `json:"acquirer_exponents"`

	// Unenrolled are schemes whose cards no longer take part in 3-D Secure: the directory takes their ranges back.
	Unenrolled []string `json:"unenrolled"`

	SkipMethod bool `json:"skip_method"`
	ReloadErro bool `json:"reload_erro"`
	SkipRReq   bool `json:"skip_rreq"`
	SkipCRes   bool `json:"skip_cres"`
}

// knobList documents the knobs that are no faults; Scenarios prints it.
var knobList = []struct{ name, then string }{
	{"calm", "true: no daily hostility (answers twice, late by under a second, a lost 0430)"},
	{"acquirer_exponents", "minor digits by which the acquirer counts amounts, by currency: {\"IDR\": 0}"},
	{"unenrolled", "schemes whose card ranges the directory takes back at the next PReq: [\"jcb\"]"},
	{"skip_method", "true: the 3DS Method never posts its notification"},
	{"reload_erro", "true: a CReq posted again is answered with an Erro instead of the page"},
	{"skip_rreq", "true: the result of a challenge is never sent; the CRes comes all the same"},
	{"skip_cres", "true: the bank's page never sends the payer home"},
}

// at is the knob of an occasion.
func (k *Knobs) at(on occasion) **Fault {
	switch on {
	case onAcquirer:
		return &k.NextAcquirer
	case onAdvice:
		return &k.NextAdvice
	case onConnection:
		return &k.NextConnection
	case onSignOn:
		return &k.NextSignOn
	case onEcho:
		return &k.NextEcho
	case onAReq:
		return &k.NextAReq
	case onResult:
		return &k.NextResult
	case onChallenge:
		return &k.NextChallenge
	case onDelivery:
		return &k.NextDelivery
	}
	panic("simulator: an occasion without a knob")
}

// knobs guards the setting.
type knobs struct {
	mu  sync.Mutex
	set Knobs
}

func (k *knobs) now() Knobs {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.set.clone()
}

func (k Knobs) clone() Knobs {
	for _, on := range occasions {
		if f := k.at(on); *f != nil {
			fault := **f
			*f = &fault
		}
	}
	k.AcquirerExponents = maps.Clone(k.AcquirerExponents)
	k.Unenrolled = slices.Clone(k.Unenrolled)
	return k
}

func (k *knobs) turn(change func(*Knobs)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := k.set.clone()
	change(&next)
	if err := next.check(); err != nil {
		return err
	}
	k.set = next
	return nil
}

func (k *Knobs) check() error {
	for code, digits := range k.AcquirerExponents {
		if c, ok := currencyOf(code); !ok || digits < 0 || digits > c.exponent {
			return errors.New("acquirer_exponents: no such currency, or more digits than it has")
		}
	}
	for _, name := range k.Unenrolled {
		if _, known := schemes[name]; !known {
			return errors.New("unenrolled: no such scheme")
		}
	}
	var wrong []error
	for _, on := range occasions {
		wrong = append(wrong, (*k.at(on)).check(on))
	}
	return errors.Join(wrong...)
}

// next takes what shall happen to one message: what the knob says, or else what its amount has in store.
func (k *knobs) next(on occasion, about subject) Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if fault := take(k.set.at(on), on, about); fault.Behaviour != "" {
		return fault
	}
	return troubleAt(on, about)
}

// controlRoutes is the door for whoever directs the play: tests, the sandbox, a curious developer.
func (w *World) controlRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /kit", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, w.Kit()) })
	mux.HandleFunc("GET /ledger", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"entries": w.Ledger()})
	})
	mux.HandleFunc("GET /settlement", w.getSettlement)
	mux.HandleFunc("GET /complaints", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"complaints": w.Complaints()})
	})
	mux.HandleFunc("GET /history", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"passages": w.History()})
	})
	mux.HandleFunc("GET /scenarios", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"scenarios": Scenarios()})
	})
	mux.HandleFunc("GET /cards", w.getCards)
	mux.HandleFunc("GET /knobs", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, w.stage.knobs.now()) })
	mux.HandleFunc("POST /knobs", w.postKnobs)
	w.merchant.routes(mux)
	return localOnly(mux)
}

// localOnly keeps web pages away from the keys in the kit: a page that has pointed its own name at
// 127.0.0.1 comes with that name as Host, any other page with an Origin.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(host)
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) || r.Header.Get("Origin") != "" {
			http.Error(rw, "the control port is not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

// postKnobs merges the members that are given into the setting (RFC 7396).
func (w *World) postKnobs(rw http.ResponseWriter, r *http.Request) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		http.Error(rw, "knobs are application/json", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<16))
	if err != nil {
		http.Error(rw, "knobs could not be read", http.StatusBadRequest)
		return
	}
	var bad error
	err = w.Turn(func(k *Knobs) { bad = mergeKnobs(k, body) })
	if err = errors.Join(bad, err); err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	writeJSON(rw, w.stage.knobs.now())
}

// mergeKnobs leaves k as it was if any member is unknown or of the wrong type. A fault or a table is
// replaced as a whole: what was left of the one before means nothing to the new one.
func mergeKnobs(k *Knobs, patch []byte) error {
	given, err := parseObject(patch)
	if err != nil {
		return errors.New("knobs are one JSON object")
	}
	next := k.clone()
	for _, on := range occasions {
		if _, named := given[string(on)]; named {
			*next.at(on) = nil
		}
	}
	if _, named := given["acquirer_exponents"]; named {
		next.AcquirerExponents = nil
	}
	if _, named := given["unenrolled"]; named {
		next.Unenrolled = nil
	}
	decoder := json.NewDecoder(bytes.NewReader(patch))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&next); err != nil {
		return fmt.Errorf("knobs: %w", err)
	}
	*k = next
	return nil
}

func writeJSON(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(rw, "not printable", http.StatusInternalServerError)
		return
	}
	_, _ = rw.Write(append(body, '\n'))
}
