package app

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"reprise/internal/payment"
)

// book is the acquirer's book in memory, to be looked up by message. A booking takes 48 bytes and 8 of the index: a
// million of them fit a machine that has other things to do.
type book struct {
	parties    []party
	partyOf    map[party]uint16
	currencies []string
	chunks     [][]entry
	n          int
	slots      []uint32 // of the index, by open addressing: 0 is free, else a place in the chunks and one
}

// party is whose number a STAN is: DE32 and DE41.
type party struct{ acquirer, terminal string }

// entry is a booking without a pointer in it, so that nobody has to look through them for garbage.
type entry struct {
	rrn          [12]byte
	transmitted  uint32 // DE7 as a number
	stan         uint32
	line         uint32
	amount       int64
	at           int64 // microseconds since 1970
	party        uint16
	currency     uint8
	kind         uint8 // place in payment.BookingKinds
	state        uint8
	ours, inside bool // it has its message; it is in the window
}

const chunk = 1 << 14

var (
	bookingKinds  = payment.BookingKinds()
	bookingStates = []payment.BookingState{payment.BookingKept, payment.BookingReversed, payment.BookingCaptured}
)

func newBook() *book { return &book{partyOf: map[party]uint16{}, slots: make([]uint32, 1<<10)} }

var errTooMany = errors.New("more terminals, currencies or rows than a settlement file may have")

// add enters a booking. Where the same movement is there already, it is not entered, and comes back.
func (k *book) add(b payment.Booking, inside bool) (before *payment.Booking, err error) {
	p := party{b.Key.Acquirer, b.Key.Terminal}
	at, known := k.partyOf[p]
	if !known {
		at = uint16(len(k.parties))
		k.partyOf[p], k.parties = at, append(k.parties, p)
	}
	currency := slices.Index(k.currencies, b.Amount.Currency)
	if currency < 0 {
		currency = len(k.currencies)
		k.currencies = append(k.currencies, b.Amount.Currency)
	}
	if len(k.parties) > 1<<16 || len(k.currencies) > 1<<8 || k.n == 1<<32-2 {
		return nil, errTooMany
	}
	e := entry{
		transmitted: number(b.Key.Transmitted), stan: number(b.Key.STAN), line: uint32(b.Line),
		amount: b.Amount.Minor, at: b.At.UnixMicro(), party: at, currency: uint8(currency),
		kind: uint8(slices.Index(bookingKinds, b.Kind)), state: uint8(slices.Index(bookingStates, b.State)), inside: inside,
	}
	copy(e.rrn[:], b.Key.RRN)
	slot, found := k.slot(&e, b.Kind)
	if found != nil {
		first := k.booking(found)
		return &first, nil
	}
	if k.n%chunk == 0 {
		k.chunks = append(k.chunks, make([]entry, 0, chunk))
	}
	last := &k.chunks[len(k.chunks)-1]
	*last = append(*last, e)
	k.n++
	k.slots[slot] = uint32(k.n)
	if k.n*4 > len(k.slots)*3 {
		k.grow()
	}
	return nil, nil
}

// find looks the booking of a message up by key and kind, and notes that it is ours.
func (k *book) find(key payment.BookingKey, kinds ...payment.BookingKind) *payment.Booking {
	at, known := k.partyOf[party{key.Acquirer, key.Terminal}]
	if !known {
		return nil
	}
	e := entry{transmitted: number(key.Transmitted), stan: number(key.STAN), party: at}
	copy(e.rrn[:], key.RRN)
	for _, kind := range kinds {
		if _, found := k.slot(&e, kind); found != nil {
			found.ours = true
			b := k.booking(found)
			return &b
		}
	}
	return nil
}

// has says whether there is a booking of the window under a key that no message was found for.
func (k *book) has(key payment.BookingKey) bool {
	at, known := k.partyOf[party{key.Acquirer, key.Terminal}]
	if !known {
		return false
	}
	e := entry{transmitted: number(key.Transmitted), stan: number(key.STAN), party: at}
	copy(e.rrn[:], key.RRN)
	for _, kind := range bookingKinds {
		if _, found := k.slot(&e, kind); found != nil && found.inside && !found.ours {
			return true
		}
	}
	return false
}

// slot is where the index has an entry of this key and kind, or would have it.
func (k *book) slot(e *entry, kind payment.BookingKind) (slot uint64, found *entry) {
	what := uint8(slices.Index(bookingKinds, kind))
	for slot = e.hash() & uint64(len(k.slots)-1); k.slots[slot] != 0; slot = (slot + 1) & uint64(len(k.slots)-1) {
		other := k.at(k.slots[slot] - 1)
		if other.kind == what && other.party == e.party && other.stan == e.stan && other.transmitted == e.transmitted && other.rrn == e.rrn {
			return slot, other
		}
	}
	return slot, nil
}

// hash spreads entries by what nobody chooses twice: the RRN's serial, the STAN and the time.
func (e *entry) hash() uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	mix := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	for _, b := range e.rrn {
		mix(b)
	}
	for _, n := range []uint32{e.transmitted, e.stan} {
		for ; n > 0; n >>= 8 {
			mix(byte(n))
		}
	}
	return h ^ h>>32
}

func (k *book) at(n uint32) *entry { return &k.chunks[n/chunk][n%chunk] }

func (k *book) grow() {
	k.slots = make([]uint32, 2*len(k.slots))
	for n := range uint32(k.n) {
		slot := k.at(n).hash() & uint64(len(k.slots)-1)
		for k.slots[slot] != 0 {
			slot = (slot + 1) & uint64(len(k.slots)-1)
		}
		k.slots[slot] = n + 1
	}
}

// booking is an entry as it was read.
func (k *book) booking(e *entry) payment.Booking {
	p := k.parties[e.party]
	return payment.Booking{
		Line: int(e.line),
		Key: payment.BookingKey{
			Acquirer: p.acquirer, Terminal: p.terminal, RRN: string(e.rrn[:]),
			Transmitted: fmt.Sprintf("%010d", e.transmitted), STAN: fmt.Sprintf("%06d", e.stan),
		},
		Kind: bookingKinds[e.kind], State: bookingStates[e.state],
		Amount: payment.Money{Minor: e.amount, Currency: k.currencies[e.currency]}, At: time.UnixMicro(e.at).UTC(),
	}
}

// foreign lists the bookings of the window that are no message of ours so far.
func (k *book) foreign() (list []*entry) {
	for _, c := range k.chunks {
		for i := range c {
			if e := &c[i]; e.inside && !e.ours {
				list = append(list, e)
			}
		}
	}
	return list
}

// number reads digits that were checked.
func number(digits string) uint32 {
	n, _ := strconv.ParseUint(digits, 10, 32)
	return uint32(n)
}
