package api

import (
	"encoding/json"

	"reprise/internal/payment"
)

// NoticeData is the JSON of a webhook's data: the payment or the session as it stands after the change
// that the merchant is told of.
func NoticeData(kind payment.NoticeKind, c payment.Case) ([]byte, error) {
	switch kind {
	case payment.NoticeSessionCompleted, payment.NoticeSessionExpired:
		v, err := viewSession(c.Session)
		if err != nil {
			return nil, err
		}
		return json.Marshal(v)
	}
	return json.Marshal(viewPayment(c))
}
