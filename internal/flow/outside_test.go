package flow_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/payment"
)

// clock is the time of a test; it stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// safe seals without strength: a CVN opens with its share and under its binding, and nothing else is
// promised. It remembers every CVN it has seen, to show that they were wiped.
type safe struct {
	mu     sync.Mutex
	shares int
	cvns   []card.CVN
	pans   map[string]card.PAN // by what they were sealed to
	lost   error               // what opening a number fails with
}

func (s *safe) saw(c card.CVN) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cvns = append(s.cvns, c)
}

func hash(parts ...any) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", parts))
	return sum[:]
}

func mask(digits []byte, share []byte) []byte {
	masked := slices.Clone(digits)
	for i, b := range hash("mask", share)[:len(masked)] {
		masked[i] ^= b
	}
	return masked
}

func bound(b payment.Binding, share []byte) []byte {
	b.Expires = b.Expires.UTC()
	return hash("binding", share, b.Business, b.Session, b.Request, b.Token, b.Amount, b.Expires)
}

func (s *safe) SealCVN(cvn card.CVN, b payment.Binding) (payment.SealedCVN, []byte, error) {
	s.saw(cvn)
	s.mu.Lock()
	s.shares++
	share := hash("share", s.shares)
	s.mu.Unlock()
	verifier, _ := s.Verifier(share)
	return payment.SealedCVN{
		Request: b.Request, Verifier: verifier, Ciphertext: mask(cvn.Reveal(), share), Nonce: bound(b, share), Expires: b.Expires,
	}, share, nil
}

func (s *safe) Verifier(share []byte) ([]byte, error) {
	if len(share) != 32 {
		return nil, errors.New("no share")
	}
	return hash("verifier", share), nil
}

func (s *safe) OpenCVN(sealed payment.SealedCVN, share []byte, b payment.Binding) (card.CVN, error) {
	if !bytes.Equal(sealed.Nonce, bound(b, share)) {
		return card.CVN{}, errors.New("another binding")
	}
	digits := mask(sealed.Ciphertext, share)
	cvn, err := card.ParseCVN(digits, len(digits))
	s.saw(cvn)
	return cvn, err
}

func (s *safe) Keyed(purpose string, data []byte) [32]byte { return [32]byte(hash(purpose, data)) }

func (s *safe) Fingerprint(pan card.PAN, b payment.BusinessID) string {
	return fmt.Sprintf("%x", hash("fingerprint", pan.Last4(), b)[:12])
}

func (s *safe) SealPAN(pan card.PAN, b payment.BusinessID, t payment.TokenID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed := fmt.Appendf(nil, "sealed for %s %s", b, t)
	s.pans[string(sealed)] = pan
	return sealed, s.lost
}

// OpenPAN opens a number for the card that it was sealed for, and, of the cards of the scene, the one number
// that they all have.
func (s *safe) OpenPAN(sealed []byte, b payment.BusinessID, t payment.TokenID) (card.PAN, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pan, typed := s.pans[string(sealed)]
	switch {
	case s.lost != nil:
		return card.PAN{}, s.lost
	case string(sealed) == "sealed":
		return card.ParsePAN("4000000000001091")
	case !typed || string(sealed) != fmt.Sprintf("sealed for %s %s", b, t):
		return card.PAN{}, errors.New("the number is gone, or another card's")
	}
	return pan, nil
}

const (
	directory = "ds.example"
	method    = "https://acs.example/method"
)

// bank is the directory server and the issuer behind it. By itself it challenges everyone.
type bank struct {
	// answer, when not nil, is what an AReq leads to; a is the authentication with the transaction's ids.
	answer func(a payment.Authentication) (payment.Authentication, error)
	// unknown is what Range says of a card; payment.ErrNotFound where it is not enrolled.
	unknown error
	// methodless banks do not want to look at browsers.
	methodless bool

	mu    sync.Mutex
	asked []flow.AuthenticationRequest
	given int // authentication values
}

func (b *bank) Range(context.Context, card.PAN) (string, string, string, error) {
	if b.methodless {
		return directory, "2.2.0", "", b.unknown
	}
	return directory, "2.2.0", method, b.unknown
}

func (b *bank) MethodForm(payment.Authentication, string) flow.Form { return flow.Form{} }

func (b *bank) ChallengeForm(payment.Authentication, string) flow.Form { return flow.Form{} }

func (b *bank) Authenticate(_ context.Context, q flow.AuthenticationRequest) (payment.Authentication, error) {
	b.mu.Lock()
	b.asked = append(b.asked, q)
	b.mu.Unlock()
	a := q.Authentication
	a.Directory, a.DSTransID, a.ACSTransID = directory, "ds-"+string(a.ServerTransID), "acs-"+string(a.ServerTransID)
	a.TransStatus = "C"
	if b.answer == nil {
		return a, nil
	}
	return b.answer(a)
}

// value is an authentication value that was never given before.
func (b *bank) value() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.given++
	return fmt.Sprintf("%028d", b.given)
}

// frictionless authenticates without a challenge.
func (b *bank) frictionless(a payment.Authentication) (payment.Authentication, error) {
	a.TransStatus, a.ECI, a.Value = "Y", "05", b.value()
	return a, nil
}

// result is the RReq for the attempt's authentication as it stands.
func (b *bank) result(a payment.Authentication, status string) payment.Result {
	r := payment.Result{
		Directory: a.Directory, Version: a.Version, ServerTransID: a.ServerTransID, DSTransID: a.DSTransID, ACSTransID: a.ACSTransID,
		NonPayment: a.NonPayment, TransStatus: status,
	}
	if status == "Y" && !a.NonPayment {
		r.ECI, r.Value = "05", b.value()
	}
	return r
}

