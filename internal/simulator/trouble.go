package simulator

import (
	"sync"
	"time"
)

// trouble is an amount at which something breaks, as often as it is paid. The amount is in hundredths of the
// currency's unit; the 0420 of a purchase has the amount of its purchase.
type trouble struct {
	hundredths int64
	then       string
	faults     map[occasion]Fault // Times of an advice is how many tries of it
}

func ms(d time.Duration) int { return int(d.Milliseconds()) }

// troubles that can be had by amount, without the control port. Every message is compared with them, and nobody changes them.
var troubles = sync.OnceValue(func() []trouble {
	purchase := func(f Fault) map[occasion]Fault { return map[occasion]Fault{onAcquirer: f} }
	silence := Fault{Behaviour: behaviourSilence}
	return []trouble{
		{1900100, "the acquirer has booked it and never answers; reversed", purchase(silence)},
		{1900200, "the acquirer never gets it; reversed in vain", purchase(Fault{Behaviour: behaviourLost})},
		{1900300, "the acquirer answers after 12 s, which is too late; reversed", purchase(Fault{Behaviour: behaviourLate, DelayMS: ms(12 * time.Second)})},
		{1900400, "the acquirer answers twice", purchase(Fault{Behaviour: behaviourTwice})},
		{1900500, "the acquirer's answer is noise behind the bitmap; reversed", purchase(Fault{Behaviour: behaviourGarbled})},
		{1900600, "the acquirer's answer announces more bytes than it has; reversed", purchase(Fault{Behaviour: behaviourWrongLength})},
		{1900700, "the acquirer's answer breaks off, and its connection; reversed", purchase(Fault{Behaviour: behaviourHalf})},
		{1900800, "the acquirer drops the connection instead of an answer; reversed", purchase(Fault{Behaviour: behaviourDrop})},
		{1900900, "the acquirer drops the connection and answers over the next; reversed", purchase(Fault{Behaviour: behaviourReconnect})},
		{1901000, "the acquirer's answer has another STAN; reversed", purchase(Fault{Behaviour: behaviourOtherSTAN})},
		{1901100, "the acquirer's connection goes deaf, though it stays open; reversed over the next", purchase(Fault{Behaviour: behaviourHalfOpen})},
		{1901200, "the acquirer reads nothing for 12 s; reversed", purchase(Fault{Behaviour: behaviourStall, DelayMS: ms(12 * time.Second)})},
		{1901300, "the reversal overtakes the purchase, which is approved after it; reversed again", purchase(Fault{Behaviour: behaviourAfterReversal})},
		{1901400, "the purchase is approved when its reversal is given up; reversed again", purchase(Fault{Behaviour: behaviourAfterReversal, Reversals: 3})},
		{1901500, "the acquirer approves another amount; refused and reversed", purchase(Fault{Behaviour: behaviourWrongAmount})},
		{1901600, "the acquirer approves half; refused and reversed", purchase(Fault{Behaviour: behaviourPartial})},
		{1902100, "no answer, and the first two acknowledgements of the reversal are lost", map[occasion]Fault{
			onAcquirer: silence, onAdvice: {Behaviour: behaviourSilence, Times: 2}}},
		{1902200, "no answer, and the first two answers to the reversal say that there is no such original (25)", map[occasion]Fault{
			onAcquirer: silence, onAdvice: {Behaviour: behaviourDecline, Code: notLocated, Times: 2}}},
		{1902300, "a capture or a refund of this amount is carried out, and its first two answers are lost", map[occasion]Fault{
			onAdvice: {Behaviour: behaviourSilence, Times: 2}}},

		{1903100, "the directory server never answers", map[occasion]Fault{onAReq: silence}},
		{1903200, "the directory server answers with status 500", map[occasion]Fault{onAReq: {Behaviour: behaviourError}}},
		{1903300, "the directory server's answer breaks off", map[occasion]Fault{onAReq: {Behaviour: behaviourHalf}}},
		{1903400, "of a challenge: the result (Y) comes before the bank has asked anything", map[occasion]Fault{onAReq: {Behaviour: behaviourResultFirst}}},
		{1903500, "of a challenge: the result never comes", map[occasion]Fault{onResult: {Behaviour: behaviourLost}}},
		{1903600, "of a challenge: the result comes twice", map[occasion]Fault{onResult: {Behaviour: behaviourTwice}}},
		{1903700, "of a challenge: the result comes 20 s after the payer", map[occasion]Fault{onResult: {Behaviour: behaviourLate, DelayMS: ms(20 * time.Second)}}},
		{1903800, "of a challenge: the payer leaves, and the bank says so", map[occasion]Fault{onChallenge: {Behaviour: behaviourAbandon}}},
		{1903900, "of a challenge: the payer leaves, and nobody says anything", map[occasion]Fault{onChallenge: silence}},
		{1904000, "of a challenge: the bank's page is out of order", map[occasion]Fault{onChallenge: {Behaviour: behaviourError}}},
	}
})

// troubleAt is what an amount has in store for a message; zero is nothing.
func troubleAt(on occasion, about subject) Fault {
	amount, ok := hundredths(about.amount, about.currency)
	if !ok {
		return Fault{}
	}
	for _, t := range troubles() {
		if f := t.faults[on]; t.hundredths == amount && (f.Times == 0 || about.tries <= f.Times) {
			return f
		}
	}
	return Fault{}
}
