package simulator

import (
	"sync"
	"time"
)

// hostility is what a real network does to a gateway every day, in a fixed pattern: answers that
// come twice, late or (an acknowledgement of a reversal, once) not at all. None of it may change
// an outcome; it is there so that recovery runs daily and not only in tests.
type hostility struct {
	mu                                           sync.Mutex
	authorisations, captures, reversals, results int
}

// delivery says how an answer is delivered.
type delivery struct {
	copies int // 0 is a lost answer
	delay  time.Duration
}

var atOnce = delivery{copies: 1}

// authorisation: of nine 0110 and 0210, the fourth comes 400 ms late and the seventh twice.
func (h *hostility) authorisation(calm bool) delivery {
	if calm {
		return atOnce
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.authorisations++
	switch h.authorisations % 9 {
	case 4:
		return delivery{copies: 1, delay: 400 * time.Millisecond}
	case 7:
		return delivery{copies: 2}
	}
	return atOnce
}

// advice: of five 0430, the third comes twice and the fifth is lost; of five 0230, for which a merchant
// may be waiting, the third comes twice and the fifth 400 ms late. Only the first answer to an advice
// is asked for here, so that none is lost twice.
func (h *hostility) advice(class string, calm bool) delivery {
	if calm {
		return atOnce
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	count, fifth := &h.reversals, delivery{}
	if class == "02" {
		count, fifth = &h.captures, delivery{copies: 1, delay: 400 * time.Millisecond}
	}
	*count++
	switch *count % 5 {
	case 3:
		return delivery{copies: 2}
	case 0:
		return fifth
	}
	return atOnce
}

// result: every third RReq is sent twice.
func (h *hostility) result(calm bool) (copies int) {
	if calm {
		return 1
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.results++
	if h.results%3 == 0 {
		return 2
	}
	return 1
}
