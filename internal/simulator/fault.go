package simulator

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// What may go wrong. Which of them an occasion knows, and what they do there, says faults.
const (
	behaviourSilence       = "silence"
	behaviourLost          = "lost"
	behaviourLate          = "late"
	behaviourTwice         = "twice"
	behaviourGarbled       = "garbled"
	behaviourWrongLength   = "wrong_length"
	behaviourHalf          = "half_answer"
	behaviourOtherSTAN     = "other_stan"
	behaviourElsewhere     = "other_connection"
	behaviourReconnect     = "reconnect"
	behaviourWrongAmount   = "wrong_amount"
	behaviourWrongCurrency = "wrong_currency"
	behaviourPartial       = "partial"
	behaviourDrop          = "drop_connection"
	behaviourHalfOpen      = "half_open"
	behaviourStall         = "stall"
	behaviourAfterReversal = "after_reversal"
	behaviourDecline       = "decline"
	behaviourRefuse        = "refuse"
	behaviourError         = "error"
	behaviourResultFirst   = "result_first"
	behaviourAbandon       = "abandon"
	behaviourGone          = "gone"
	behaviourRedirect      = "redirect"
	behaviourDrip          = "drip"
	behaviourHuge          = "huge"
	behaviourAny           = "any"
)

// occasion is what a fault may happen to: the name of its knob.
type occasion string

const (
	onConnection occasion = "next_connection" // of the acquirer line
	onSignOn     occasion = "next_sign_on"
	onEcho       occasion = "next_echo"
	onAcquirer   occasion = "next_acquirer"
	onAdvice     occasion = "next_advice"
	onAReq       occasion = "next_areq"
	onResult     occasion = "next_result"
	onChallenge  occasion = "next_challenge"
	onDelivery   occasion = "next_delivery" // of a webhook to the merchant's server
)

// occasions in the order in which they are documented.
var occasions = []occasion{onAcquirer, onAdvice, onConnection, onSignOn, onEcho, onAReq, onResult, onChallenge, onDelivery}

