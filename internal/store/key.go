package store

import (
	"bytes"
	"context"
	"encoding/hex"
	"time"

	"reprise/internal/payment"
)

const keyColumns = `hash, business, kind, production, name, permissions, created, ends`

// Key finds an API key by its hash. One that has ended is not found. What another node changed of it counts a moment
// later here, see remembered.
func (s *Store) Key(ctx context.Context, hash [32]byte) (payment.Key, error) {
	k, err := s.recentKeys.get(s.Now, hash, func() (payment.Key, error) {
		return firstKey(s.keys(ctx, `hash = $1`, hash[:]))
	})
	if err == nil && !k.Good(s.Now()) {
		return payment.Key{}, payment.ErrNotFound
	}
	return k, err
}

// KeyByID reads an API key by its id, also one that has ended.
func (s *Store) KeyByID(ctx context.Context, id string) (payment.Key, error) {
	prefix, err := hex.DecodeString(id)
	if err != nil || len(prefix) != 6 {
		return payment.Key{}, payment.ErrNotFound
	}
	rest := len(payment.Key{}.Hash) - len(prefix)
	first := append(bytes.Clone(prefix), make([]byte, rest)...)
	last := append(prefix, bytes.Repeat([]byte{0xff}, rest)...)
	return firstKey(s.keys(ctx, `hash BETWEEN $1 AND $2`, first, last))
}

// Keys reads all keys of a business, or of all where it is empty, also those that have ended.
func (s *Store) Keys(ctx context.Context, b payment.BusinessID) ([]payment.Key, error) {
	return s.keys(ctx, `business = $1 OR $1 = ''`, string(b))
}

func (s *Store) keys(ctx context.Context, where string, args ...any) ([]payment.Key, error) {
	var keys []payment.Key
	err := s.engine.query(ctx, stmt{
		sql:  `SELECT ` + keyColumns + ` FROM api_key WHERE ` + where + ` ORDER BY business, created, hash`,
		args: args,
		each: func(r row) error {
			var k payment.Key
			var hash, permissions []byte
			var production, created, ends int64
			if err := r.Scan(&hash, &k.Business, &k.Kind, &production, &k.Name, &permissions, &created, &ends); err != nil {
				return err
			}
			copy(k.Hash[:], hash)
			k.Production = production != 0
			k.Created = fromMicros(created)
			if ends != 0 {
				k.Ends = fromMicros(ends)
			}
			keys = append(keys, k)
			return decode(permissions, &keys[len(keys)-1].Permissions)
		},
	})
	return keys, err
}

func firstKey(keys []payment.Key, err error) (payment.Key, error) {
	if err == nil && len(keys) == 0 {
		err = payment.ErrNotFound
	}
	if err != nil {
		return payment.Key{}, err
	}
	return keys[0], nil
}

// SaveKey writes a key, new or known. What is known keeps when it was made and when it ends, so that a key
// that was revoked stays revoked.
func (s *Store) SaveKey(ctx context.Context, k payment.Key, by payment.Actor) error {
	insert, err := insertKey(k)
	if err != nil {
		return err
	}
	insert.sql += `
ON CONFLICT (hash) DO UPDATE SET business = excluded.business, kind = excluded.kind,
    production = excluded.production, name = excluded.name, permissions = excluded.permissions`
	return s.commitAudited(ctx, keyAudit(by, "key.save", k), insert)
}

// ReplaceKey writes a new key and lets the old one end at a time, or when it would have ended anyway. It
// fails where the old one has ended before now: who holds such a key must not gain time by it.
func (s *Store) ReplaceKey(ctx context.Context, old payment.Key, ends time.Time, with payment.Key, by payment.Actor) error {
	insert, err := insertKey(with)
	if err != nil {
		return err
	}
	a := keyAudit(by, "key.rotate", with)
	a.Change["in_place_of"], a.Change["which_ends"] = old.ID(), ends.UTC()
	return s.commitAudited(ctx, a, insert, stmt{
		sql: `
UPDATE api_key SET ends = CASE WHEN ends = 0 OR ends > $2 THEN $2 WHEN ends > $3 THEN ends ELSE 1/(ends-ends) END
WHERE hash = $1`,
		args: []any{old.Hash[:], micros(ends), micros(s.Now())},
	})
}

// EndKey lets a key end now. One that has ended already ended when it did.
func (s *Store) EndKey(ctx context.Context, k payment.Key, by payment.Actor) error {
	now := s.Now()
	if k.Good(now) {
		k.Ends = now
	}
	return s.commitAudited(ctx, keyAudit(by, "key.revoke", k), stmt{
		sql:  `UPDATE api_key SET ends = $2 WHERE hash = $1 AND (ends = 0 OR ends > $2)`,
		args: []any{k.Hash[:], micros(now)},
	})
}

func insertKey(k payment.Key) (stmt, error) {
	permissions, err := encode(k.Permissions)
	if err != nil {
		return stmt{}, err
	}
	var production, ends int64
	if k.Production {
		production = 1
	}
	if !k.Ends.IsZero() {
		ends = micros(k.Ends)
	}
	return stmt{
		sql: `INSERT INTO api_key (` + keyColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		args: []any{
			k.Hash[:], string(k.Business), string(k.Kind), production, k.Name, permissions, micros(k.Created), ends,
		},
	}, nil
}
