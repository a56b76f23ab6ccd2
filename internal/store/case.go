package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// A case is read in one query, but for its merchant, who is in every case and seldom another than a moment ago. $1 is
// the way in, $2 the business or empty, $3 today, $4 the first of the last 30 days, $5 the card whose counts are wanted
// or empty, $6 the customer who is asked for beside a stored card.
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
FROM token t` + ofToken
	ofToken = `
WHERE ($2 = '' OR t.business = $2) AND t.id = $1`
	caseOfTokenWithCustomer = `
SELECT t.business, ` + none + `, ` + cardColumns + `, ` + none + `, ` + none + `, ` + customerColumns + `
FROM token t
LEFT JOIN customer u ON u.business = t.business AND `
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
		{string(l.Token), ofCard(l)},
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

// ofCard is the query for a stored card, with the customer where one is asked for.
func ofCard(l payment.Lookup) string {
	switch {
	case l.Customer != "":
		return caseOfTokenWithCustomer + `u.id = $6` + ofToken
	case l.Reference != "":
		return caseOfTokenWithCustomer + `u.reference = $6` + ofToken
	}
	return caseOfToken
}

// declineDays is how long a decline speaks against a card.
const declineDays = 30 * 24 * time.Hour

// Case reads a case in one query. Of the merchant it knows what was so a moment ago at the latest, see remembered.
func (s *Store) Case(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	query, key, err := wayIn(l)
	if err != nil {
		return payment.Case{}, err
	}
	var (
		c                                             payment.Case
		business                                      = l.Business
		session, attempt, refund                      []byte
		tries, declines                               int64
		sessionVersion, attemptVersion, refundVersion *int64
		token                                         tokenRow
		customer                                      customerRow
		now                                           = s.Now().UTC()
		args                                          = []any{
			key, string(l.Business), now.Format(time.DateOnly), now.Add(-declineDays).Format(time.DateOnly), l.Card,
		}
		into = append([]any{&business, &sessionVersion, &session}, token.into()...)
	)
	into = append(into, &tries, &declines, &attemptVersion, &attempt, &refundVersion, &refund)
	named := cmp.Or(string(l.Customer), l.Reference)
	if named != "" && l.Token != "" {
		args, into = append(args, named), append(into, customer.into()...)
	}
	switch {
	case query != caseOfMerchant || l.Card != "":
		err = s.one(ctx, query, args, into...)
		c.Customer = customer.customer(business)
	case named != "":
		c.Customer, err = s.customerOf(ctx, l)
	}
	if err != nil {
		return payment.Case{}, err
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
