package api

import (
	"encoding/json"
	"time"

	"reprise/internal/payment"
)

// SampleNotice is a notice as a merchant would get it, about things that do not exist. Its id and time are
// left to whoever sends it.
func SampleNotice(kind payment.NoticeKind, b payment.BusinessID) (payment.Notice, error) {
	c := sampleCase(b)
	n := payment.Notice{Business: b, Kind: kind, Sequence: 1, Test: true}
	var err error
	if n.Object, _, err = kind.Subject(c); err != nil {
		return n, err
	}
	switch kind {
	case payment.NoticeAuthorization:
		c.Request.State, c.Request.Capture, c.Request.CaptureMethod = payment.Authorized, nil, payment.CaptureManual
	case payment.NoticeExpired:
		c.Request.State, c.Request.Capture, c.Request.CaptureMethod = payment.Expired, nil, payment.CaptureManual
	case payment.NoticeRequestExpired:
		c.Request.State, c.Request.Capture, c.Request.Authorization = payment.Expired, nil, nil
	case payment.NoticeTokenFailed:
		c.Token.Status, c.Token.Failure = payment.TokenFailed, payment.CardDeclined
	case payment.NoticeTokenExpired:
		c.Token.Status = payment.TokenExpired
	case payment.NoticeRefundFailed:
		c.Refund.Status, c.Refund.Failure = payment.RefundFailed, payment.RefundRefused
	case payment.NoticeFailure:
		c.Request.State, c.Request.Capture, c.Request.Failure = payment.Failed, nil, payment.InsufficientBalance
		c.Request.Authorization = &payment.Authorization{ResponseCode: "51", ResponseDescriptor: "Insufficient funds"}
	case payment.NoticeSessionExpired:
		c.Session.Status, c.Session.Request, c.Session.Payment = payment.SessionExpired, "", ""
	}
	n.Data, err = (&API{Now: func() time.Time { return c.Session.Created }}).NoticeData(kind, c)
	return n, err
}

// sampleCase is a session that was paid. Its ids are of no thing that was ever made.
func sampleCase(b payment.BusinessID) payment.Case {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const none = "00000000-0000-4000-8000-000000000000"
	r := payment.Request{
		ID: "pr-" + none, Payment: "py-" + none, Session: "ps-000000000000000000000000", Business: b,
		Customer: "cust-" + none, Token: "pt-" + none, State: payment.Succeeded, ReferenceID: "sample_0000000000",
		Amount: payment.Money{Minor: 10000000, Currency: "IDR"}, Country: "ID",
		Created: at, Updated: at, Expires: at.Add(payment.AttemptLife),
		Terms: payment.Terms{Type: payment.Pay, CaptureMethod: payment.CaptureAutomatic},
		Trace: &payment.Trace{RRN: "000000000000"},
		Authorization: &payment.Authorization{
			AuthorizationCode: "000000", ResponseCode: "00", ResponseDescriptor: "Approved and completed successfully",
			RRN: "000000000000", CVNResult: "M",
		},
	}
	r.Capture = &payment.Capture{ID: "cptr-" + none, Amount: r.Amount, At: at}
	return payment.Case{
		Request: &r,
		Refund: &payment.Refund{
			ID: "rfd-" + none, Business: b, Request: r.ID, Status: payment.RefundSucceeded, ReferenceID: "sample", Amount: r.Amount,
			Reason: "REQUESTED_BY_CUSTOMER", Created: at, Updated: at,
		},
		Session: payment.Session{
			ID: r.Session, Business: b, Status: payment.SessionCompleted, ReferenceID: "sample", Type: "PAY", Mode: "CARDS_SESSION_JS",
			Amount: r.Amount, Country: "ID", Locale: "en", Customer: r.Customer, Token: r.Token,
			SuccessReturnURL: "https://shop.example/success", FailureReturnURL: "https://shop.example/failure",
			Echo: json.RawMessage(`{"description":"A sample: nothing was paid."}`), Request: r.ID, Payment: r.Payment,
			Created: at, Updated: at, Expires: at.Add(payment.SessionLife),
		},
		Token: payment.Token{
			ID: r.Token, Business: b, Customer: r.Customer, Status: payment.TokenActive, Masked: "400000XXXXXX0000",
			Fingerprint: "000000000000000000000000", Brand: "VISA", CVNDigits: 3, ExpiryMonth: 12, ExpiryYear: 2030,
			Created: at, Updated: at,
		},
	}
}
