// Package flow says in what order things happen: how a card, stored or typed, is paid with or stored, in a
// session or without one, and what becomes of the money afterwards: captures, refunds, reversals. It holds no
// state and knows nobody by name; the four it needs it declares as interfaces, and the house gives it real ones.
//
// Every command reads a case, lets the state machine of package payment decide, and has the changes
// committed with their effects. No counterparty is ever called inside a commit.
package flow

import (
	"context"
	"io"
	"log/slog"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Store remembers. It returns payment.ErrNotFound, payment.ErrRepeated, payment.ErrTaken and
// payment.ErrDuplicate as they are.
type Store interface {
	// Case reads a case.
	Case(ctx context.Context, l payment.Lookup) (payment.Case, error)

	// Change reads a case, lets fn decide and commits what it decided, from the start again when another
	// won the race. fn may be called several times and has no effects of its own. It returns the case
	// after the changes. With no changes at all, nothing is written.
	Change(ctx context.Context, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error)

	// ChangeFrom is Change of a case that the command has read or written itself just now: the first decision is about
	// that, and only where it loses a race the case is read.
	ChangeFrom(ctx context.Context, c payment.Case, l payment.Lookup, once *payment.Once, fn func(payment.Case) (payment.Changes, error)) (payment.Case, error)

	// Escrow reads the row of an attempt that a verifier names.
	Escrow(ctx context.Context, r payment.RequestID, verifier []byte) (payment.SealedCVN, error)

	Token(ctx context.Context, b payment.BusinessID, t payment.TokenID) (payment.Token, error)
	Customer(ctx context.Context, b payment.BusinessID, c payment.CustomerID) (payment.Customer, error)
	CustomerByReference(ctx context.Context, b payment.BusinessID, reference string) (payment.Customer, error)

	// CreateCustomer writes a customer; payment.ErrTaken means that its reference is another's.
	CreateCustomer(ctx context.Context, c payment.Customer, once *payment.Once) error
	// ChangeCustomer reads a customer, lets fn decide and commits what it decided, as Change does.
	ChangeCustomer(ctx context.Context, b payment.BusinessID, c payment.CustomerID, fn func(payment.Customer) (payment.Customer, error)) (payment.Customer, error)

	Advice(ctx context.Context, a payment.AdviceID) (payment.Advice, error)

	// Requests lists payment requests of a business, the newest first, at most limit of those made before
	// one of them. Where a reference is given, only the one that has it.
	Requests(ctx context.Context, b payment.BusinessID, reference string, before payment.RequestID, limit int) ([]payment.RequestID, error)
	// Refunds lists refunds of a business, the newest first: a page of them.
	Refunds(ctx context.Context, b payment.BusinessID, p payment.RefundPage) ([]payment.Refund, error)
	// NumberNeeded says until when attempts with a card may need its number; forever is true while one is
	// not over or waits for an advice to be acknowledged.
	NumberNeeded(ctx context.Context, t payment.TokenID) (until time.Time, forever bool, err error)
}

// Vault seals and opens. It owns no rows.
type Vault interface {
	// SealCVN makes an escrow row and the browser's share, which is stored nowhere.
	SealCVN(cvn card.CVN, b payment.Binding) (sealed payment.SealedCVN, share []byte, err error)
	// Verifier tells which row a share belongs to.
	Verifier(share []byte) ([]byte, error)
	// OpenCVN fails when the share is wrong, the row is damaged, or the binding is another.
	OpenCVN(sealed payment.SealedCVN, share []byte, b payment.Binding) (card.CVN, error)
	// Keyed is a hash of data that only the house can make; two purposes give unrelated ones.
	Keyed(purpose string, data []byte) [32]byte
	// Fingerprint is the same for equal cards of one business, and tells nothing else.
	Fingerprint(pan card.PAN, b payment.BusinessID) string
	// SealPAN seals the number of a card that is to be kept.
	SealPAN(pan card.PAN, b payment.BusinessID, t payment.TokenID) ([]byte, error)
	// OpenPAN opens the number of a stored card.
	OpenPAN(sealed []byte, b payment.BusinessID, t payment.TokenID) (card.PAN, error)
}

// ThreeDS is the line to the directory server.
type ThreeDS interface {
	// Range finds the directory server, the protocol version and the 3DS Method URL for a card. A card in no range is not
	// enrolled: payment.ErrNotFound.
	Range(ctx context.Context, pan card.PAN) (directory, version, methodURL string, err error)
	// MethodForm is what the browser posts to the Method URL; notificationURL is ours.
	MethodForm(a payment.Authentication, notificationURL string) Form
	// Authenticate sends the AReq and returns the authentication with what the ARes said; TransStatus C
	// asks for a challenge. An error means that no usable ARes came; it is a *LowerVersion where one may come in
	// another version, payment.ErrNotFound where the card is not enrolled any more, and payment.ErrUnanswered where the
	// bank could not be asked. Any other says that it was not asked for what the AReq says, or answered what cannot be.
	Authenticate(ctx context.Context, q AuthenticationRequest) (payment.Authentication, error)
	// ChallengeForm is what the browser posts to the ACS. window is a challengeWindowSize, "01" to "05".
	ChallengeForm(a payment.Authentication, window string) Form
}

// LowerVersion says that an AReq was refused for its version (EMV 3DS 2.2 table A.4, code 102), and in which lower one
// the bank may be asked once more, with the URL of its 3DS Method; empty: there is none. It is then another transaction.
type LowerVersion struct {
	Version, MethodURL string
	Err                error // as the refusal was told
}

func (e *LowerVersion) Error() string { return e.Err.Error() }

// Unwrap is the refusal.
func (e *LowerVersion) Unwrap() error { return e.Err }

// Form is something a browser posts: application/x-www-form-urlencoded fields to a URL.
type Form struct {
	URL    string            `json:"url"`
	Fields map[string]string `json:"fields"`
}

// AuthenticationRequest is what an AReq is made from.
type AuthenticationRequest struct {
	Authentication  payment.Authentication // ServerTransID, Version, what is to be authenticated
	Merchant        payment.Merchant
	PAN             card.PAN
	Expiry          card.Expiry
	Cardholder      payment.Cardholder
	OnFile          payment.CardOnFile // the agreement on which the card is used, if any
	Browser         Browser
	MethodCompleted string // threeDSCompInd: Y, N, or U where the range has no Method
	NotificationURL string // where the ACS brings the browser home; at most 256 characters
	Challenge       string // threeDSRequestorChallengeInd: "03", "04"
	At              time.Time
}

// Browser is what the payer's browser says of itself (EMV 3DS 2.2 §6.2, data elements browser*), already
// in range: sizes in pixels, TimeZone in minutes, positive west of UTC.
type Browser struct {
	AcceptHeader, UserAgent, Language, IP string
	AcceptLanguage                        string // the header as it came, may be empty
	JavaEnabled                           bool
	ColorDepth                            int
	ScreenHeight, ScreenWidth, TimeZone   int
	Window                                string // challengeWindowSize that fits, "01" to "05"
}

// Acquirer is the line to the acquirer host.
type Acquirer interface {
	// Reserve draws the trace that will identify an authorisation, so that it can be committed before it is
	// sent. amount is zero for a verification.
	Reserve(ctx context.Context, m payment.Merchant, why payment.Purpose, amount payment.Money) (payment.Trace, error)
	// ReserveAdvice draws the trace of an advice about an original. amount is what a capture or a refund is
	// about; the other kinds are about the original's.
	ReserveAdvice(ctx context.Context, m payment.Merchant, kind payment.AdviceKind, original payment.Trace, amount payment.Money) (payment.Trace, error)
	// Authorise sends an 0200 or 0100, as the trace says, and waits for the answer as long as an answer may
	// take. It never fails: what is not known is Unknown.
	Authorise(ctx context.Context, a Authorisation) payment.Answer
	// Advise sends an advice, or its repeat when it was tried before. Approved: acknowledged with 00.
	// Declined: acknowledged with another code, which the answer has. Unknown: sent, and no answer in time.
	// Unsent: not one byte left.
	Advise(ctx context.Context, a payment.Advice, pan card.PAN) payment.Answer
}

// Authorisation is what an 0200 or 0100 is made from.
type Authorisation struct {
	Trace    payment.Trace
	Merchant payment.Merchant
	PAN      card.PAN
	Expiry   card.Expiry
	CVN      card.CVN                // zero where none was asked for
	Proof    *payment.Authentication // nil where 3DS was skipped
	OnFile   payment.CardOnFile      // how the card is used if it is a stored one
	// Absent: the merchant pays on its own, the cardholder is not there.
	Absent bool
	// NotAfter is when it is too late to send: another node may take the attempt for lost.
	NotAfter time.Time
}

// Options of a Flow.
type Options struct {
	Store    Store
	Vault    Vault
	ThreeDS  ThreeDS
	Acquirer Acquirer

	Now    func() time.Time
	Within func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) // ctx, ended after d
	Rand   io.Reader                                                                        // ids and page addresses
	Log    *slog.Logger

	// Simulates lets merchants play the payer (a sandbox).
	Simulates bool

	// AnswerTimeout is how long the acquirer has for an answer; after it, and a margin, an attempt whose
	// answer nobody saw is taken for unknown.
	AnswerTimeout time.Duration
	// PublicURL is where browsers reach this gateway, without a slash at the end.
	PublicURL string
}

// Flow carries out the commands of the doors.
type Flow struct{ o Options }

// New makes a Flow.
func New(o Options) *Flow { return &Flow{o} }

// through is a context for what must be seen through although the caller may leave. It ends when no answer
// of the acquirer is waited for any more.
func (f *Flow) through(ctx context.Context) (context.Context, func()) {
	return f.o.Within(context.WithoutCancel(ctx), f.o.AnswerTimeout+settleMargin)
}
