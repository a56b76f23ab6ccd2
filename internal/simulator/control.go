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

// Behaviours of the acquirer host for the next messages.
const (
	behaviourSilence       = "silence"
	behaviourLost          = "lost"
	behaviourLate          = "late"
	behaviourTwice         = "twice"
	behaviourWrongAmount   = "wrong_amount"
	behaviourWrongCurrency = "wrong_currency"
	behaviourPartial       = "partial"
	behaviourDrop          = "drop_connection"
	behaviourDecline       = "decline"
)

// Knobs are the settings of this world that can be changed while it runs. All zero is the normal
// world, slightly hostile.
type Knobs struct {
	Calm         bool   `json:"calm"`
	NextAcquirer *Fault `json:"next_acquirer"` // of authorisations and purchases
	NextAdvice   *Fault `json:"next_advice"`   // of captures, refunds, releases and reversals, repeats too
	// AcquirerExponents are the minor digits by which the acquirer host counts currencies (alphabetic
	// codes) that it does not count as ISO 4217 does; never more than that.
	AcquirerExponents map[string]int `json:"acquirer_exponents"`

	SkipMethod bool `json:"skip_method"`
	ReloadErro bool `json:"reload_erro"`
	SkipRReq   bool `json:"skip_rreq"`
	SkipCRes   bool `json:"skip_cres"`
}

// Fault is what happens to the next messages on the acquirer line. Times is how many; without it,
// one. DelayMS belongs to "late" only; to "decline" belong Code and, from Mastercard, AdviceCode.
type Fault struct {
	Behaviour  string `json:"behaviour"`
	Times      int    `json:"times"`
	DelayMS    int    `json:"delay_ms,omitempty"`
	Code       string `json:"code,omitempty"`        // DE39
	AdviceCode string `json:"advice_code,omitempty"` // DE48 tag 84
}

// knobList documents the knobs; Scenarios prints it.
var knobList = []struct{ name, then string }{
	{"calm", "true: no daily hostility (answers twice, late by under a second, a lost 0430)"},
	{"next_acquirer " + behaviourSilence, "the next 0100s and 0200s are booked and never answered"},
	{"next_acquirer " + behaviourLost, "the next 0100s and 0200s are neither booked nor answered"},
	{"next_acquirer " + behaviourLate, "the next 0100s and 0200s are booked and answered after delay_ms"},
	{"next_acquirer " + behaviourTwice, "the next 0100s and 0200s are answered twice"},
	{"next_acquirer " + behaviourWrongAmount, "the next 0110s and 0210s carry another amount"},
	{"next_acquirer " + behaviourWrongCurrency, "the next 0110s and 0210s carry another currency"},
	{"next_acquirer " + behaviourPartial, "the next 0100s and 0200s are approved for half the amount (DE39 10)"},
	{"next_acquirer " + behaviourDrop, "the next 0100s and 0200s are booked, then the connection is dropped"},
	{"next_acquirer " + behaviourDecline, "the next 0100s and 0200s are declined with code (DE39), a Mastercard's also with advice_code"},
	{"next_advice " + behaviourSilence, "the next 0220s and 0420s are carried out and never answered"},
	{"next_advice " + behaviourLost, "the next 0220s and 0420s are neither carried out nor answered"},
	{"next_advice " + behaviourLate, "the next 0220s and 0420s are carried out and answered after delay_ms"},
	{"next_advice " + behaviourDrop, "the next 0220s and 0420s are carried out, then the connection is dropped"},
	{"next_advice " + behaviourDecline, "the next 0220s and 0420s are not carried out and answered with code (DE39)"},
	{"acquirer_exponents", "minor digits by which the acquirer counts amounts, by currency: {\"IDR\": 0}"},
	{"skip_method", "true: the 3DS Method never posts its notification"},
	{"reload_erro", "true: a CReq posted again is answered with an Erro instead of the page"},
	{"skip_rreq", "true: the result of a challenge is never sent; the CRes comes all the same"},
	{"skip_cres", "true: the bank's page never sends the payer home"},
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
	for _, f := range []**Fault{&k.NextAcquirer, &k.NextAdvice} {
		if *f != nil {
			fault := **f
			*f = &fault
		}
	}
	k.AcquirerExponents = maps.Clone(k.AcquirerExponents)
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
	common := []string{behaviourSilence, behaviourLost, behaviourLate, behaviourDrop, behaviourDecline}
	authorisations := []string{behaviourTwice, behaviourWrongAmount, behaviourWrongCurrency, behaviourPartial}
	return errors.Join(
		k.NextAcquirer.check("next_acquirer", append(authorisations, common...)), k.NextAdvice.check("next_advice", common),
	)
}

func (f *Fault) check(knob string, behaviours []string) error {
	if f == nil {
		return nil
	}
	if f.Times == 0 {
		f.Times = 1
	}
	late, decline := f.Behaviour == behaviourLate, f.Behaviour == behaviourDecline
	switch {
	case !slices.Contains(behaviours, f.Behaviour):
		return errors.New(knob + ": unknown behaviour")
	case late != (f.DelayMS > 0) || f.DelayMS < 0:
		return errors.New(knob + ": late needs delay_ms, and nothing else has one")
	case decline != (f.Code != ""):
		return errors.New(knob + ": decline needs a code, and nothing else has one")
	case decline && (elements[39].check(f.Code) != nil || f.Code == booked):
		return errors.New(knob + ": code is not two letters or digits that decline")
	case f.AdviceCode != "" && (!decline || len(f.AdviceCode) != 2 || !num.holds(f.AdviceCode)):
		return errors.New(knob + ": advice_code is two digits of a decline")
	case f.Times < 0:
		return errors.New(knob + ": times is negative")
	}
	return nil
}

// nextAuthorisation takes what shall happen to one 0100 or 0200; zero means nothing special.
func (k *knobs) nextAuthorisation() Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	return take(&k.set.NextAcquirer)
}

// nextAdvice takes what shall happen to one 0220 or 0420, or a repeat of it.
func (k *knobs) nextAdvice() Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	return take(&k.set.NextAdvice)
}

func take(f **Fault) Fault {
	if *f == nil {
		return Fault{}
	}
	taken := **f
	if (*f).Times--; (*f).Times == 0 {
		*f = nil
	}
	return taken
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
	mux.HandleFunc("GET /complaints", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"complaints": w.Complaints()})
	})
	mux.HandleFunc("GET /scenarios", func(rw http.ResponseWriter, _ *http.Request) {
		writeJSON(rw, map[string]any{"scenarios": Scenarios()})
	})
	mux.HandleFunc("GET /knobs", func(rw http.ResponseWriter, _ *http.Request) { writeJSON(rw, w.stage.knobs.now()) })
	mux.HandleFunc("POST /knobs", w.postKnobs)
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
	if _, named := given["next_acquirer"]; named {
		next.NextAcquirer = nil
	}
	if _, named := given["next_advice"]; named {
		next.NextAdvice = nil
	}
	if _, named := given["acquirer_exponents"]; named {
		next.AcquirerExponents = nil
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
