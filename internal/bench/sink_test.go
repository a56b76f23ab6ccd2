package bench

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSink: what is expected is waited for, whichever comes first; what comes twice counts once; what must not come is an
// error, and so is what does not come.
func TestSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{came: map[told]arrival{}, awaited: map[told]bool{}, changed: make(chan struct{})}
		come := func(body string) {
			answer := httptest.NewRecorder()
			s.ServeHTTP(answer, httptest.NewRequest("POST", "/webhooks", strings.NewReader(body)))
			if answer.Code != http.StatusNoContent {
				t.Errorf("answered %d", answer.Code)
			}
		}
		capture := `{"event":"payment.capture","created":"2020-01-01T00:00:00Z","data":{"payment_request_id":"pr-1","payment_id":"py-1","updated":"1999-12-31T23:59:59.750Z"}}`
		come(capture)
		come(capture)
		s.expect("payment.capture", "pr-1")
		s.expect("payment_session.completed", "ps-1")
		s.expect("refund.succeeded", "rfd-1")
		go func() {
			time.Sleep(time.Second)
			come(`{"event":"refund.succeeded","data":{"id":"rfd-1","payment_request_id":"pr-1"}}`)
			time.Sleep(time.Second)
			come(`{"event":"payment_session.completed","data":{"payment_session_id":"ps-1","payment_request_id":"pr-1"}}`)
		}()
		began := time.Now()
		if err := s.settled(t.Context()); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		// The bubble's clock begins with the year 2000: a quarter of a second after what is told.
		came := s.take()
		if a := came[told{"payment.capture", "pr-1"}]; len(came) != 3 || a.at.Sub(a.changed) != 250*time.Millisecond {
			t.Errorf("%v", came)
		}
		if again := s.take(); len(again) != 0 {
			t.Errorf("taken again: %v", again)
		}

		s.expect("payment.capture", "pr-2")
		if err := s.settled(t.Context()); err == nil || !strings.Contains(err.Error(), "1 webhooks did not come") {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.settled(ctx); err != context.Canceled {
			t.Error(err)
		}
		come(`{"event":"payment.failure","data":{"payment_request_id":"pr-2","failure_code":"DECLINED_BY_ISSUER"}}`)
		if err := s.settled(t.Context()); err == nil || !strings.Contains(err.Error(), "payment.failure DECLINED_BY_ISSUER") {
			t.Error(err)
		}
	})
}
