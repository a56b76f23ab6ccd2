package api

import (
	"encoding/json"
	"fmt"

	"reprise/internal/payment"
)

// NoticeData is the JSON of a webhook's data: the object as it stands after the change that the merchant is told
// of.
func (a *API) NoticeData(kind payment.NoticeKind, c payment.Case) ([]byte, error) {
	var v any
	var err error
	switch kind {
	case payment.NoticeSessionCompleted, payment.NoticeSessionExpired:
		v, err = a.viewSession(c.Session)
	case payment.NoticeTokenActivated, payment.NoticeTokenFailed, payment.NoticeTokenExpired:
		v, err = a.viewPaymentToken(c, "")
	case payment.NoticeRefundSucceeded, payment.NoticeRefundFailed:
		v = viewRefund(*c.Refund)
	case payment.NoticeRequestExpired:
		v, err = a.viewPaymentRequest(c, "")
	case payment.NoticeCapture, payment.NoticeAuthorization, payment.NoticeFailure, payment.NoticeExpired:
		v = a.viewPayment(c)
	default:
		err = fmt.Errorf("api: nobody knows what a webhook of %s shows", kind)
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
