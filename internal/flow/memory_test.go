package flow_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"reprise/internal/payment"
)

// memory is a model of the store: what flow.Store promises, in maps. It keeps copies, writes a decision with
// all its effects or not at all, guards versions, CVNs, keys and authentication values as the store does,
// and looks after each commit whether everything that must always be true still is.
type memory struct {
	now func() time.Time

	// between, when not nil, runs after each decision and before its commit: where races are lost.
	between func()
	// fail, when not nil, says how a commit ends.
	fail func(payment.Changes) failure
	// money, when not nil, compares an attempt after each commit with what the host has of it.
	money func(payment.Request)

	mu sync.Mutex
	rows
	reads int      // of anything
	kept  int      // CVNs that ever went into the escrow
	wrong []string // promises found broken after a commit
}

// rows is all that is stored.
type rows struct {
	merchants       map[payment.BusinessID]payment.Merchant
	tokens          map[payment.TokenID]payment.Token
	customers       map[payment.CustomerID]payment.Customer
	sessions        map[payment.SessionID]payment.Session
	requests        map[payment.RequestID]payment.Request
	escrow          map[payment.RequestID][]payment.SealedCVN
	authentications map[payment.ServerTransID]payment.RequestID
	traces          map[string]payment.RequestID
	proofs          map[string]payment.RequestID
	advices         map[payment.AdviceID]payment.Advice
	refunds         map[payment.RefundID]payment.Refund
	counts          map[counted]int
	answers         map[command]answered
	work            map[payment.Work]time.Time
	notices         []notice
}

// counted is what is counted against a card on a day.
type counted struct {
	what string
	payment.CardDay
}

// command is what an idempotency key stands for.
type command struct {
	business payment.BusinessID
	endpoint string
	key      string
}

type answered struct {
	fingerprint []byte
	status      int
	body        []byte
}

// notice is what a merchant was told, with the case as it stood then.
type notice struct {
	kind payment.NoticeKind
	c    payment.Case
}

// failure is how a commit ends that does not end well.
type failure int

const (
	none       failure = iota
	notWritten         // an error, and nothing was written
	answerLost         // an error, but everything was written
)

var (
	errDown     = errors.New("the database is down")
	errConflict = errors.New("the row has changed")
)

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, rows: rows{
		merchants:       map[payment.BusinessID]payment.Merchant{},
		tokens:          map[payment.TokenID]payment.Token{},
		customers:       map[payment.CustomerID]payment.Customer{},
		sessions:        map[payment.SessionID]payment.Session{},
		requests:        map[payment.RequestID]payment.Request{},
		escrow:          map[payment.RequestID][]payment.SealedCVN{},
		authentications: map[payment.ServerTransID]payment.RequestID{},
		traces:          map[string]payment.RequestID{},
		proofs:          map[string]payment.RequestID{},
		advices:         map[payment.AdviceID]payment.Advice{},
		refunds:         map[payment.RefundID]payment.Refund{},
		counts:          map[counted]int{},
		answers:         map[command]answered{},
		work:            map[payment.Work]time.Time{},
	}}
}

// copied is a value that shares nothing with the one it was made from.
func copied[T any](value T) (c T) {
	data, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		panic(err)
	}
	return c
}

