package app

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// refunding is the body of a POST /refunds; change edits it first.
func refunding(request string, change ...func(map[string]any)) map[string]any {
	body := map[string]any{"payment_request_id": request, "reason": "REQUESTED_BY_CUSTOMER"}
	for _, c := range change {
		c(body)
	}
	return body
}

// paid10000 takes 10000 rupiah of a stored card and returns the payment request.
func (f *front) paid10000() string {
	f.t.Helper()
	return f.newRequest(visaChallenge, channel("skip_three_ds", true))["payment_request_id"].(string)
}

// captured4000 captures 4000 rupiah of 10000 that are held.
func (f *front) captured4000() string {
	f.t.Helper()
	a := f.ask("POST", "/v3/payments/"+f.held10000()+"/capture", SandboxSecretKey, map[string]any{"capture_amount": 4000})
	if a.body["status"] != "SUCCEEDED" {
		f.t.Fatalf("not captured: %d %v", a.status, a.body)
	}
	return a.body["payment_request_id"].(string)
}

// back asks for money back.
func (f *front) back(request string, change ...func(map[string]any)) map[string]any {
	f.t.Helper()
	a := f.ask("POST", "/refunds", SandboxSecretKey, refunding(request, change...))
	if a.status != http.StatusOK {
		f.t.Fatalf("POST /refunds: %d %v", a.status, a.body)
	}
	return a.body
}

// givenBack gives a payment back and returns the refund.
func (w *town) givenBack() string {
	w.t.Helper()
	return w.back(w.paid10000())["id"].(string)
}

// unsentRefund is a refund that could not leave, and that nobody tries again for a day.
func (w *town) unsentRefund() string {
	w.t.Helper()
	request := w.paid10000()
	w.unplug()
	r := w.back(request)
	w.damage(`UPDATE work SET next_at = $1 WHERE kind = 'advice' AND ref = $2`,
		w.outside.Now().Add(24*time.Hour).UnixMicro(), string(w.kept(r["id"]).Advice))
	w.plug()
	return r["id"].(string)
}

// kept is a refund as the books have it.
func (w *town) kept(id any) payment.Refund {
	w.t.Helper()
	for _, r := range w.refunds() {
		if string(r.ID) == id {
			return r
		}
	}
	w.t.Fatalf("the books have no %v", id)
	return payment.Refund{}
}

// refundEnds waits until the merchant has been told how a refund ended, and compares what is read with that.
func (w *town) refundEnds(id any, status string) map[string]any {
	w.t.Helper()
	event := map[string]string{"SUCCEEDED": "refund.succeeded", "FAILED": "refund.failed"}[status]
	told := w.webhook(event, id.(string))
	if diff := cmp.Diff(told.Data, w.read("/refunds/"+id.(string))); diff != "" || told.Data["status"] != status {
		w.t.Errorf("%s (-told +read):\n%s", told.Data["status"], diff)
	}
	if n := w.webhooks("", id.(string)); n != 1 {
		w.t.Errorf("told of %v %d times", id, n)
	}
	return told.Data
}

var tooMuch = refusal{400, "REFUND_AMOUNT_EXCEEDED", "Refund amount specified in refund request must be less than or equal to unrefunded capture amount.", ""}

func TestRefunds(t *testing.T) {
	t.Parallel()
	for name, calm := range map[string]bool{"on a calm day": true, "with everyday mischief": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openTown(t, func(s *SandboxSettings) { s.Calm = calm })
			w.refundsOfAllKinds()
			w.balanced()
		})
	}
}

// refundsOfAllKinds is run on both databases.
func (w *town) refundsOfAllKinds() {
	w.t.Helper()
	for name, do := range map[string]func(w *town){
		"in parts":                     (*town).refundsInParts,
		"of a captured part, at once":  (*town).refundsAtOnce,
		"not heard of":                 (*town).refundNotHeardOf,
		"refused by the host":          (*town).refundRefused,
		"called off before it left":    (*town).refundCalledOff,
		"once":                         (*town).refundOnce,
		"while it is still on its way": (*town).refundOnItsWay,
	} {
		w.t.Run(name, func(t *testing.T) { do(w.in(t)) })
	}
}

