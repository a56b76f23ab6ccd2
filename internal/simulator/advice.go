package simulator

import (
	"fmt"
	"slices"
	"strings"
)

// advised is an advice that this host has answered.
type advised struct {
	mti  string // as it came first
	seal string // of everything but the MTI
	code string
}

// advise answers an 0220, 0221, 0420 or 0421. A repeat gets the same answer and changes nothing; only
// "no such original" is judged again, because the original may have come in between, and a reversal that a fault
// declined, which a host has no reason to decline for ever.
func (h *host) advise(_ *line, m message, fault Fault) (message, manner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if fault.Behaviour == behaviourLost {
		return message{}, manner{}
	}
	reverses := m.mti[1] == '4'
	key, seal, how := m.trace(), h.seal(m), manner{delivery: atOnce}
	known := h.advised[key]
	switch {
	case known != nil && known.seal != seal:
		h.stage.complain("acquirer", m.mti+": differs from the first one in more than its MTI")
		return spoil(m.answer(formatError), fault, how)
	case known != nil && m.mti == known.mti && m.mti == "0220": // a reversal does no harm twice, money moved does
		return spoil(m.answer(duplicateSent), fault, how)
	case known != nil:
		return spoil(m.answer(known.code), fault, how)
	}
	code := fault.Code
	if fault.Behaviour != behaviourDecline {
		code = h.carryOut(m)
	}
	if code == notLocated && reverses {
		how.then = h.comesAfter(m)
	}
	if again := reverses && fault.Behaviour == behaviourDecline; code != notLocated && !again {
		h.advised[key] = &advised{mti: m.mti, seal: seal, code: code}
	}
	if code == booked && fault.Behaviour == "" {
		how.delivery = h.stage.hostility.advice(m.mti[:2], h.stage.knobs.now().Calm)
	}
	return spoil(m.answer(code), fault, how)
}

// carryOut does what an advice says, and says how that went (DE39).
func (h *host) carryOut(m message) (code string) {
	original := h.asked[m.original()]
	if original == nil {
		return notLocated
	}
	refund, stays := m.fields[3] == "200000", m.fields[95]
	changed := []int{}
	if m.mti[1] == '2' {
		changed = append(changed, 4)
	}
	if refund {
		changed = append(changed, 12, 13) // it is another sale's time
	}
	if fault := original.differs(h.issuer, m, changed); fault != "" {
		h.stage.complain("acquirer", m.mti+": "+fault+" is not the original's")
		return notLocated
	}
	for _, id := range repeated {
		if original.same[id] != m.fields[id] && !slices.Contains(changed, id) { // a fault, but it is found without
			h.stage.complain("acquirer", fmt.Sprintf("%s: DE%d is not the original's", m.mti, id))
		}
	}
	if original.kind == "verification" {
		h.stage.complain("acquirer", m.mti+": is about a verification")
		return notPossible
	}
	e := Entry{
		Amount: h.minor(m.fields[4], m.fields[49]), RRN: m.fields[37], STAN: m.fields[11], DE7: m.fields[7], DE32: m.fields[32], DE41: m.fields[41],
		At: h.stage.now().UTC(),
	}
	book, what := h.issuer.ledger.reverse, "takes back what was captured or refunded"
	switch {
	case refund:
		book, what = h.issuer.ledger.refund, "refunds more than was captured"
	case m.mti[1] == '2':
		book, what = h.issuer.ledger.capture, "captures more than is held"
	case stays != "":
		keep := h.minor(stays[:12], m.fields[49])
		book = func(id int, e Entry) string { return h.issuer.ledger.release(id, keep, e) }
		what = "does not leave what was captured"
	}
	switch {
	case original.entry != 0:
		code = book(original.entry, e)
	case m.mti[1] == '4' && stays == "":
		code = booked // nothing was held
	default:
		code = notPossible
	}
	if code != booked {
		h.stage.complain("acquirer", m.mti+": "+what)
	}
	return code
}

// differs names the element in which an advice contradicts its original, but for those that it may change.
func (a *asked) differs(i *issuer, m message, changed []int) string {
	approval, given := m.fields[38]
	switch {
	case a.account != i.account(m.fields[2]):
		return "DE2"
	case a.amount != m.fields[4] && !slices.Contains(changed, 4):
		return "DE4"
	case a.currency != m.fields[49]:
		return "DE49"
	case given && approval != a.approval:
		return "DE38"
	}
	return ""
}

// seal fingerprints a message without its MTI, under the issuer's key because a PAN is in it.
func (h *host) seal(m message) string {
	var b strings.Builder
	for _, id := range h.dialect.ids {
		if value, ok := m.fields[id]; ok {
			fmt.Fprintf(&b, "%d:%d:%s", id, len(value), value)
		}
	}
	return h.issuer.seal("advice", b.String())
}
