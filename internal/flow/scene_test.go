package flow_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/payment"
)

var (
	noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	ctx  = context.Background()
)

const (
	shop     payment.BusinessID = "62440e322008e87fb29c1fd0"
	stranger payment.BusinessID = "62440e322008e87fb29c1fd1"
	visa     payment.TokenID    = "pt-visa"
	amex     payment.TokenID    = "pt-amex"
	ada      payment.CustomerID = "cust-ada"
	bob      payment.CustomerID = "cust-bob"
)

// reporter is what a test and a check of random actions have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// scene is a flow among doubles: a shop, two stored cards of one customer, a bank and a host.
type scene struct {
	*flow.Flow
	t      reporter
	clock  *clock
	memory *memory
	safe   *safe
	bank   *bank
	host   *host

	mu    sync.Mutex
	log   bytes.Buffer
	typed []card.CVN
}

// cardData is what the cards of a scene would leave in a log.
var cardData = regexp.MustCompile(`4000000000001091|\b(737|456|7373)\b`)

// newScene sets a scene. When the test ends, whatever it did, no promise is broken and no CVN is left.
func newScene(t *testing.T) *scene {
	s := setScene(t)
	t.Cleanup(s.verify)
	return s
}

func setScene(t reporter) *scene {
	s := &scene{t: t, clock: &clock{at: noon}, safe: &safe{pans: map[string]card.PAN{}}, bank: &bank{}}
	s.memory = newMemory(s.clock.now)
	s.host = &host{memory: s.memory}
	s.open(false)
	s.memory.merchants[shop] = payment.Merchant{ID: shop, Name: "Shop", ReuseCustomers: true, AllowSkipThreeDS: true}
	s.memory.merchants[stranger] = payment.Merchant{ID: stranger, Name: "Stranger"}
	s.memory.customers[ada] = payment.Customer{ID: ada, Business: shop, ReferenceID: "ada"}
	s.memory.customers[bob] = payment.Customer{ID: bob, Business: shop, ReferenceID: "bob"}
	for id, digits := range map[payment.TokenID]int{visa: 3, amex: 4} {
		s.memory.tokens[id] = payment.Token{
			ID: id, Business: shop, Customer: ada, Status: payment.TokenActive, SealedPAN: []byte("sealed"),
			Version: 1, Fingerprint: "fingerprint of " + string(id), Brand: "VISA",
			CVNDigits: digits, ExpiryMonth: 12, ExpiryYear: 2030,
		}
	}
	return s
}

// open begins the flow.
func (s *scene) open(simulates bool, change ...func(*flow.Options)) {
	o := flow.Options{
		Store: s.memory, Vault: s.safe, ThreeDS: s.bank, Acquirer: s.host,
		Within: func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
			return context.WithCancel(ctx)
		},
		Now: s.clock.now, Rand: &chance{source: rand.NewChaCha8([32]byte{1})}, Log: slog.New(slog.NewTextHandler(s, &slog.HandlerOptions{ReplaceAttr: timeless})),
		AnswerTimeout: 8 * time.Second, PublicURL: "https://pay.example",
		Simulates: simulates,
	}
	for _, c := range change {
		c(&o)
	}
	s.Flow = flow.New(o)
}

// simulates begins the flow anew, in a sandbox.
func (s *scene) simulates() { s.open(true) }

// chance is randomness that is the same in every run.
type chance struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func (c *chance) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source.Read(b)
}

// timeless leaves the real time out of the log: its digits are anything.
func timeless(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// Write takes a line of the log.
func (s *scene) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(line)
}

// verify holds what must be true however a test has gone.
func (s *scene) verify() {
	s.t.Helper()
	for _, wrong := range append(s.memory.wrong, s.host.wrong...) {
		s.t.Errorf("%s", wrong)
	}
	for _, cvns := range [][]card.CVN{s.typed, s.safe.cvns, s.host.cvns} {
		for _, cvn := range cvns {
			if !cvn.IsZero() {
				s.t.Errorf("a CVN was not wiped")
			}
		}
	}
	if cardData.Match(s.log.Bytes()) {
		s.t.Errorf("the log holds card data")
	}
}

// types is a payer who types a CVN, judged as the door does.
func (s *scene) types(digits string) func(want int) (card.CVN, error) {
	return func(want int) (card.CVN, error) {
		cvn, err := card.ParseCVN([]byte(digits), want)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.typed = append(s.typed, cvn)
		return cvn, err
	}
}

// types is what a payer typed where a CVN is asked for, as the door cuts it out of a body.
func types(cvn string) card.Fields { return cut(map[string]string{"cvn": cvn}) }