func (w *town) refundsInParts() {
	request := w.paid10000()
	said := map[string]any{"reference_id": "back-1", "currency": "IDR", "amount": 2500.0, "metadata": map[string]any{"order": "7"}, "reason": "DUPLICATE"}
	part := w.back(request, func(body map[string]any) {
		for name, value := range said {
			body[name] = value
		}
	})
	for name, want := range said {
		if diff := cmp.Diff(want, part[name]); diff != "" {
			w.t.Errorf("%s (-said +answered):\n%s", name, diff)
		}
	}
	if part["status"] != "SUCCEEDED" || part["payment_request_id"] != request {
		w.t.Errorf("%v", part)
	}
	w.refundEnds(part["id"], "SUCCEEDED")
	w.ask("POST", "/refunds", SandboxSecretKey, refunding(request, with("amount", 7501))).refuses(w.t, tooMuch)
	middle := w.back(request, with("amount", 2500))
	rest := w.back(request)
	if rest["status"] != "SUCCEEDED" || rest["amount"] != 5000.0 || rest["reference_id"] != nil || rest["metadata"] != nil {
		w.t.Errorf("%v", rest)
	}
	w.refundEnds(rest["id"], "SUCCEEDED")
	w.ask("POST", "/refunds", SandboxSecretKey, refunding(request)).refuses(w.t, tooMuch)

	list := "/refunds?payment_request_id=" + request
	for path, want := range map[string][]any{
		list:              {rest["id"], middle["id"], part["id"]},
		list + "&limit=1": {rest["id"]},
		list + "&limit=1&after_id=" + rest["id"].(string):                 {middle["id"]},
		list + "&limit=1&before_id=" + part["id"].(string):                {middle["id"]},
		list + "&after_id=" + part["id"].(string):                         {},
		list + "&payment_method_type=CARD&channel_code=CARDS&invoice_id=": {rest["id"], middle["id"], part["id"]},
		list + "&invoice_id=inv-1":                                        {},
		list + "&payment_method_type=EWALLET":                             {},
		list + "&channel_code=DANA":                                       {},
	} {
		page := w.read(path)
		ids := []any{}
		for _, r := range page["data"].([]any) {
			ids = append(ids, r.(map[string]any)["id"])
		}
		more := len(want) == 1
		if diff := cmp.Diff(want, ids); diff != "" || page["has_more"] != more {
			w.t.Errorf("%s: more %v (-want +got):\n%s", path, page["has_more"], diff)
		}
	}
}

// refundsAtOnce: never more than was captured, in however many parts.
func (w *town) refundsAtOnce() {
	request := w.captured4000()
	answers := atOnce(20, func(int) answer {
		a, err := w.send("POST", "/refunds", SandboxSecretKey, refunding(request, with("amount", 500)))
		if err != nil {
			w.t.Error(err)
		}
		return a
	})
	made := 0
	for _, a := range answers {
		if a.status != http.StatusOK {
			a.refuses(w.t, tooMuch)
			continue
		}
		made++
		w.refundEnds(a.body["id"], "SUCCEEDED")
	}
	if made != 8 {
		w.t.Errorf("%d refunds of 500 out of 4000", made)
	}
}

// heldBack asks for money back which the acquirer gives, and says nothing.
func (w *town) heldBack(request string) map[string]any {
	w.t.Helper()
	before := len(w.refunds())
	var answered answer
	var tasks sync.WaitGroup
	tasks.Go(func() {
		var err error
		if answered, err = w.send("POST", "/refunds", SandboxSecretKey, refunding(request)); err != nil {
			w.t.Error(err)
		}
	})
	w.eventually("the refund has left", func() bool {
		all := w.refunds()
		return len(all) > before && w.givenTimes(request) == 1
	})
	w.forward(adviceTimeout)
	tasks.Wait()
	if answered.status != http.StatusOK || answered.body["status"] != "PENDING" {
		w.t.Fatalf("%d %v", answered.status, answered.body)
	}
	return answered.body
}

// givenTimes is how many refunds of a payment request the bank has booked.
func (w *town) givenTimes(request string) (n int) {
	w.t.Helper()
	rrn := ""
	for _, r := range w.requests() {
		if string(r.ID) == request {
			rrn = r.Trace.RRN
		}
	}
	for _, e := range w.bank.ledger() {
		if e.Kind == "refund" && e.RRN == rrn {
			n++
		}
	}
	return n
}

