package store

import (
	"context"
	"sync"
	"time"

	"reprise/internal/payment"
)

// remembered is how long a node may go by what another has changed meanwhile of a key, a merchant or its
// endpoints. What decides about money is never remembered: cards, their counts, attempts, the escrow.
const remembered = time.Second

// recentSize is how many keys, and how many merchants, are remembered at once. Where there are more, all are
// forgotten, which costs a read each.
const recentSize = 4096

// recent is what was read a moment ago of what hardly ever changes and is asked for with every request. Only what
// was found is in it: nobody fills it with keys that do not exist, and a key that was just made is good at once.
type recent[K comparable, V any] struct {
	mu    sync.Mutex
	found map[K]found[V]
	// forgotten counts how often all was forgotten. What was being read just then may be of before, and is not kept.
	forgotten int
}

// found is a value and when it was asked for.
type found[V any] struct {
	value V
	at    time.Time
}

// get gives what is remembered under a key, or what read finds. Who gets a value shares it with others: it is to
// be looked at and not written to.
func (r *recent[K, V]) get(now func() time.Time, key K, read func() (V, error)) (V, error) {
	at := now()
	r.mu.Lock()
	known, ok := r.found[key]
	forgotten := r.forgotten
	r.mu.Unlock()
	if age := at.Sub(known.at); ok && 0 <= age && age < remembered { // a clock may be set back
		return known.value, nil
	}
	value, err := read()
	if err != nil {
		return value, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forgotten != forgotten {
		return value, nil
	}
	if r.found == nil || len(r.found) >= recentSize {
		r.found = map[K]found[V]{}
	}
	r.found[key] = found[V]{value, at}
	return value, nil
}

func (r *recent[K, V]) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found = nil
	r.forgotten++
}

// forget has all be read anew that an operator may just have changed on this node, whether or not the change is
// known to have been made.
func (s *Store) forget() {
	s.recentKeys.forget()
	s.recentMerchants.forget()
}

// merchant is a merchant with the endpoints that are told, as they are or were a moment ago.
func (s *Store) merchant(ctx context.Context, b payment.BusinessID) (payment.Merchant, error) {
	return s.recentMerchants.get(s.Now, b, func() (payment.Merchant, error) { return s.Merchant(ctx, b) })
}
