package simulator

// held is an 0100 or 0200 that was overtaken by its own reversal: somewhere between the gateway and the issuer
// it waits, CVN and all, and nobody has decided about it.
type held struct {
	line      *line
	message   message
	reversals int // that are still to come first
}

// original is the trace of the message that an advice is about (DE90).
func (m message) original() trace {
	named := m.fields[90]
	return trace{named[:2], m.fields[32], m.fields[41], named[10:20], named[4:10], m.fields[37]}
}

// comesAfter lets what a reversal has overtaken arrive, once the reversal is answered.
func (h *host) comesAfter(reversal message) (then func()) {
	key := reversal.original()
	late := h.held[key]
	if late == nil {
		return nil
	}
	if late.reversals--; late.reversals > 0 {
		return nil
	}
	delete(h.held, key)
	return func() {
		h.note(late.line, "gateway", late.message, "arrives after its reversal")
		a, how := h.authorise(late.line, late.message, Fault{})
		if !h.has(late.line) {
			how.elsewhere = true
		}
		h.reply(late.line, a, how)
	}
}