// faults are all that can go wrong; Scenarios prints them.
var faults = []struct {
	on              occasion
	behaviour, then string
}{
	{onAcquirer, behaviourSilence, "the next 0100s and 0200s are booked and never answered"},
	{onAcquirer, behaviourLost, "the next 0100s and 0200s are neither booked nor answered"},
	{onAcquirer, behaviourLate, "the next 0100s and 0200s are booked and answered after delay_ms"},
	{onAcquirer, behaviourTwice, "the next 0100s and 0200s are answered twice"},
	{onAcquirer, behaviourGarbled, "the next 0110s and 0210s are noise behind the bitmap"},
	{onAcquirer, behaviourWrongLength, "the next 0110s and 0210s announce more bytes than they have"},
	{onAcquirer, behaviourHalf, "the next 0110s and 0210s break off in the middle, and the connection is dropped"},
	{onAcquirer, behaviourOtherSTAN, "the next 0110s and 0210s carry another DE11"},
	{onAcquirer, behaviourElsewhere, "the next 0110s and 0210s come over the newest other connection, or the next one that signs on"},
	{onAcquirer, behaviourReconnect, "the next 0100s and 0200s are booked, the connection is dropped, and the answer comes over another"},
	{onAcquirer, behaviourWrongAmount, "the next 0110s and 0210s carry another amount"},
	{onAcquirer, behaviourWrongCurrency, "the next 0110s and 0210s carry another currency"},
	{onAcquirer, behaviourPartial, "the next 0100s and 0200s are approved for half the amount (DE39 10)"},
	{onAcquirer, behaviourDrop, "the next 0100s and 0200s are booked, then the connection is dropped"},
	{onAcquirer, behaviourHalfOpen, "the next 0100s and 0200s are booked; from then on nothing is read or answered on their connection, which stays open"},
	{onAcquirer, behaviourStall, "the next 0100s and 0200s, and all behind them on their connection, are read after delay_ms"},
	{onAcquirer, behaviourAfterReversal, "the next 0100s and 0200s reach the issuer after their reversal, or after as many tries of it as reversals says, and are approved then"},
	{onAcquirer, behaviourDecline, "the next 0100s and 0200s are declined with code (DE39), a Mastercard's also with advice_code"},
	{onAcquirer, behaviourAny, "one of the above by chance, but half_open, stall and what needs a member that is not given"},

	{onAdvice, behaviourSilence, "the next 0220s and 0420s are carried out and never answered"},
	{onAdvice, behaviourLost, "the next 0220s and 0420s are neither carried out nor answered"},
	{onAdvice, behaviourLate, "the next 0220s and 0420s are carried out and answered after delay_ms"},
	{onAdvice, behaviourTwice, "the next 0220s and 0420s are answered twice"},
	{onAdvice, behaviourGarbled, "the next 0230s and 0430s are noise behind the bitmap"},
	{onAdvice, behaviourWrongLength, "the next 0230s and 0430s announce more bytes than they have"},
	{onAdvice, behaviourHalf, "the next 0230s and 0430s break off in the middle, and the connection is dropped"},
	{onAdvice, behaviourOtherSTAN, "the next 0230s and 0430s carry another DE11"},
	{onAdvice, behaviourElsewhere, "the next 0230s and 0430s come over the newest other connection, or the next one that signs on"},
	{onAdvice, behaviourReconnect, "the next 0220s and 0420s are carried out, the connection is dropped, and the answer comes over another"},
	{onAdvice, behaviourDrop, "the next 0220s and 0420s are carried out, then the connection is dropped"},
	{onAdvice, behaviourHalfOpen, "the next 0220s and 0420s are carried out; from then on nothing is read or answered on their connection, which stays open"},
	{onAdvice, behaviourStall, "the next 0220s and 0420s, and all behind them on their connection, are read after delay_ms"},
	{onAdvice, behaviourDecline, "the next 0220s and 0420s are not carried out and answered with code (DE39)"},
	{onAdvice, behaviourAny, "one of the above by chance, but half_open, stall and what needs a member that is not given"},

	{onConnection, behaviourRefuse, "the next connections of the acquirer line are reset as soon as they are there"},
	{onConnection, behaviourHalfOpen, "the next connections of the acquirer line are accepted, and nothing is read from them"},
	{onConnection, behaviourStall, "the next connections of the acquirer line are accepted, and read after delay_ms"},

	{onSignOn, behaviourSilence, "the next sign-ons are never answered"},
	{onSignOn, behaviourLate, "the next sign-ons are answered after delay_ms"},
	{onSignOn, behaviourDrop, "at the next sign-ons the connection is dropped"},
	{onSignOn, behaviourDecline, "the next sign-ons are refused with code (DE39)"},

	{onEcho, behaviourSilence, "the next echoes are never answered"},
	{onEcho, behaviourLate, "the next echoes are answered after delay_ms"},
	{onEcho, behaviourDrop, "at the next echoes the connection is dropped"},
	{onEcho, behaviourDecline, "the next echoes are refused with code (DE39)"},

	{onAReq, behaviourSilence, "the next AReqs are decided and never answered"},
	{onAReq, behaviourLost, "the next AReqs are neither decided nor answered"},
	{onAReq, behaviourLate, "the next AReqs are decided and answered after delay_ms"},
	{onAReq, behaviourError, "the next AReqs are answered with HTTP status 500"},
	{onAReq, behaviourHalf, "the next AReqs are answered with half of an ARes"},
	{onAReq, behaviourDrop, "the next AReqs are decided, then the connection is dropped"},
	{onAReq, behaviourResultFirst, "if the next AReqs lead to a challenge, its result (Y) is sent before the ARes"},
	{onAReq, behaviourAny, "one of the above by chance, but what needs a member that is not given"},

	{onResult, behaviourLost, "the next results of challenges are never sent; the CRes comes all the same"},
	{onResult, behaviourTwice, "the next results of challenges are sent twice"},
	{onResult, behaviourLate, "the next results of challenges are sent delay_ms after the payer was sent home"},
	{onResult, behaviourAny, "one of the above by chance, but what needs a member that is not given"},

	{onChallenge, behaviourAbandon, "the payer leaves at the bank's next page: the result is N with challengeCancel 04, and nobody is sent home"},
	{onChallenge, behaviourSilence, "the bank's next page leads nowhere: no result and no CRes ever come"},
	{onChallenge, behaviourLate, "the bank's next page is shown after delay_ms"},
	{onChallenge, behaviourError, "instead of its next page the bank answers with HTTP status 500"},
	{onChallenge, behaviourAny, "one of the above by chance, but what needs a member that is not given"},

	{onDelivery, behaviourLate, "the next webhooks are answered after delay_ms"},
	{onDelivery, behaviourError, "the next webhooks are answered with status 500"},
	{onDelivery, behaviourGone, "the next webhooks are answered with status 410"},
	{onDelivery, behaviourSilence, "the next webhooks are never answered, and the connection stays open"},
	{onDelivery, behaviourRedirect, "the next webhooks are answered with status 307 to another path"},
	{onDelivery, behaviourDrop, "the next webhooks are read, then the connection is dropped"},
	{onDelivery, behaviourDrip, "the next webhooks are answered with a byte every delay_ms"},
	{onDelivery, behaviourHuge, "the next webhooks are answered with status 200 and some 300 MB"},
	{onDelivery, behaviourAny, "one of the above by chance, but what needs a member that is not given"},
}

