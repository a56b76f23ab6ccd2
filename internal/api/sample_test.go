package api

import (
	"bytes"
	"strings"
	"testing"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// TestSamplesAreByTheContract: a sample of each kind is what a merchant would get, and nobody's.
func TestSamplesAreByTheContract(t *testing.T) {
	for _, kind := range payment.NoticeKinds() {
		n, err := SampleNotice(kind, shop)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := gate.CheckWebhook(kind, nil, event(t, kind, n.Data)); err != nil {
			t.Errorf("%v\n%s", err, n.Data)
		}
		if n.Kind != kind || n.Business != shop || !n.Test || !strings.Contains(n.Object, "-0000") || !bytes.Contains(n.Data, []byte(n.Object)) {
			t.Errorf("%s: %+v", kind, n)
		}
	}
	const surprise = payment.NoticeKind("payment.surprise")
	if _, err := SampleNotice(surprise, shop); err == nil {
		t.Error("a sample of what nobody knows")
	}
	if data, err := merchants.NoticeData(surprise, caseIn(payment.Succeeded)); err == nil {
		t.Errorf("what nobody knows shows %s", data)
	}
}
