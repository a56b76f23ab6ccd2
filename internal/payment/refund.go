package payment

import (
	"encoding/json"
	"time"
)

// RefundStatus is the life of a refund, in the v3 API's spelling.
type RefundStatus string

const (
	RefundPending   RefundStatus = "PENDING"
	RefundSucceeded RefundStatus = "SUCCEEDED"
	RefundFailed    RefundStatus = "FAILED"
	RefundCancelled RefundStatus = "CANCELLED"
)

// Refund is captured money that is given back.
type Refund struct {
	ID          RefundID
	Business    BusinessID
	Request     RequestID
	Version     int64
	Status      RefundStatus
	ReferenceID string // may be empty, and need not be unique
	Amount      Money
	Reason      string
	Failure     RefundFailure
	Sent        bool            // it may have left, and cannot be called off any more
	Advice      AdviceID        // the 0220 that tells the acquirer
	Echo        json.RawMessage `json:",omitempty"` // metadata
	Created     time.Time
	Updated     time.Time
	Unread      Unread `json:"-"`
}

// RefundPage is a part of a business's refunds, which stand the newest first.
type RefundPage struct {
	Request RequestID // only those of it; empty: of all
	After   RefundID  // those made before it; may be empty
	Before  RefundID  // those made after it; without After the ones that are nearest to it
	Limit   int
}

// RefundFailure is the failure_code of a refund.
type RefundFailure string

const (
	RefundRefused RefundFailure = "REFUND_FAILED"
	// RefundUnfunded: the acquirer has nothing of the merchant's to take it from.
	RefundUnfunded RefundFailure = "INSUFFICIENT_BALANCE"
)

// codeUnfunded is DE39 of an acquirer that has nothing to take a refund from: insufficient funds.
const codeUnfunded = "51"

// Refundable is the amount that a refund gives back: what was asked for, or all that is left where nothing was.
// Refunds that are on their way count as given back. currency is what the merchant named, or empty.
func Refundable(c Case, currency string, asked *Money, at time.Time) (Money, error) {
	q := c.Request
	if q.State != Succeeded || q.Capture == nil {
		return Money{}, Refuse("INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment because of its current status: nothing of it is captured.")
	}
	if at.After(q.Capture.At.Add(RefundPeriod)) {
		return Money{}, Refuse("REFUND_NOT_SUPPORTED", "The payment is too old to be refunded: the time for it is 365 days.")
	}
	left := q.Capture.Amount
	left.Minor -= q.Refunded
	amount := left
	if asked != nil {
		amount = *asked
	}
	switch {
	case currency != "" && currency != left.Currency:
		return Money{}, Refuse("INVALID_VALUE_ERROR", "Refund currency must be the payment's.")
	case asked != nil && amount.Minor == 0:
		return Money{}, Refuse("INVALID_VALUE_ERROR", "Refund amount must be greater than zero.")
	case amount.Minor > left.Minor || left.Minor == 0:
		return Money{}, Refuse("REFUND_AMOUNT_EXCEEDED", "Refund amount specified in refund request must be less than or equal to unrefunded capture amount.")
	}
	return amount, nil
}

// NewRefund gives captured money back. Several at once cannot exceed together what was captured, because each
// changes the attempt.
func NewRefund(c Case, r Refund, a Advice, firstTry time.Time) (Changes, error) {
	if _, err := Refundable(c, r.Amount.Currency, &r.Amount, r.Created); err != nil {
		return Changes{}, err
	}
	q := *c.Request
	q.Refunded += r.Amount.Minor
	q.Updated = r.Created
	r.Status, r.Advice = RefundPending, a.ID
	a.Refund = r.ID
	return Changes{Requests: []Request{q}, Refund: &r, Effects: []Effect{
		SaveAdvice{a}, Wake{Work{WorkAdvice, string(a.ID)}, firstTry},
	}}, nil
}

// concludeRefund ends a refund that the acquirer took or refused. What was refused can be asked for again.
func concludeRefund(c Case, taken bool, e Event) Changes {
	r := *c.Refund
	if r.Status != RefundPending {
		return Changes{}
	}
	r.Updated = e.At
	if taken {
		r.Status = RefundSucceeded
		ch := Changes{Refund: &r, Effects: []Effect{Tell{NoticeRefundSucceeded}}}
		if q := *c.Request; c.Token.Status != TokenActive && q.Refunded == q.Capture.Amount.Minor {
			q.Updated = e.At // nothing is left to refund: the number goes sooner
			ch.Requests = []Request{q}
			ch.Effects = append(ch.Effects, Wake{tokenWork(c.Token), e.At.Add(NumberKept)})
		}
		return ch
	}
	r.Status, r.Failure = RefundFailed, RefundRefused
	if e.Answer.Authorization.ResponseCode == codeUnfunded {
		r.Failure = RefundUnfunded
	}
	q := *c.Request
	q.Refunded -= r.Amount.Minor
	q.Updated = e.At
	return Changes{Requests: []Request{q}, Refund: &r, Effects: []Effect{Tell{NoticeRefundFailed}}}
}

// CancelRefund calls off a refund that has not left the house, because the acquirer cannot be reached. a is its
// advice.
func CancelRefund(c Case, a Advice, at time.Time) (Changes, error) {
	r := *c.Refund
	if r.Status != RefundPending || r.Sent {
		return Changes{}, Refuse("INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the refund because of its current status: it is with the acquirer, or over.")
	}
	r.Status, r.Updated = RefundCancelled, at
	q := *c.Request
	q.Refunded -= r.Amount.Minor
	q.Updated = at
	a.Status = AdviceDropped
	return Changes{Requests: []Request{q}, Refund: &r, Effects: []Effect{
		SaveAdvice{a}, Rest{Work{WorkAdvice, string(a.ID)}},
	}}, nil
}
