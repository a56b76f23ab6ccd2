package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// A case is read in one query, but for its merchant, who is in every case and seldom another than a moment ago. $1 is
// the way in, $2 the business or empty, $3 today, $4 the first of the last 30 days, $5 the card whose counts are wanted
// or empty.
const (
	none        = `CAST(NULL AS BIGINT), CAST(NULL AS TEXT)` // version and data, where a way in does not lead to an object
	cardColumns = tokenColumns + `,
       (SELECT CAST(COALESCE(SUM(k.n), 0) AS BIGINT) FROM card_count k
        WHERE k.card = CASE WHEN $5 = '' THEN t.fingerprint ELSE $5 END AND k.what = 'try' AND k.day = $3),
       (SELECT CAST(COALESCE(SUM(k.n), 0) AS BIGINT) FROM card_count k
        WHERE k.card = CASE WHEN $5 = '' THEN t.fingerprint ELSE $5 END AND k.what = 'decline' AND k.day >= $4)`
	paidColumns = `s.version, s.data, ` + cardColumns + `, r.version, r.data`

	caseOfMerchant = `
SELECT m.id, ` + none + `, ` + cardColumns + `, ` + none + `, ` + none + `
FROM merchant m
LEFT JOIN token t ON t.id = ''
WHERE ($2 = '' OR m.id = $2) AND m.id = $1`
	caseOfToken = `
SELECT t.business, ` + none + `, ` + cardColumns + `, ` + none + `, ` + none + `
FROM token t
WHERE ($2 = '' OR t.business = $2) AND t.id = $1`
	caseOfSession = `
SELECT s.business, ` + paidColumns + `, ` + none + `
FROM session s
LEFT JOIN request r ON r.id = s.attempt
LEFT JOIN token t ON t.id = COALESCE(r.token, s.token)
WHERE ($2 = '' OR s.business = $2) AND `
	caseOfRequest = `
SELECT r.business, ` + paidColumns + `, ` + none + `
FROM request r
LEFT JOIN session s ON s.id = r.session
LEFT JOIN token t ON t.id = r.token
WHERE ($2 = '' OR r.business = $2) AND `
	caseOfRefund = `
SELECT r.business, ` + paidColumns + `, f.version, f.data
FROM refund f
JOIN request r ON r.id = f.request
LEFT JOIN session s ON s.id = r.session
LEFT JOIN token t ON t.id = r.token
WHERE ($2 = '' OR r.business = $2) AND f.id = $1`
)

// wayIn is the query that answers a lookup, and what it is given.
func wayIn(l payment.Lookup) (query, key string, err error) {
	ways := []struct{ key, query string }{
		{string(l.Session), caseOfSession + `s.id = $1`},
		{l.Link, caseOfSession + `s.link = $1 AND s.link <> ''`}, // the index is of those
		{string(l.Request), caseOfRequest + `r.id = $1`},
		{string(l.Payment), caseOfRequest + `r.payment = $1`},
		{l.Page, caseOfRequest + `r.page = $1`},
		{string(l.Token), caseOfToken},
		{string(l.Refund), caseOfRefund},
		{string(l.ServerTransID), caseOfRequest + `r.id = (SELECT request FROM authentication WHERE server_trans_id = $1)`},
		{l.Trace, caseOfRequest + `r.id = (SELECT request FROM trace WHERE key = $1)`},
	}
	for _, w := range ways {
		if w.key == "" {
			continue
		}
		if key != "" {
			return "", "", errors.New("store: a lookup with two ways in")
		}
		query, key = w.query, w.key
	}
	if key != "" {
		return query, key, nil
	}
	if l.Business != "" {
		return caseOfMerchant, string(l.Business), nil
	}
	return "", "", payment.ErrNotFound // an empty id names nothing
}

// declineDays is how long a decline speaks against a card.
const declineDays = 30 * 24 * time.Hour

// Case reads a case, with the customer who is asked for beside it, in one round trip. Of the merchant it knows what was
// so a moment ago at the latest, see remembered.
func (s *Store) Case(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	query, key, err := wayIn(l)
	if err != nil {
		return payment.Case{}, err
	}
	var (
		c                                             payment.Case
		business                                      = l.Business
		found                                         bool
		session, attempt, refund                      []byte
		tries, declines                               int64
		sessionVersion, attemptVersion, refundVersion *int64
		token                                         tokenRow
		list                                          []stmt
	)
	if query == caseOfMerchant && l.Card == "" {
		found = true // if the merchant is, and nothing else is in it
	} else {
		now := s.Now().UTC()
		list = append(list, stmt{
			sql:  query,
			args: []any{key, string(l.Business), now.Format(time.DateOnly), now.Add(-declineDays).Format(time.DateOnly), l.Card},
			each: func(r row) error {
				found = true
				into := append([]any{&business, &sessionVersion, &session}, token.into()...)
				return r.Scan(append(into, &tries, &declines, &attemptVersion, &attempt, &refundVersion, &refund)...)
			},
		})
	}
	switch {
	case l.Customer != "":
		list = append(list, customerQuery(byCustomerID, l.Business, string(l.Customer), &c.Customer))
	case l.Reference != "":
		list = append(list, customerQuery(byReference, l.Business, l.Reference, &c.Customer))
	}
	if len(list) > 0 {
		if err := s.engine.query(ctx, list...); err != nil {
			return payment.Case{}, err
		}
	}
	if !found {
		return payment.Case{}, payment.ErrNotFound
	}
	if c.Merchant, err = s.merchant(ctx, business); err != nil {
		return payment.Case{}, err
	}
	if c.Token, err = token.token(); err != nil {
		return payment.Case{}, err
	}
	c.Counts = payment.Counts{Tries: int(tries), Declines: int(declines)}
	if sessionVersion != nil {
		if err := decodeRow(session, &c.Session, &c.Session.Unread); err != nil {
			return payment.Case{}, err
		}
		c.Session.Version = *sessionVersion
	}
	if attemptVersion != nil {
		c.Request = &payment.Request{}
		if err := decodeRow(attempt, c.Request, &c.Request.Unread); err != nil {
			return payment.Case{}, err
		}
		c.Request.Version = *attemptVersion
	}
	if refundVersion != nil {
		c.Refund = &payment.Refund{}
		if err := decodeRow(refund, c.Refund, &c.Refund.Unread); err != nil {
			return payment.Case{}, err
		}
		c.Refund.Version = *refundVersion
	}
	return c, nil
}

// encode and decode are how objects are kept. The names in the JSON are those of the fields in package
// payment: one that is renamed there is lost here, which a test notices.
func encode(object any) (string, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("store: %T cannot be kept: %w", object, err)
	}
	return string(data), nil
}

func decode(data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("store: %T cannot be read: %T", into, err)
	}
	return nil
}