// Fault is what goes wrong with the next messages of an occasion.
type Fault struct {
	Behaviour string `json:"behaviour"`
	// Times is how many messages it happens to; without it one, or with a Chance all that come.
	Times int `json:"times,omitempty"`
	// Chance is the share of messages that it happens to, more than 0 and at most 1. Which they are follows
	// from Seed and from the order in which they come.
	Chance float64 `json:"chance,omitempty"`
	Seed   uint64  `json:"seed,omitempty"`
	// Only picks the messages that it may happen to.
	Only Only `json:"only,omitzero"`

	DelayMS    int    `json:"delay_ms,omitempty"`    // of what comes late
	Code       string `json:"code,omitempty"`        // DE39 of "decline"
	AdviceCode string `json:"advice_code,omitempty"` // DE48 tag 84 of "decline", from Mastercard
	Reversals  int    `json:"reversals,omitempty"`   // tries that "after_reversal" waits for; 0 is one

	// Met is to how many messages it could have happened so far: the place in the sequence that Seed begins.
	Met uint64 `json:"met,omitempty"`
}

// Only picks messages by what stands in them; what is empty does not matter.
type Only struct {
	MTI      string `json:"mti,omitempty"`
	Amount   int64  `json:"amount,omitempty"`   // minor units
	RRN      string `json:"rrn,omitempty"`      // DE37
	Card     string `json:"card,omitempty"`     // the last four digits
	Merchant string `json:"merchant,omitempty"` // DE42, acquirerMerchantID
	Event    string `json:"event,omitempty"`    // of a webhook
}

// possible says whether the messages of an occasion have such fields.
func (o Only) possible(on occasion) bool {
	switch on {
	case onAcquirer, onAdvice:
		return o.Event == ""
	case onAReq, onResult, onChallenge:
		return o.MTI == "" && o.RRN == "" && o.Event == ""
	case onDelivery:
		return o == Only{Event: o.Event}
	}
	return o == Only{}
}

// subject is the message that a fault is looked for.
type subject struct {
	mti, rrn, card, merchant, event string
	amount                          int64
	currency                        string // numeric; empty where there is no amount
	tries                           int    // of an advice, this one included
}