// host is the acquirer's. Whatever it is sent, it first looks whether the trace was committed. By itself it
// approves, and acknowledges advices.
type host struct {
	memory      *memory
	answer      func(flow.Authorisation) payment.Answer
	acknowledge func(payment.Advice) payment.Answer
	busy        error // what drawing a trace fails with

	mu        sync.Mutex
	drawn     int
	purchases []purchase
	advices   []payment.Advice
	wrong     []string
	cvns      []card.CVN
}

// purchase is one that was sent, with the CVN as it was then.
type purchase struct {
	flow.Authorisation
	cvn string
}

func (h *host) must(holds bool, what string) {
	if !holds {
		h.wrong = append(h.wrong, what)
	}
}

func (h *host) draw(mti string) payment.Trace {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drawn++
	return payment.Trace{
		MTI: mti, ProcessingCode: "000000", Transmitted: h.memory.now().Format("0102150405"),
		STAN: fmt.Sprintf("%06d", h.drawn), LocalTime: "120000", LocalDate: "0314", Acquirer: "400000",
		RRN: fmt.Sprintf("%012d", h.drawn), Terminal: "T1", CardAcceptor: "M1", Currency: "360",
	}
}

func (h *host) Reserve(_ context.Context, _ payment.Merchant, why payment.Purpose, amount payment.Money) (payment.Trace, error) {
	mti := "0100"
	if why == payment.Purchase {
		mti = "0200"
	}
	t := h.draw(mti)
	t.Amount = fmt.Sprintf("%012d", amount.Minor)
	return t, h.busy
}

func (h *host) ReserveAdvice(_ context.Context, _ payment.Merchant, kind payment.AdviceKind, original payment.Trace, amount payment.Money) (payment.Trace, error) {
	t := h.draw("0420")
	t.Amount, t.RRN = original.Amount, original.RRN
	if kind == payment.CaptureAdvice || kind == payment.RefundAdvice {
		t.MTI, t.Amount = "0220", fmt.Sprintf("%012d", amount.Minor)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.must(original.MTI == "0100" || original.MTI == "0200", "an advice is about an advice")
	return t, h.busy
}

func (h *host) Authorise(ctx context.Context, p flow.Authorisation) payment.Answer {
	h.mu.Lock()
	c, err := h.memory.Case(context.Background(), payment.Lookup{Trace: p.Trace.Key()})
	h.must(err == nil && c.Request.State == payment.Authorizing && *c.Request.Trace == p.Trace,
		"a purchase was sent before its trace was committed")
	h.must(ctx.Err() == nil, "a purchase was sent for someone who left")
	h.must(p.NotAfter.After(h.memory.now()) && !p.NotAfter.After(h.memory.now().Add(2*time.Second)), "a purchase may be sent too late")
	h.must(!slices.ContainsFunc(h.purchases, func(sent purchase) bool { return sent.Trace == p.Trace }), "a purchase was sent twice")
	h.cvns = append(h.cvns, p.CVN)
	h.purchases = append(h.purchases, purchase{p, string(p.CVN.Reveal())})
	h.mu.Unlock()
	if h.answer == nil {
		return approved
	}
	return h.answer(p)
}

func (h *host) Advise(_ context.Context, r payment.Advice, _ card.PAN) payment.Answer {
	h.mu.Lock()
	stored, err := h.memory.Advice(context.Background(), r.ID)
	h.must(err == nil && stored.Trace == r.Trace, "an advice was sent before its trace was committed")
	h.must(stored.Tries > 0, "an advice was sent before it was written down that it may have left")
	h.must(r.Trace.RRN == r.Original.RRN && r.Trace.STAN != r.Original.STAN, "an advice does not name its original")
	h.advices = append(h.advices, r)
	h.mu.Unlock()
	if h.acknowledge == nil {
		return acknowledged("00")
	}
	return h.acknowledge(r)
}

// acknowledged is an answer to an advice with a code, or none.
func acknowledged(code string) payment.Answer {
	if code == "" {
		return unknown
	}
	a := payment.Answer{Outcome: payment.Declined, Failure: payment.CardDeclined, Authorization: payment.Authorization{ResponseCode: code}}
	if code == "00" {
		a.Outcome, a.Failure = payment.Approved, ""
	}
	return a
}

var (
	approved = payment.Answer{Outcome: payment.Approved, Authorization: payment.Authorization{
		AuthorizationCode: "A1B2C3", ResponseCode: "00", RRN: "000000000001", CVNResult: "M",
	}}
	declined = payment.Answer{Outcome: payment.Declined, Failure: payment.InsufficientBalance, Authorization: payment.Authorization{ResponseCode: "51"}}
	mistyped = payment.Answer{Outcome: payment.Declined, Failure: payment.InvalidCVN, Authorization: payment.Authorization{ResponseCode: "05", CVNResult: "N"}}
	unwanted = payment.Answer{Outcome: payment.Unwanted, Failure: payment.InvalidCVN, Authorization: payment.Authorization{AuthorizationCode: "A1B2C3", ResponseCode: "00", CVNResult: "N"}}
	unknown  = payment.Answer{Outcome: payment.Unknown}
	unsent   = payment.Answer{Outcome: payment.Unsent, Failure: payment.ChannelUnavailable}
)

// says is a host that gives one answer to everything.
func says(a payment.Answer) func(flow.Authorisation) payment.Answer {
	return func(flow.Authorisation) payment.Answer { return a }
}
