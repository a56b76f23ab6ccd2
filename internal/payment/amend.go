package payment

import (
	"encoding/json"
	"time"
)

// Amendable says whether a payment request can still be changed or dropped, or why not.
func Amendable(c Case) error {
	switch s := c.Request.State; {
	case s.Final():
		return Refuse("INACTIVE_PAYMENT_REQUEST", "Payment request is already inactive.")
	case !s.BeforeAcquirer():
		return ineligible("it is with the acquirer, or its money is held")
	}
	return nil
}

// AmendRequest changes the amount of a payment request and what the API repeats of it. Another amount needs the CVN
// again: the one in the escrow was typed for the amount that the payer saw.
func AmendRequest(c Case, amount Money, echo json.RawMessage, at time.Time) (Changes, error) {
	r := *c.Request
	r.Echo, r.Updated = echo, at
	if amount == r.Amount {
		return Changes{Requests: []Request{r}}, nil
	}
	switch {
	case c.Session.ID != "":
		return Changes{}, ineligible("its amount is the session's")
	case r.State != Submitted:
		return Changes{}, ineligible("the payer is being authenticated for the amount that was asked for")
	}
	r.Amount = amount
	return Changes{Requests: []Request{r}, Effects: []Effect{ForgetCVN{r.ID}}}, nil
}

// Simulable says whether a payer can be played for a payment request, or why not.
func Simulable(c Case) error {
	if c.Request.State != Submitted {
		return ineligible("no payer is waited for")
	}
	return nil
}

func ineligible(why string) error {
	return Refuse("INELIGIBLE_TRANSACTION_STATUS", "Feature is not allowed for the payment request because of its current status: "+why+".")
}