func (o Only) fits(s subject) bool {
	same := func(want, got string) bool { return want == "" || want == got }
	return same(o.MTI, s.mti) && same(o.RRN, s.rrn) && same(o.Card, s.card) && same(o.Merchant, s.merchant) && same(o.Event, s.event) &&
		(o.Amount == 0 || o.Amount == s.amount)
}

// behavioursOf lists what an occasion knows.
func behavioursOf(on occasion) (all []string) {
	for _, f := range faults {
		if f.on == on {
			all = append(all, f.behaviour)
		}
	}
	return all
}

// needsDelay are the behaviours that a delay_ms belongs to.
var needsDelay = []string{behaviourLate, behaviourStall, behaviourDrip}

// check judges a fault before it is set, and fills in how often it happens.
func (f *Fault) check(on occasion) error {
	if f == nil {
		return nil
	}
	if f.Times == 0 && f.Chance == 0 {
		f.Times = 1
	}
	anything := f.Behaviour == behaviourAny
	delayed, decline := slices.Contains(needsDelay, f.Behaviour), f.Behaviour == behaviourDecline
	wrong := func(what string) error { return errors.New(string(on) + ": " + what) }
	switch {
	case !slices.Contains(behavioursOf(on), f.Behaviour):
		return wrong("unknown behaviour")
	case f.DelayMS < 0 || !anything && delayed != (f.DelayMS > 0):
		return wrong(strings.Join(needsDelay, " and ") + " need delay_ms, and nothing else has one")
	case !anything && decline != (f.Code != ""):
		return wrong("decline needs a code, and nothing else has one")
	case f.Code != "" && (elements[39].check(f.Code) != nil || f.Code == booked):
		return wrong("code is not two letters or digits that decline")
	case f.AdviceCode != "" && (f.Code == "" || on != onAcquirer || len(f.AdviceCode) != 2 || !num.holds(f.AdviceCode)):
		return wrong("advice_code is two digits of a decline")
	case f.Reversals < 0 || f.Reversals > 0 && f.Behaviour != behaviourAfterReversal:
		return wrong("reversals is a number that belongs to after_reversal")
	case f.Times < 0:
		return wrong("times is negative")
	case f.Chance < 0 || f.Chance > 1 || f.Seed != 0 && f.Chance == 0 && !anything:
		return wrong("chance is a number from 0 to 1, and nothing without it has a seed")
	case !f.Only.possible(on):
		return wrong("only names a field that such messages do not have")
	}
	return nil
}

// take says what happens to a message, and counts it; zero means nothing special. A fault that has worn off is
// cleared.
func take(knob **Fault, on occasion, about subject) Fault {
	f := *knob
	if f == nil || !f.Only.fits(about) {
		return Fault{}
	}
	f.Met++
	if f.Chance > 0 && float64(scatter(f.Seed, 2*f.Met)>>11)/(1<<53) >= f.Chance {
		return Fault{}
	}
	taken := *f
	if f.Times > 0 {
		if f.Times--; f.Times == 0 {
			*knob = nil
		}
	}
	if taken.Behaviour == behaviourAny {
		possible := taken.possible(on)
		taken.Behaviour = possible[scatter(taken.Seed, 2*taken.Met+1)%uint64(len(possible))]
	}
	return taken
}

// possible are the behaviours that "any" stands for. What takes a whole connection away for long is not among
// them: it would hide the others.
func (f Fault) possible(on occasion) []string {
	return slices.DeleteFunc(behavioursOf(on), func(b string) bool {
		return b == behaviourAny || b == behaviourHalfOpen || b == behaviourStall ||
			slices.Contains(needsDelay, b) && f.DelayMS == 0 || b == behaviourDecline && f.Code == ""
	})
}

// scatter is the n-th number of a seed's sequence (SplitMix64). Chance that can be repeated is no secret: it must
// not come from the seam, from which keys are drawn.
func scatter(seed, n uint64) uint64 {
	z := seed + n*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func minorOf(digits string) int64 {
	amount, _ := strconv.ParseInt(digits, 10, 64)
	return amount
}