// typesCard is what a payer typed where a card is asked for; an empty CVN was not.
func typesCard(number, cvn string) card.Fields {
	typed := map[string]string{"card_number": number, "expiry_month": "12", "expiry_year": "2029"}
	if cvn != "" {
		typed["cvn"] = cvn
	}
	return cut(typed)
}

func cut(typed map[string]string) card.Fields {
	body, err := json.Marshal(typed)
	if err != nil {
		panic(err)
	}
	_, fields, err := card.Cut(body)
	if err != nil {
		panic(err)
	}
	return fields
}

func (s *scene) ask() flow.NewSession {
	return flow.NewSession{
		Business: shop, ReferenceID: "order-1", Type: payment.SessionPay, Mode: payment.ModeCardsSessionJS, Amount: payment.Money{Minor: 1000000, Currency: "IDR"}, Country: "ID", Locale: "en",
		Token: visa, Buyer: flow.Buyer{ID: ada}, SuccessReturnURL: "https://shop.example/yes", FailureReturnURL: "https://shop.example/no",
		Echo: json.RawMessage(`{}`),
	}
}

// session opens a session.
func (s *scene) session(change ...func(*flow.NewSession)) payment.SessionID {
	s.t.Helper()
	n := s.ask()
	for _, c := range change {
		c(&n)
	}
	made, err := s.CreateSession(ctx, n)
	if err != nil {
		s.t.Fatalf("no session: %v", err)
	}
	return made.ID
}

func skipping(n *flow.NewSession) { n.SkipThreeDS = true }

// ticket is what a payer has in hand after a submit.
type ticket struct {
	session payment.SessionID
	id      payment.RequestID
	page    string
	share   []byte
}

// submit hands in a CVN for a session.
func (s *scene) submit(session payment.SessionID) ticket {
	s.t.Helper()
	k, err := s.trySubmit(flow.Submission{Business: shop, Session: session, Fields: types("737")})
	if err != nil {
		s.t.Fatalf("not submitted: %v", err)
	}
	return k
}

func (s *scene) trySubmit(sub flow.Submission) (ticket, error) {
	s.t.Helper()
	done, err := s.Submit(ctx, sub)
	return s.ticket(sub.Session, done), err
}

// tryCreate asks for a payment request without a session.
func (s *scene) tryCreate(n flow.NewRequest) (ticket, error) {
	s.t.Helper()
	done, err := s.CreateRequest(ctx, n)
	return s.ticket("", done), err
}

func (s *scene) ticket(session payment.SessionID, done flow.Submitted) ticket {
	s.t.Helper()
	k := ticket{session: session}
	if done.Case.Request != nil {
		k.id = done.Case.Request.ID
	}
	if done.ActionURL == "" {
		return k
	}
	address, fragment, _ := strings.Cut(done.ActionURL, "#")
	page, ours := strings.CutPrefix(address, "https://pay.example/pay/")
	if !ours || page == "" {
		s.t.Fatalf("action URL %q", address)
	}
	k.page = page
	if share, found := strings.CutPrefix(fragment, "k="); found {
		var bad error
		if k.share, bad = base64.RawURLEncoding.DecodeString(share); bad != nil {
			s.t.Fatalf("share: %v", bad)
		}
	}
	return k
}

// at reads the attempt as it stands.
func (s *scene) at(k ticket) payment.Request {
	s.t.Helper()
	c, err := s.memory.Case(ctx, payment.Lookup{Request: k.id})
	if err != nil {
		s.t.Fatalf("%s: %v", k.id, err)
	}
	return *c.Request
}

func (s *scene) sessionOf(k ticket) payment.Session {
	s.t.Helper()
	c, err := s.memory.Case(ctx, payment.Lookup{Session: k.session})
	if err != nil {
		s.t.Fatalf("%s: %v", k.session, err)
	}
	return c.Session
}

