package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// A case is read in one query. $1 is the way in, $2 the business or empty, $3 today, $4 the first of the last
// 30 days, $5 the card whose counts are wanted or empty. Where a way in does not lead to an object, that is
// joined by an id that nothing has.
const (
	caseColumns = `
SELECT m.data, ` + endpointsOfMerchant + `,
       s.version, s.data, ` + tokenColumns + `,
       (SELECT CAST(COALESCE(SUM(k.n), 0) AS BIGINT) FROM card_count k
        WHERE k.card = CASE WHEN $5 = '' THEN t.fingerprint ELSE $5 END AND k.what = 'try' AND k.day = $3),
       (SELECT CAST(COALESCE(SUM(k.n), 0) AS BIGINT) FROM card_count k
        WHERE k.card = CASE WHEN $5 = '' THEN t.fingerprint ELSE $5 END AND k.what = 'decline' AND k.day >= $4),
       r.version, r.data, f.version, f.data`
	ofThisBusiness = `
WHERE ($2 = '' OR m.id = $2) AND `

	caseOfMerchant = caseColumns + `
FROM merchant m
LEFT JOIN session s ON s.id = ''
LEFT JOIN request r ON r.id = ''
LEFT JOIN token t ON t.id = ''
LEFT JOIN refund f ON f.id = ''` + ofThisBusiness + `m.id = $1`
	caseOfToken = caseColumns + `
FROM token t
JOIN merchant m ON m.id = t.business
LEFT JOIN session s ON s.id = ''
LEFT JOIN request r ON r.id = ''
LEFT JOIN refund f ON f.id = ''` + ofThisBusiness + `t.id = $1`
	caseOfSession = caseColumns + `
FROM session s
JOIN merchant m ON m.id = s.business
LEFT JOIN request r ON r.id = s.attempt
LEFT JOIN token t ON t.id = COALESCE(r.token, s.token)
LEFT JOIN refund f ON f.id = ''` + ofThisBusiness
	caseOfRequest = caseColumns + `
FROM request r
JOIN merchant m ON m.id = r.business
LEFT JOIN session s ON s.id = r.session
LEFT JOIN token t ON t.id = r.token
LEFT JOIN refund f ON f.id = ''` + ofThisBusiness
	caseOfRefund = caseColumns + `
FROM refund f
JOIN request r ON r.id = f.request
JOIN merchant m ON m.id = r.business
LEFT JOIN session s ON s.id = r.session
LEFT JOIN token t ON t.id = r.token` + ofThisBusiness + `f.id = $1`
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
	if l.Business != "" && l == (payment.Lookup{Business: l.Business, Card: l.Card}) {
		return caseOfMerchant, string(l.Business), nil
	}
	return "", "", payment.ErrNotFound // an empty id names nothing
}

// declineDays is how long a decline speaks against a card.
const declineDays = 30 * 24 * time.Hour

// Case reads a case in one query.
func (s *Store) Case(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	query, key, err := wayIn(l)
	if err != nil {
		return payment.Case{}, err
	}
	var (
		c                                             payment.Case
		merchant, session, attempt, refund            []byte
		endpoints                                     *string
		tries, declines                               int64
		sessionVersion, attemptVersion, refundVersion *int64
		token                                         tokenRow
		now                                           = s.Now().UTC()
		args                                          = []any{
			key, string(l.Business), now.Format(time.DateOnly), now.Add(-declineDays).Format(time.DateOnly), l.Card,
		}
		into = append([]any{&merchant, &endpoints, &sessionVersion, &session}, token.into()...)
	)
	into = append(into, &tries, &declines, &attemptVersion, &attempt, &refundVersion, &refund)
	if err := s.one(ctx, query, args, into...); err != nil {
		return payment.Case{}, err
	}
	if c.Merchant, err = decodeMerchant(merchant, endpoints); err != nil {
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

func decodeMerchant(data []byte, endpoints *string) (m payment.Merchant, err error) {
	if err := decodeRow(data, &m, &m.Unread); err != nil {
		return m, err
	}
	m.Endpoints, err = decodeEndpoints(endpoints)
	return m, err
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
