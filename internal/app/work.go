package app

import (
	"context"
	"time"

	"reprise/internal/payment"
	"reprise/internal/store"
)

// work says who does which work. Those of flow commit what comes next themselves.
func (h *House) work() map[payment.WorkKind]store.Handler {
	done := func(do func(ctx context.Context, ref string) error) store.Handler {
		return func(ctx context.Context, ref string, _ int) (time.Time, error) { return time.Time{}, do(ctx, ref) }
	}
	return map[payment.WorkKind]store.Handler{
		payment.WorkAttempt: done(func(ctx context.Context, ref string) error {
			return h.flow.Deadline(ctx, payment.RequestID(ref))
		}),
		payment.WorkSession: done(func(ctx context.Context, ref string) error {
			return h.flow.ExpireSession(ctx, payment.SessionID(ref))
		}),
		payment.WorkAdvice: done(func(ctx context.Context, ref string) error {
			return h.flow.Advise(ctx, payment.AdviceID(ref))
		}),
		payment.WorkToken: done(func(ctx context.Context, ref string) error {
			return h.flow.TokenDue(ctx, payment.TokenID(ref))
		}),
	}
}
