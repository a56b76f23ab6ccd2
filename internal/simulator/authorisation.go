package simulator

import "strings"

// trace identifies a message: the host's key for duplicates.
type trace struct {
	class                       string // the first two digits of the MTI
	de32, de41, de7, de11, de37 string
}

func (m message) trace() trace {
	return trace{m.mti[:2], m.fields[32], m.fields[41], m.fields[7], m.fields[11], m.fields[37]}
}

// asked is an 0100 or 0200 that this host has seen.
type asked struct {
	kind                                string // of the entry that it asked for: purchase, hold, verification
	account, amount, currency, approval string
	entry                               int            // 0: declined
	same                                map[int]string // what an advice repeats, by element
}

// repeated are the elements that an advice has from its original, besides those that find it.
var repeated = []int{12, 13, 18, 19, 25, 33, 42}

// authorise answers an 0100 or 0200.
func (h *host) authorise(l *line, m message, fault Fault) (message, manner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := m.trace()
	switch {
	case h.asked[key] != nil || h.held[key] != nil:
		return m.answer(duplicateSent), manner{delivery: atOnce} // nothing changes
	case fault.Behaviour == behaviourLost:
		return message{}, manner{} // no copy of any answer
	case fault.Behaviour == behaviourAfterReversal:
		h.held[key] = &held{line: l, message: m, reversals: max(fault.Reversals, 1)}
		return message{}, manner{}
	}
	if before, used := h.rrns[m.fields[32]+m.fields[37]]; used && before != key {
		h.stage.complain("acquirer", m.mti+": DE37 used before by another message")
	}
	h.rrns[m.fields[32]+m.fields[37]] = key

	kind := "purchase"
	if m.mti == "0100" {
		kind = "hold"
	}
	if m.fields[25] == "51" {
		kind = "verification"
	}
	private, _ := parseTags(m.fields[48]) // checked already
	d := h.issuer.decide(question{
		pan: m.fields[2], expiry: m.fields[14], cvn: private["92"], fault: fault,
		value: private["43"], eci: private["42"], dsTransID: strings.TrimPrefix(private["66"], "2"),
		entry: Entry{
			Kind: kind, Amount: h.minor(m.fields[4], m.fields[49]), Currency: m.fields[49], RRN: m.fields[37], STAN: m.fields[11], DE7: m.fields[7],
			DE32: m.fields[32], DE41: m.fields[41], DE42: m.fields[42],
			DE22: m.fields[22], Indicator: private["22"], FirstUse: private["63"],
		},
	})
	h.asked[key] = &asked{
		kind: kind, account: h.issuer.account(m.fields[2]), amount: m.fields[4], currency: m.fields[49],
		approval: d.approval, entry: d.entry, same: map[int]string{},
	}
	for _, id := range repeated {
		h.asked[key].same[id] = m.fields[id]
	}

	a := m.answer(d.code)
	a.fields[4] = padDigits(d.amount/h.unit(m.fields[49]), 12)
	for id, value := range map[int]string{38: d.approval, 44: d.results, 62: d.network, 63: d.reference} {
		if value != "" {
			a.fields[id] = value
		}
	}
	if d.advice != "" {
		a.fields[48] = "84" + "02" + d.advice
	}
	how := manner{delivery: atOnce}
	if fault.Behaviour == "" {
		how.delivery = h.stage.hostility.authorisation(h.stage.knobs.now().Calm)
	}
	return spoil(a, fault, how)
}
