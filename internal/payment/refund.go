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
	ReferenceID string
	Amount      Money
	Reason      string
	Failure     RefundFailure
	Sent        bool            // it may have left, and cannot be called off any more
	Advice      AdviceID        // the 0220 that tells the acquirer
	Echo        json.RawMessage `json:",omitempty"` // metadata
	Created     time.Time
	Updated     time.Time
}

// RefundFailure is the failure_code of a refund.
type RefundFailure string

const RefundRefused RefundFailure = "REFUND_FAILED"

// Refundable is the amount that a refund is about: what was asked for, or all that is left.
func Refundable(c Case, asked *Money) (Money, error) {
	if asked != nil {
		if asked.Minor == 0 {
			return Money{}, Refuse("INVALID_VALUE_ERROR", "Refund amount must be greater than zero.")
		}
		if asked.Currency != c.Request.Amount.Currency {
			return Money{}, Refuse("INVALID_VALUE_ERROR", "Refund currency must be the payment's.")
		}
		return *asked, nil
	}
	if c.Request.Capture == nil {
		return Money{}, notCaptured()
	}
	left := c.Request.Capture.Amount
	if left.Minor -= c.Request.Refunded; left.Minor <= 0 {
		return Money{}, Refuse("REFUND_AMOUNT_EXCEEDED", "Refund amount specified in refund request must be less than or equal to unrefunded capture amount.")
	}
	return left, nil
}

func notCaptured() error {
	return Refuse("INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment because of its current status: nothing of it is captured.")
}

// NewRefund gives captured money back, at most what was captured and not given back yet. Refunds that are on
// their way count: several at once cannot exceed it together, because each changes the attempt.
func NewRefund(c Case, r Refund, a Advice, firstTry time.Time) (Changes, error) {
	q := *c.Request
	switch {
	case q.State != Succeeded || q.Capture == nil:
		return Changes{}, notCaptured()
	case r.Created.After(q.Capture.At.Add(RefundPeriod)):
		return Changes{}, Refuse("REFUND_NOT_SUPPORTED", "The payment is too old to be refunded: the time for it is 365 days.")
	case r.Amount.Minor > q.Capture.Amount.Minor-q.Refunded:
		return Changes{}, Refuse("REFUND_AMOUNT_EXCEEDED", "Refund amount specified in refund request must be less than or equal to unrefunded capture amount.")
	}
	q.Refunded += r.Amount.Minor
	q.Updated = r.Created
	r.Status, r.Advice = RefundPending, a.ID
	a.Refund = r.ID
	return Changes{Requests: []Request{q}, Refund: &r, Effects: []Effect{
		SaveAdvice{a}, Wake{Work{WorkAdvice, string(a.ID)}, firstTry},
	}}, nil
}

// concludeRefund ends a refund that the acquirer took or refused. What was refused can be asked for again.
func concludeRefund(c Case, taken bool, at time.Time) Changes {
	r := *c.Refund
	if r.Status != RefundPending {
		return Changes{}
	}
	r.Updated = at
	if taken {
		r.Status = RefundSucceeded
		return Changes{Refund: &r, Effects: []Effect{Tell{NoticeRefundSucceeded}}}
	}
	r.Status, r.Failure = RefundFailed, RefundRefused
	q := *c.Request
	q.Refunded -= r.Amount.Minor
	q.Updated = at
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
