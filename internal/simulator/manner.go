package simulator

import (
	"encoding/binary"
	"time"
)

// manner is how an answer goes back. The zero value is no answer.
type manner struct {
	delivery
	behaviour string // that spoils the bytes or the connection, if one does
	elsewhere bool   // over another connection
	hangUp    bool   // and the connection is dropped
	deaf      bool   // and the connection stays open, but nobody reads it any more
	then      func() // what comes when it has gone out
}

func (f Fault) delay() time.Duration { return time.Duration(f.DelayMS) * time.Millisecond }

// spoil applies a fault to an answer that would go out otherwise as how says.
func spoil(a message, fault Fault, how manner) (message, manner) {
	how.behaviour = fault.Behaviour
	switch fault.Behaviour {
	case behaviourSilence:
		how.copies = 0
	case behaviourDrop:
		how.copies, how.hangUp = 0, true
	case behaviourHalfOpen:
		how.copies, how.deaf = 0, true
	case behaviourHalf:
		how.hangUp = true
	case behaviourElsewhere:
		how.elsewhere = true
	case behaviourReconnect:
		how.elsewhere, how.hangUp = true, true
	case behaviourLate:
		how.delivery.delay = fault.delay()
	case behaviourTwice:
		how.copies = 2
	case behaviourOtherSTAN:
		a.fields[11] = padDigits(minorOf(a.fields[11])%999_999+1, 6)
	case behaviourWrongAmount:
		a.fields[4] = padDigits((minorOf(a.fields[4])+1)%1_000_000_000_000, 12)
	case behaviourWrongCurrency:
		wrong := "840"
		if a.fields[49] == wrong {
			wrong = "978"
		}
		a.fields[49] = wrong
	}
	return a, how
}

// reply sends an answer back as how says; false means that the connection serves no more.
func (h *host) reply(l *line, a message, how manner) bool {
	l.deaf = how.deaf
	goOn := !how.hangUp && !how.deaf
	if how.copies == 0 {
		return goOn
	}
	packed, err := h.dialect.encode(a)
	if err != nil {
		h.stage.log.Error("answer not packed", "mti", a.mti, "err", err)
		return false
	}
	packed = mangle(packed, how.behaviour)
	if how.elsewhere {
		if other := h.elsewhere(l, parcel{a, packed}); other != nil {
			h.note(other, "world", a, behaviourElsewhere)
			_ = other.send(packed, how.copies)
		}
		return goOn
	}
	send := func() bool {
		h.note(l, "world", a, how.behaviour)
		return l.send(packed, how.copies) == nil
	}
	if how.delay > 0 { // meanwhile others are answered: answers come in any order
		h.stage.spawn(func() {
			if h.stage.pause(how.delay) {
				send()
			}
		})
		return goOn
	}
	return send() && goOn
}

// bitmapEnd is where the elements of a packed answer begin: behind length, MTI and one bitmap, because no
// answer of this host has an element above 64 but the 0810, which nothing mangles.
const bitmapEnd = 2 + 4 + 8

// mangle damages a packed answer.
func mangle(packed []byte, behaviour string) []byte {
	switch behaviour {
	case behaviourGarbled:
		for i := bitmapEnd; i < len(packed); i++ {
			packed[i] ^= 0xa5
		}
	case behaviourWrongLength:
		binary.BigEndian.PutUint16(packed, uint16(len(packed)-2+7))
	case behaviourHalf:
		packed = packed[:len(packed)/2]
	}
	return packed
}