func (m *memory) Case(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	if err := ctx.Err(); err != nil {
		return payment.Case{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	return m.find(l)
}

// find reads a case by the one way in that the lookup names.
func (m *memory) find(l payment.Lookup) (c payment.Case, err error) {
	request, token := l.Request, l.Token
	switch {
	case l.Session != "" || l.Link != "":
		for _, s := range m.sessions {
			if s.ID == l.Session || l.Link != "" && s.Link == l.Link {
				c.Session, request, token = copied(s), s.Open, s.Token
			}
		}
		if c.Session.ID == "" {
			return c, payment.ErrNotFound
		}
		c.Merchant = m.merchants[c.Session.Business]
	case l.Refund != "":
		f, ok := m.refunds[l.Refund]
		if !ok {
			return c, payment.ErrNotFound
		}
		f = copied(f)
		c.Refund, request = &f, f.Request
	case l.ServerTransID != "":
		request = m.authentications[l.ServerTransID]
	case l.Trace != "":
		request = m.traces[l.Trace]
	case l.Page != "" || l.Payment != "":
		for _, r := range m.requests {
			if l.Page != "" && r.Page == l.Page || l.Payment != "" && r.Payment == l.Payment {
				request = r.ID
			}
		}
	case l.Business != "" && request == "" && token == "":
		c.Merchant = m.merchants[l.Business]
	}
	if r, ok := m.requests[request]; ok {
		r = copied(r)
		c.Request, token = &r, r.Token
		c.Session, c.Merchant = copied(m.sessions[r.Session]), m.merchants[r.Business]
	}
	if t, ok := m.tokens[token]; ok {
		c.Token, c.Merchant = copied(t), m.merchants[t.Business]
	}
	if c.Merchant.ID == "" || l.Business != "" && c.Merchant.ID != l.Business {
		return payment.Case{}, payment.ErrNotFound
	}
	c.Counts = m.countsOf(cmp.Or(l.Card, c.Token.Fingerprint))
	for _, u := range m.customers {
		if u.Business == l.Business && (l.Customer != "" && u.ID == l.Customer || l.Customer == "" && l.Reference != "" && u.ReferenceID == l.Reference) {
			u = copied(u)
			c.Customer = &u
		}
	}
	return c, nil
}

func (m *memory) countsOf(card string) (counts payment.Counts) {
	now := m.now().UTC()
	for k, n := range m.counts {
		switch {
		case k.Card != card:
		case k.what == "try" && k.Day == now.Format(time.DateOnly):
			counts.Tries += n
		case k.what == "decline" && k.Day >= now.AddDate(0, 0, -30).Format(time.DateOnly):
			counts.Declines += n
		}
	}
	return counts
}

func (m *memory) Change(ctx context.Context, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	for {
		c, err := m.Case(ctx, l)
		if err != nil {
			return payment.Case{}, err
		}
		if after, err := m.decide(ctx, c, once, fn); !errors.Is(err, errConflict) {
			return after, err
		}
	}
}

func (m *memory) ChangeFrom(ctx context.Context, c payment.Case, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	m.mu.Lock()
	c.Merchant = m.merchants[c.Merchant.ID]
	m.mu.Unlock()
	if after, err := m.decide(ctx, c, once, fn); !errors.Is(err, errConflict) {
		return after, err
	}
	return m.Change(ctx, l, once, fn)
}

// decide lets fn decide about a case once, and commits that.
func (m *memory) decide(ctx context.Context, c payment.Case, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error) {
	ch, err := fn(copied(c))
	if m.between != nil {
		m.between()
	}
	return m.write(ctx, c, ch, once, err)
}

// write is one commit: all guards first, then all rows.
func (m *memory) write(ctx context.Context, c payment.Case, ch payment.Changes, once *payment.Once, refused error) (payment.Case, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if refused != nil {
		return payment.Case{}, refused
	}
	if ch.Empty() {
		return c, nil
	}
	fails := m.failure(ctx, ch)
	if fails == notWritten {
		return payment.Case{}, errDown
	}
	if m.repeated(once) {
		return payment.Case{}, payment.ErrRepeated
	}
	requests := last(ch.Requests, func(r payment.Request) payment.RequestID { return r.ID })
	tokens := last(ch.Tokens, func(t payment.Token) payment.TokenID { return t.ID })
	if err := m.guard(ch, requests, tokens); err != nil {
		return payment.Case{}, err
	}
	if ch.Customer != nil {
		m.customers[ch.Customer.ID] = copied(*ch.Customer)
	}
	if ch.Refund != nil {
		f := copied(*ch.Refund)
		f.Version++
		m.refunds[f.ID] = copied(f)
		c.Refund = &f
	}
	for _, t := range tokens {
		t = copied(t)
		t.Version++
		m.tokens[t.ID] = copied(t)
		c.Token = t
	}
	if ch.Session != nil {
		c.Session = copied(*ch.Session)
		c.Session.Version++
		m.sessions[c.Session.ID] = copied(c.Session)
	}
	for _, r := range requests {
		r = copied(r)
		r.Version++
		m.requests[r.ID] = copied(r)
		c.Request = &r
	}
	if err := m.keepAnswer(once, c); err != nil {
		panic(err)
	}
	for _, e := range ch.Effects {
		m.carry(e, c)
	}
	m.look()
	if fails == answerLost {
		return payment.Case{}, errDown
	}
	return copied(c), nil
}

// last keeps the last of the states that each object goes through in one decision.
func last[V any, K comparable](objects []V, id func(V) K) (kept []V) {
	for i, o := range objects {
		if !slices.ContainsFunc(objects[i+1:], func(later V) bool { return id(later) == id(o) }) {
			kept = append(kept, o)
		}
	}
	return kept
}

func (m *memory) guard(ch payment.Changes, requests []payment.Request, tokens []payment.Token) error {
	if ch.Customer != nil {
		for _, c := range m.customers {
			if c.Business == ch.Customer.Business && c.ReferenceID == ch.Customer.ReferenceID {
				return payment.ErrTaken
			}
		}
	}
	if ch.Session != nil && m.sessions[ch.Session.ID].Version != ch.Session.Version {
		return errConflict
	}
	if ch.Refund != nil && m.refunds[ch.Refund.ID].Version != ch.Refund.Version {
		return errConflict
	}
	for _, t := range tokens {
		if m.tokens[t.ID].Version != t.Version {
			return errConflict
		}
	}
	for _, r := range requests {
		if m.requests[r.ID].Version != r.Version {
			return errConflict
		}
		for _, other := range m.requests {
			if other.ID != r.ID && other.Business == r.Business && other.ReferenceID == r.ReferenceID {
				return payment.ErrDuplicate
			}
		}
	}
	for _, e := range ch.Effects {
		switch e := e.(type) {
		case payment.TakeCVN:
			if _, ok := m.sealed(e.Request, e.Verifier); !ok {
				return payment.ErrTaken
			}
		case payment.NoteAuthentication:
			if _, used := m.authentications[e.ServerTransID]; used {
				return payment.ErrTaken
			}
		case payment.TakeTry:
			if m.counts[counted{"try", e.CardDay}] >= payment.MaxCVNTries {
				return errConflict
			}
		case payment.NoteTrace:
			if _, used := m.traces[e.Trace.Key()]; used {
				return errors.New("two messages have the same key")
			}
			if _, used := m.proofs[e.AuthenticationValue]; used && e.AuthenticationValue != "" {
				return payment.ErrTaken
			}
		}
	}
	return nil
}

// carry carries out one effect; c is the case after the changes.
func (m *memory) carry(e payment.Effect, c payment.Case) {
	switch e := e.(type) {
	case payment.KeepCVN:
		m.escrow[e.Sealed.Request] = append(m.escrow[e.Sealed.Request], copied(e.Sealed))
		m.kept++
	case payment.TakeCVN:
		delete(m.escrow, e.Request)
	case payment.ForgetCVN:
		delete(m.escrow, e.Request)
	case payment.NoteTrace:
		m.traces[e.Trace.Key()] = e.Request
		if e.AuthenticationValue != "" {
			m.proofs[e.AuthenticationValue] = e.Request
		}
	case payment.NoteAuthentication:
		m.authentications[e.ServerTransID] = e.Request
	case payment.Tell:
		m.notices = append(m.notices, notice{e.Kind, copied(c)})
	case payment.SaveAdvice:
		m.advices[e.Advice.ID] = copied(e.Advice)
	case payment.TakeTry:
		m.counts[counted{"try", e.CardDay}]++
	case payment.GiveTryBack:
		m.counts[counted{"try", e.CardDay}]--
	case payment.CountDecline:
		m.counts[counted{"decline", e.CardDay}]++
	case payment.Wake:
		m.work[e.Work] = e.At
	case payment.Rest:
		delete(m.work, e.Work)
	}
}

func (m *memory) failure(ctx context.Context, ch payment.Changes) failure {
	if ctx.Err() != nil {
		return notWritten
	}
	if m.fail == nil {
		return none
	}
	return m.fail(ch)
}

func (m *memory) repeated(once *payment.Once) bool {
	if once == nil || once.Amends {
		return false
	}
	_, used := m.answers[command{once.Business, once.Endpoint, once.Key}]
	return used
}

func (m *memory) keepAnswer(once *payment.Once, after payment.Case) error {
	if once == nil {
		return nil
	}
	status, body, err := once.Answer(copied(after))
	if err == nil {
		m.answers[command{once.Business, once.Endpoint, once.Key}] = answered{once.Fingerprint, status, body}
	}
	return err
}

func (m *memory) Escrow(ctx context.Context, r payment.RequestID, verifier []byte) (payment.SealedCVN, error) {
	if err := ctx.Err(); err != nil {
		return payment.SealedCVN{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.sealed(r, verifier)
	if !ok {
		return c, payment.ErrNotFound
	}
	return copied(c), nil
}

// sealed finds an escrow row that is still good.
func (m *memory) sealed(r payment.RequestID, verifier []byte) (payment.SealedCVN, bool) {
	for _, c := range m.escrow[r] {
		if bytes.Equal(c.Verifier, verifier) && c.Expires.After(m.now()) {
			return c, true
		}
	}
	return payment.SealedCVN{}, false
}

func (m *memory) Token(ctx context.Context, b payment.BusinessID, t payment.TokenID) (payment.Token, error) {
	return row(ctx, m, m.tokens, t, func(t payment.Token) bool { return t.Business == b })
}

func (m *memory) Advice(ctx context.Context, id payment.AdviceID) (payment.Advice, error) {
	return row(ctx, m, m.advices, id, func(payment.Advice) bool { return true })
}

func (m *memory) Requests(ctx context.Context, b payment.BusinessID, reference string, before payment.RequestID, limit int) ([]payment.RequestID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []payment.RequestID
	for id, r := range m.requests {
		if r.Business == b && r.Type != payment.Save && (reference == "" || r.ReferenceID == reference) && (before == "" || id < before) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids[:min(limit, len(ids))], ctx.Err()
}

func (m *memory) NumberNeeded(ctx context.Context, t payment.TokenID) (until time.Time, forever bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.requests {
		if r.Token != t {
			continue
		}
		end := r.NeedsNumberUntil()
		forever = forever || end.IsZero()
		if end.After(until) {
			until = end
		}
		for _, a := range m.advices {
			forever = forever || a.Request == r.ID && a.Status == payment.AdviceOpen
		}
	}
	return until, forever, ctx.Err()
}

// row reads one row, if it is there and may be seen.
func row[K comparable, V any](ctx context.Context, m *memory, table map[K]V, key K, visible func(V) bool) (v V, err error) {
	if err := ctx.Err(); err != nil {
		return v, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	found, ok := table[key]
	if !ok || !visible(found) {
		return v, payment.ErrNotFound
	}
	return copied(found), nil
}

// due lists the work whose time has come, the oldest first.
func (m *memory) due() []payment.Work {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []payment.Work
	for w, at := range m.work {
		if !at.After(m.now()) {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b payment.Work) int {
		if n := m.work[a].Compare(m.work[b]); n != 0 {
			return n
		}
		return strings.Compare(string(a.Kind)+a.Ref, string(b.Kind)+b.Ref)
	})
	return list
}

// lease is how long work that was claimed is left alone.
const lease = 12 * time.Second

// try does one piece of work as a worker of the store does: claimed first, so that whoever dies leaves it to
// another, and taken off the schedule afterwards unless the work has moved itself.
func (m *memory) try(w payment.Work, do func(payment.Work) error) error {
	m.mu.Lock()
	until := m.now().Add(lease)
	m.work[w] = until
	m.mu.Unlock()

	err := do(w)

	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.work[w]; ok && at.Equal(until) {
		if err == nil {
			delete(m.work, w)
		} else {
			m.work[w] = m.now().Add(time.Second)
		}
		m.look()
	}
	return err
}