// bring leads a new attempt of a session to a state, as payer, bank and host would.
func (s *scene) bring(session payment.SessionID, state payment.State) ticket {
	s.t.Helper()
	k := s.submit(session)
	for _, step := range []struct {
		to payment.State
		do func() error
	}{
		{payment.Submitted, func() error { return nil }},
		{payment.Opened, func() error { return second(s.Open(ctx, k.page)) }},
		{payment.Authenticating, func() error {
			if state != payment.Authenticating {
				return nil
			}
			s.memory.fail = entering(notWritten, payment.Challenging)
			err := second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y"))
			s.memory.fail = nil
			return expect(err, errDown)
		}},
		{payment.Challenging, func() error { return second(s.Authenticate(ctx, k.page, flow.Browser{}, "Y")) }},
		{payment.Authenticated, func() error { return s.Result(ctx, s.bank.result(*s.at(k).Authentication, "Y")) }},
		{payment.Authorizing, func() error {
			if state != payment.Authorizing {
				return nil
			}
			s.memory.fail = entering(notWritten, payment.Succeeded) // the node dies before it writes the answer
			err := second(s.Pay(ctx, k.page, k.share))
			s.memory.fail = nil
			return err
		}},
		{state, func() error {
			s.host.answer = says(map[payment.State]payment.Answer{
				payment.Reversing: unknown, payment.Succeeded: approved, payment.Failed: declined,
			}[state])
			err := second(s.Pay(ctx, k.page, k.share))
			s.host.answer = nil
			return err
		}},
	} {
		if err := step.do(); err != nil {
			s.t.Fatalf("to %s: %v", step.to, err)
		}
		if step.to == state {
			break
		}
	}
	if got := s.at(k).State; got != state {
		s.t.Fatalf("brought to %s, not to %s", got, state)
	}
	return k
}

func second[T any](_ T, err error) error { return err }

// expect turns the error that had to come into none.
func expect(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("%v instead of %w", err, want)
}

// except is err, but for one that may be.
func except(err, allowed error) error {
	if errors.Is(err, allowed) {
		return nil
	}
	return err
}

// entering fails the commit that brings an attempt into a state.
func entering(how failure, state payment.State) func(payment.Changes) failure {
	return func(ch payment.Changes) failure {
		for _, r := range ch.Requests {
			if r.State == state {
				return how
			}
		}
		return none
	}
}

// work does what is due, until nothing is. Errors come back as they are; the work is tried again later.
func (s *scene) work() error {
	var errs []error
	for due := s.memory.due(); len(due) > 0; due = s.memory.due() {
		for _, w := range due {
			errs = append(errs, s.memory.try(w, s.do))
		}
	}
	return errors.Join(errs...)
}

func (s *scene) do(w payment.Work) error {
	switch w.Kind {
	case payment.WorkAttempt:
		return s.Deadline(ctx, payment.RequestID(w.Ref))
	case payment.WorkSession:
		return s.ExpireSession(ctx, payment.SessionID(w.Ref))
	case payment.WorkToken:
		return s.TokenDue(ctx, payment.TokenID(w.Ref))
	case payment.WorkAdvice:
		return s.Advise(ctx, payment.AdviceID(w.Ref))
	}
	return fmt.Errorf("work of kind %s", w.Kind)
}

// pass lets time go by and does the work that falls due meanwhile, each at its time.
func (s *scene) pass(d time.Duration) {
	s.t.Helper()
	for end := s.clock.now().Add(d); ; {
		next := end
		s.memory.mu.Lock()
		for _, at := range s.memory.work {
			if at.Before(next) {
				next = at
			}
		}
		s.memory.mu.Unlock()
		if now := s.clock.now(); next.After(now) {
			s.clock.pass(next.Sub(now))
		}
		if err := s.work(); err != nil {
			s.t.Fatalf("work: %v", err)
		}
		if !s.clock.now().Before(end) {
			return
		}
	}
}

// told lists what the merchant was told, in order.
func (s *scene) told() (kinds []payment.NoticeKind) {
	for _, n := range s.memory.notices {
		kinds = append(kinds, n.kind)
	}
	return kinds
}

// refused checks that an error is a refusal with this code and message.
func refused(t *testing.T, err error, code, message string) {
	t.Helper()
	var e *payment.Error
	if !errors.As(err, &e) || e.Code != code || e.Message != message {
		t.Errorf("got %v, want %s: %s", err, code, message)
	}
}

// meet makes a gate that opens when so many have come, and stays open: all of them have decided before one
// of them commits.
func meet(n int) func() {
	var mu sync.Mutex
	all := make(chan struct{})
	return func() {
		mu.Lock()
		if n--; n == 0 {
			close(all)
		}
		mu.Unlock()
		<-all
	}
}

// together runs all at once and returns their errors in order.
func together(all ...func() error) []error {
	errs := make([]error, len(all))
	var done sync.WaitGroup
	for i, one := range all {
		done.Go(func() { errs[i] = one() })
	}
	done.Wait()
	return errs
}

// judged is what an answer means whatever was sent.
func judged(a payment.Answer) func(payment.Trace) payment.Answer {
	return func(payment.Trace) payment.Answer { return a }
}

// pan is a number that is known to be one.
func pan(digits string) card.PAN {
	p, err := card.ParsePAN(digits)
	if err != nil {
		panic(err)
	}
	return p
}
