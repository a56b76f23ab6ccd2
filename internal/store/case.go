package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"reprise/internal/payment"
)

// caseColumns and caseTables read a whole case in one query. $1 is the way in, $2 the business or empty, $3
// the day of the card's CVN mismatches.
const (
	caseColumns = `
SELECT m.data, ` + endpointsOfMerchant + `, s.version, s.data, ` + tokenColumns + `, COALESCE(n.n, 0), r.version, r.data`
	caseTables = `
JOIN merchant m ON m.id = s.business
JOIN token t ON t.id = s.token
LEFT JOIN cvn_mismatch n ON n.token = t.id AND n.day = $3
WHERE ($2 = '' OR s.business = $2) AND `

	caseOfSession = caseColumns + ` FROM session s LEFT JOIN request r ON r.id = s.attempt` + caseTables + `s.id = $1`
	caseOfRequest = caseColumns + ` FROM request r JOIN session s ON s.id = r.session` + caseTables
)

// wayIn is the query that answers a lookup, and what it is given.
func wayIn(l payment.Lookup) (query, key string, err error) {
	ways := []struct{ key, query string }{
		{string(l.Session), caseOfSession},
		{string(l.Request), caseOfRequest + `r.id = $1`},
		{string(l.Payment), caseOfRequest + `r.payment = $1`},
		{l.Page, caseOfRequest + `r.page = $1`},
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
	if key == "" {
		return "", "", payment.ErrNotFound // an empty id names nothing
	}
	return query, key, nil
}

// Case reads a case in one query.
func (s *Store) Case(ctx context.Context, l payment.Lookup) (payment.Case, error) {
	query, key, err := wayIn(l)
	if err != nil {
		return payment.Case{}, err
	}
	var (
		c                   payment.Case
		merchant, session   []byte
		endpoints           *string
		version, mismatches int64
		attemptVersion      *int64
		attempt             []byte
		day                 = s.Now().UTC().Format(time.DateOnly)
		args                = []any{key, string(l.Business), day}
		token               tokenRow
		into                = append([]any{&merchant, &endpoints, &version, &session}, token.into()...)
	)
	into = append(into, &mismatches, &attemptVersion, &attempt)
	if err := s.one(ctx, query, args, into...); err != nil {
		return payment.Case{}, err
	}
	if c.Merchant, err = decodeMerchant(merchant, endpoints); err != nil {
		return payment.Case{}, err
	}
	if err := decode(session, &c.Session); err != nil {
		return payment.Case{}, err
	}
	if c.Token, err = token.token(); err != nil {
		return payment.Case{}, err
	}
	c.Session.Version, c.Mismatches = version, int(mismatches)
	if attemptVersion != nil {
		c.Request = &payment.Request{}
		if err := decode(attempt, c.Request); err != nil {
			return payment.Case{}, err
		}
		c.Request.Version = *attemptVersion
	}
	return c, nil
}

func decodeMerchant(data []byte, endpoints *string) (m payment.Merchant, err error) {
	if err := decode(data, &m); err != nil {
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
