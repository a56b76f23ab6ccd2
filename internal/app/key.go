package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// NewKey is what an operator says of a key that is to be made.
type NewKey struct {
	Business    string
	Public      bool
	Production  bool
	Name        string
	Permissions map[string]string // by product; nil: everything. What is not named is NONE
	Lifetime    time.Duration     // zero: it does not end
}

// CreateKey makes a key and returns its text, which is not kept and cannot be shown again.
func (o *Office) CreateKey(ctx context.Context, n NewKey) (text string, k payment.Key, err error) {
	permissions, err := permitted(n)
	if n.Lifetime < 0 {
		err = errors.Join(err, errors.New("a key cannot end before it begins"))
	}
	if n.Name != "" && !plain(n.Name, 100) {
		err = errors.Join(err, errors.New("the name is longer than 100 characters, or cannot be printed"))
	}
	if _, unknown := o.merchant(ctx, n.Business); unknown != nil {
		err = errors.Join(unknown, err)
	}
	if err != nil {
		return "", payment.Key{}, err
	}
	k = payment.Key{
		Business: payment.BusinessID(n.Business), Kind: payment.Secret, Production: n.Production, Name: n.Name, Permissions: permissions,
	}
	if n.Public {
		k.Kind = payment.Public
	}
	if text, k, err = o.draw(k); err != nil {
		return "", payment.Key{}, err
	}
	k.Ends = after(k.Created, n.Lifetime)
	return text, k, o.store.SaveKey(ctx, k, o.by)
}

// RotateKey makes a key that may do what an old one may, and lets the old one end after the overlap, in
// which both are good: the time to change it in the merchant's servers, one after the other. The new one
// has a lifetime of its own; zero: it does not end.
func (o *Office) RotateKey(ctx context.Context, id string, overlap, lifetime time.Duration) (text string, k, old payment.Key, err error) {
	if overlap < 0 || lifetime < 0 {
		return "", k, old, errors.New("a key cannot end before it begins, nor an overlap")
	}
	if old, err = o.key(ctx, id); err != nil {
		return "", k, old, err
	}
	now := o.outside.Now()
	if !old.Good(now) {
		return "", k, old, fmt.Errorf("key %s has ended: create a new one", id)
	}
	if text, k, err = o.draw(old); err != nil {
		return "", k, old, err
	}
	k.Ends = after(k.Created, lifetime)
	if ends := now.Add(overlap); old.Ends.IsZero() || ends.Before(old.Ends) {
		old.Ends = ends
	}
	return text, k, old, o.store.ReplaceKey(ctx, old, old.Ends, k, o.by)
}

// RevokeKey ends a key, on every node within a second. One that has ended is left as it is.
func (o *Office) RevokeKey(ctx context.Context, id string) (payment.Key, error) {
	k, err := o.key(ctx, id)
	if err != nil {
		return k, err
	}
	return k, o.store.EndKey(ctx, k, o.by)
}

// Keys lists the keys of a business, or of all where none is named, also those that have ended.
func (o *Office) Keys(ctx context.Context, business string) ([]payment.Key, error) {
	if business != "" {
		if _, err := o.merchant(ctx, business); err != nil {
			return nil, err
		}
	}
	return o.store.Keys(ctx, payment.BusinessID(business))
}

func (o *Office) key(ctx context.Context, id string) (payment.Key, error) {
	k, err := o.store.KeyByID(ctx, id)
	if errors.Is(err, payment.ErrNotFound) {
		err = fmt.Errorf("there is no key %s: an id is the first 12 hex digits of the key's SHA-256, see 'reprise keys list'", id)
	}
	return k, err
}

// after is when something ends that lasts so long; zero for what does not end.
func after(from time.Time, lasts time.Duration) time.Time {
	if lasts == 0 {
		return time.Time{}
	}
	return from.Add(lasts)
}

// draw draws a key's text: a prefix that tells people and scanners what they have found, and 256 random
// bits in letters and digits, which a double click selects.
func (o *Office) draw(k payment.Key) (string, payment.Key, error) {
	var random [32]byte
	if _, err := io.ReadFull(o.outside.Rand, random[:]); err != nil {
		return "", k, fmt.Errorf("no randomness: %w", err)
	}
	prefix := "xnd_"
	if k.Kind == payment.Public {
		prefix += "public_"
	}
	if k.Production {
		prefix += "production_"
	} else {
		prefix += "development_"
	}
	tail := new(big.Int).SetBytes(random[:]).Text(62)
	text := prefix + strings.Repeat("0", 43-len(tail)) + tail
	k.Hash, k.Created = sha256.Sum256([]byte(text)), o.outside.Now()
	return text, k, nil
}

// permitted reads the permissions of a key, or says all that is wrong with them.
func permitted(n NewKey) (payment.Permissions, error) {
	if n.Permissions == nil {
		return nil, nil
	}
	if n.Public {
		return nil, errors.New("a public key takes no permissions: it can hand in a CVN or a card, and nothing else")
	}
	products, err := gate.Products()
	if err != nil {
		return nil, err
	}
	var problems []error
	p := payment.Permissions{}
	for _, product := range slices.Sorted(maps.Keys(n.Permissions)) {
		access := payment.Access(strings.ToUpper(n.Permissions[product]))
		if !slices.Contains(products, product) {
			problems = append(problems, fmt.Errorf("there is no product %q: %s", product, strings.Join(products, ", ")))
		}
		if !slices.Contains([]payment.Access{payment.AccessNone, payment.AccessRead, payment.AccessWrite}, access) {
			problems = append(problems, fmt.Errorf("permission for %s is not NONE, READ or WRITE", product))
		}
		p[product] = access
	}
	return p, errors.Join(problems...)
}
