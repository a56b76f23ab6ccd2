package gate_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"reprise/internal/payment"
)

// TestMemoryAway: when the memory is away the caller is told to come back, and whether to look first.
func TestMemoryAway(t *testing.T) {
	away := fmt.Errorf("store: no connection: %w", payment.ErrUnavailable)
	lost := fmt.Errorf("store: the answer to a commit was lost: %w", payment.ErrUnsure)
	for _, test := range []struct {
		name    string
		err     error
		after   string
		message string
	}{
		{"unavailable", away, "2", "The service is not available at this moment. Please try again."},
		{"unsure", lost, "5", "The request may have been carried out. Please look at the object first, or repeat the request with the same idempotency key."},
		{"time over", fmt.Errorf("store: %w", context.DeadlineExceeded), "5", "The request may have been carried out. Please look at the object first, or repeat the request with the same idempotency key."},
		{"both", errors.Join(away, lost), "5", "The request may have been carried out. Please look at the object first, or repeat the request with the same idempotency key."},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := answering(t, test.err)
			w := h.send(request{method: "GET", path: sessionPath, key: secretKey})
			if got := refused(t, w); w.Code != 503 || got.Code != "SERVICE_UNAVAILABLE" || got.Message != test.message {
				t.Errorf("answered %d %+v", w.Code, got)
			}
			if after := w.Header().Get("Retry-After"); after != test.after {
				t.Errorf("to be tried again after %q s, want %s", after, test.after)
			}
			if log := h.log.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "store: ") {
				t.Errorf("log: %s", log)
			}
		})
	}
}