func (w *town) refundNotHeardOf() {
	request := w.paid10000()
	w.bank.turn(`{"next_advice":{"behaviour":"silence","times":2}}`)
	r := w.heldBack(request)
	w.ask("POST", "/refunds/"+r["id"].(string)+"/cancel", SandboxSecretKey, nil).
		refuses(w.t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
	if n := w.webhooks("", r["id"].(string)); n != 0 {
		w.t.Errorf("told %d times of something that nobody knows", n)
	}
	for range 3 { // 0221, not answered; 0221
		w.forward(10 * time.Second)
	}
	w.eventually("acknowledged", func() bool {
		if w.kept(r["id"]).Status == payment.RefundPending {
			w.forward(10 * time.Second)
		}
		return w.kept(r["id"]).Status != payment.RefundPending
	})
	w.refundEnds(r["id"], "SUCCEEDED")
	if n := w.givenTimes(request); n != 1 {
		w.t.Errorf("given back %d times", n)
	}
}

func (w *town) refundRefused() {
	request := w.paid10000()
	for code, want := range map[string]string{"51": "INSUFFICIENT_BALANCE", "12": "REFUND_FAILED"} {
		w.bank.turn(`{"next_advice":{"behaviour":"decline","code":"` + code + `"}}`)
		r := w.back(request)
		if r["status"] != "FAILED" || r["failure_code"] != want {
			w.t.Errorf("%v", r)
		}
		w.refundEnds(r["id"], "FAILED")
	}
	w.refundEnds(w.back(request)["id"], "SUCCEEDED") // what was refused is asked for again
}

func (w *town) refundCalledOff() {
	request := w.paid10000()
	w.unplug()
	r := w.back(request, with("amount", 6000))
	if r["status"] != "PENDING" {
		w.t.Errorf("%v", r)
	}
	w.ask("POST", "/refunds", SandboxSecretKey, refunding(request, with("amount", 6000))).refuses(w.t, tooMuch) // what waits counts
	path := "/refunds/" + r["id"].(string)
	cancelled := w.ask("POST", path+"/cancel", SandboxSecretKey, nil)
	if cancelled.status != http.StatusOK || cancelled.body["status"] != "CANCELLED" {
		w.t.Errorf("%d %v", cancelled.status, cancelled.body)
	}
	w.plug()
	w.forward(time.Minute)
	if diff := cmp.Diff(cancelled.body, w.read(path)); diff != "" || w.givenTimes(request) != 0 || w.webhooks("", r["id"].(string)) != 0 {
		w.t.Errorf("booked %d times (-cancelled +now):\n%s", w.givenTimes(request), diff)
	}
	w.ask("POST", path+"/cancel", SandboxSecretKey, nil).refuses(w.t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
	w.refundEnds(w.back(request)["id"], "SUCCEEDED")
}

// refundOnItsWay leaves as soon as there is a line, without anybody asking again.
func (w *town) refundOnItsWay() {
	request := w.paid10000()
	w.unplug()
	r := w.back(request)
	w.plug()
	w.forward(10 * time.Second)
	w.refundEnds(r["id"], "SUCCEEDED")
	w.ask("POST", "/refunds/"+r["id"].(string)+"/cancel", SandboxSecretKey, nil).
		refuses(w.t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
}

func (w *town) refundOnce() {
	request := w.captured4000()
	key := fmt.Sprint("once ", request)
	ids := map[any]bool{}
	for _, a := range atOnce(8, func(int) answer {
		a, err := w.send("POST", "/refunds", SandboxSecretKey, refunding(request), "idempotency-key", key)
		if err != nil || a.status != http.StatusOK && a.body["error_code"] != "IDEMPOTENCY_ERROR" {
			w.t.Errorf("%v %v", a, err)
		}
		return a
	}) {
		if a.status == http.StatusOK {
			ids[a.body["id"]] = true
		}
	}
	again := w.ask("POST", "/refunds", SandboxSecretKey, refunding(request), "idempotency-key", key)
	ids[again.body["id"]] = true
	if len(ids) != 1 || again.body["status"] != "SUCCEEDED" || w.givenTimes(request) != 1 {
		w.t.Errorf("%d refunds, booked %d times: %v", len(ids), w.givenTimes(request), again.body)
	}
}
