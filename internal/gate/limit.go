package gate

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"reprise/internal/payment"
)

// Limits are how many requests are taken within a minute. Zero is the default, which for keys and addresses
// is what Xendit documents; a negative number is no limit. Each node counts for itself.
//
// Secret keys are counted at each operation apart. A public key stands in every payer's browser, so that
// whoever counted it would let anybody keep a shop's payers out: there the session counts, and on the
// payer's page its attempt.
type Limits struct {
	PerKey     int // of a live secret key at one operation: 600
	PerTestKey int // of any other secret key: 60
	PerSession int // at one operation, about one session or attempt: 120
	PerAddress int // from one address, at all doors together: 18000
}

func (l Limits) orDefault() Limits {
	for at, standard := range map[*int]int{&l.PerKey: 600, &l.PerTestKey: 60, &l.PerSession: 120, &l.PerAddress: 18_000} {
		switch {
		case *at == 0:
			*at = standard
		case *at < 0:
			*at = math.MaxInt
		}
	}
	return l
}

// window is over what time requests are counted. maxSubjects bounds what one window remembers: those who come
// later are counted together, so that a crowd cannot fill the memory, and cannot go uncounted either.
const (
	window      = time.Minute
	maxSubjects = 1 << 16
)

// subject is who is counted, and for what.
type subject struct{ at, who string }

// limiter counts requests in a sliding window: the current minute, and of the minute before the share that
// the window still covers, as if its requests had come evenly.
type limiter struct {
	mu          sync.Mutex
	minute      int64 // since 1970: the current one
	now, before map[subject]int
}

func newLimiter() *limiter { return &limiter{now: map[subject]int{}, before: map[subject]int{}} }

// tally is how far a subject is from its limit.
type tally struct {
	limit, remaining int
	reset            time.Duration // until the current minute is over
	wait             time.Duration // until another request is taken; zero where this one was
}

// take counts a request, unless it is over the limit: whoever keeps knocking is not kept out for it.
func (l *limiter) take(s subject, limit int, at time.Time) tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(at.UnixNano() / int64(window))
	if _, known := l.now[s]; !known && len(l.now) >= maxSubjects {
		s.who = ""
	}
	gone := min(max(time.Duration(at.UnixNano()-l.minute*int64(window)), 0), window)
	left := 1 - float64(gone)/float64(window)
	now, before := l.now[s], l.before[s]
	used := float64(now) + float64(before)*left
	t := tally{limit: limit, reset: window - gone}
	if used+1 <= float64(limit) {
		l.now[s] = now + 1
		t.remaining = int(float64(limit) - used - 1)
		return t
	}
	if room := float64(limit - 1 - now); room >= 0 { // once enough of the minute before has slid out
		t.wait = portion(left - room/float64(before))
	} else { // in the next minute, once enough of this one has
		t.wait = t.reset + portion(1-float64(limit-1)/float64(now))
	}
	return t
}

// portion is a part of the window, a little more rather than less.
func portion(part float64) time.Duration {
	return time.Duration(part*float64(window)) + time.Millisecond
}

// turn begins another minute. A clock that goes back stays in the minute it was in.
func (l *limiter) turn(minute int64) {
	switch {
	case minute <= l.minute:
		return
	case minute == l.minute+1:
		l.before = l.now
	default:
		l.before = map[subject]int{}
	}
	l.now, l.minute = map[subject]int{}, minute
}

// limit counts a request of a subject, and says in the headers of the answer how it stands. The last that is
// said counts, so what is narrower comes later.
func (g *Gate) limit(w http.ResponseWriter, s subject, limit int) error {
	t := g.limiter.take(s, limit, g.o.Now())
	h := w.Header()
	h.Set("Rate-Limit-Limit", strconv.Itoa(t.limit))
	h.Set("Rate-Limit-Remaining", strconv.Itoa(t.remaining))
	h.Set("Rate-Limit-Reset", strconv.FormatFloat(t.reset.Seconds(), 'f', 2, 64))
	if t.wait == 0 {
		return nil
	}
	return &payment.Error{
		Code: "RATE_LIMIT_EXCEEDED", Message: "Too many requests were sent in a short time. Please try again later.", RetryAfter: t.wait,
	}
}

// origin is where a request comes from. Of IPv6 it is the network, which is what one subscriber has.
func (g *Gate) origin(r *http.Request) string {
	who := g.o.ClientIP(r)
	if address, err := netip.ParseAddr(who); err == nil {
		address = address.Unmap().WithZone("")
		if who = address.String(); address.Is6() {
			network, _ := address.Prefix(64)
			who = network.String()
		}
	}
	return who
}

// limitAddress counts a request by its origin.
func (g *Gate) limitAddress(w http.ResponseWriter, from string) error {
	return g.limit(w, subject{at: "address", who: from}, g.o.Limits.PerAddress)
}

// limitKey counts a request of a secret key.
func (g *Gate) limitKey(w http.ResponseWriter, op *operation, k payment.Key) error {
	limit := g.o.Limits.PerTestKey
	if k.Production {
		limit = g.o.Limits.PerKey
	}
	return g.limit(w, subject{at: op.pattern, who: string(k.Hash[:])}, limit)
}

// limitSession counts a request by the session or the attempt that it is about, as the contract's x-limited-by
// says. Who is counted here must be known to be one: what the contract bounds, and no text of any length.
func (g *Gate) limitSession(w http.ResponseWriter, op *operation, r *http.Request, body any) error {
	who := r.PathValue(op.limitedBy.name)
	if op.limitedBy.in == "body" {
		who, _ = object(body)[op.limitedBy.name].(string)
	}
	return g.limit(w, subject{at: op.pattern, who: who}, g.o.Limits.PerSession)
}

// place is where a request names what it is about.
type place struct{ in, name string }

// limitedBy reads x-limited-by: "path/page", "body/payment_session_id".
func (c *contract) limitedBy(pointer string, op *operation) (place, error) {
	text, _ := c.at(pointer + "/x-limited-by").(string)
	if op.kind == payment.Secret {
		if text != "" {
			return place{}, fmt.Errorf("x-limited-by: with a secret key the key is counted")
		}
		return place{}, nil
	}
	p := place{}
	var known bool
	if n, err := fmt.Sscanf(text, "path/%s", &p.name); n == 1 && err == nil {
		p.in = "path"
		for _, parameter := range op.parameters {
			known = known || parameter.in == "path" && parameter.name == p.name
		}
	} else if n, err := fmt.Sscanf(text, "body/%s", &p.name); n == 1 && err == nil {
		p.in = "body"
		known = op.named != nil && op.named.members[p.name] != nil
	}
	if !known {
		return place{}, fmt.Errorf("x-limited-by: %q is not a parameter of the path or a member of the body", text)
	}
	return p, nil
}
