package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/internal/payment"
)

// Advice is payment's, by a name that cmd may use.
type Advice = payment.Advice

// Advices lists what was told the acquirer and has one of some statuses, the oldest first. Without any: what ended
// otherwise than acknowledged, and is the operator's to settle.
func (o *Office) Advices(ctx context.Context, statuses []string) ([]Advice, error) {
	wanted := payment.Unsettled()
	if len(statuses) > 0 {
		wanted = nil
	}
	every := append(payment.Unsettled(), payment.AdviceOpen, payment.AdviceDone, payment.AdviceDropped, payment.AdviceClosed)
	var problems []error
	for _, name := range statuses {
		if !slices.Contains(every, payment.AdviceStatus(name)) {
			problems = append(problems, fmt.Errorf("there is no status %q: %v", name, every))
		}
		wanted = append(wanted, payment.AdviceStatus(name))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return o.store.Advices(ctx, wanted)
}

// RetryAdvice has a reversal or a release told again that had ended without the acquirer's acknowledgement. A gateway
// on the database does it.
func (o *Office) RetryAdvice(ctx context.Context, id string) error {
	return o.settleAdvice(ctx, id, "advice.retry", func(c payment.Case, a payment.Advice) (payment.Advice, error) {
		return payment.RetryAdvice(c, a, o.outside.Now())
	})
}

// CloseAdvice takes an advice off the operator's list: it is settled with the acquirer.
func (o *Office) CloseAdvice(ctx context.Context, id, reason string) error {
	return o.settleAdvice(ctx, id, "advice.close", func(_ payment.Case, a payment.Advice) (payment.Advice, error) {
		return payment.CloseAdvice(a, reason)
	})
}

func (o *Office) settleAdvice(ctx context.Context, id, act string, decide func(payment.Case, payment.Advice) (payment.Advice, error)) error {
	before, err := o.store.Advice(ctx, payment.AdviceID(id))
	if errors.Is(err, payment.ErrNotFound) {
		return fmt.Errorf("there is no advice %s", id)
	} else if err != nil {
		return err
	}
	c, err := o.store.Case(ctx, payment.Lookup{Request: before.Request})
	if err != nil {
		return err
	}
	after, err := decide(c, before)
	if err != nil {
		return fmt.Errorf("advice %s: %w", id, err)
	}
	change := map[string]any{"status": []payment.AdviceStatus{before.Status, after.Status}, "kind": after.Kind, "payment_request": after.Request}
	if after.Reason != "" {
		change["reason"] = after.Reason
	}
	err = o.store.SettleAdvice(ctx, before, after, payment.Audit{
		Actor: o.by, Business: c.Merchant.ID, Act: act, Object: id, Change: change,
	})
	if errors.Is(err, payment.ErrTaken) {
		return fmt.Errorf("advice %s: somebody else was faster", id)
	}
	return err
}
