package gate

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"reprise/internal/payment"
)

// Bounds are how many requests are answered at once. Zero is the default, which fits a process of 130 MB
// (docs/operations.md says how that was measured). What is above them is answered 503 before a byte of its body is
// read: what is refused early costs nothing and can be repeated, what is taken in and not finished cannot.
type Bounds struct {
	Requests int // of all kinds: 256
	Begins   int // of these, what may begin a payment: 192, so that captures, refunds and readings have room beside them
	Reserve  int // beyond these, for what finishes what has begun: 128
}

// OrDefault are the bounds with the defaults in place of what is zero.
func (b Bounds) OrDefault() Bounds {
	for at, standard := range map[*int]int{&b.Requests: 256, &b.Begins: 192, &b.Reserve: 128} {
		if *at == 0 {
			*at = standard
		}
	}
	return b
}

// Load is what a request means to a gateway that has more to do than it can.
type Load int

const (
	// Ordinary is all that is none of the others.
	Ordinary Load = iota
	// Begins may begin a payment, so it is the first that is turned away.
	Begins
	// Finishes is a step of a payment that has begun: it may use the reserve.
	Finishes
	// Watches asks how the gateway is. It is never turned away, not even from one that is closing.
	Watches
)

// loads are the words of the contract's x-load.
func loadOf(word any) (Load, error) {
	switch word {
	case nil:
		return Ordinary, nil
	case "begins":
		return Begins, nil
	case "finishes":
		return Finishes, nil
	}
	return Ordinary, fmt.Errorf("x-load is begins or finishes, and else it is left out")
}

// Crowd is how many requests are being answered, by what they mean, and how many were turned away.
type Crowd struct {
	Ordinary, Begins, Finishes int
	Shed                       uint64
}

func (c Crowd) all() int { return c.Ordinary + c.Begins + c.Finishes }

// crowd counts who is inside.
type crowd struct {
	bounds Bounds

	mu      sync.Mutex
	inside  Crowd
	said    time.Time     // when it was logged last that somebody was turned away
	empty   chan struct{} // closed when nobody is inside any more; nil: nobody waits for that
	closing bool
}

func (c *crowd) enter(l Load) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := c.bounds.Requests
	if l == Finishes {
		room += c.bounds.Reserve
	}
	switch {
	case l == Watches:
		return true
	case c.closing, c.inside.all() >= room, l == Begins && c.inside.Begins >= c.bounds.Begins:
		c.inside.Shed++
		return false
	}
	*c.of(l)++
	return true
}

func (c *crowd) leave(l Load) {
	if l == Watches {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	*c.of(l)--
	if c.empty != nil && c.inside.all() == 0 {
		close(c.empty)
		c.empty = nil
	}
}

func (c *crowd) of(l Load) *int {
	return map[Load]*int{Ordinary: &c.inside.Ordinary, Begins: &c.inside.Begins, Finishes: &c.inside.Finishes}[l]
}

// tell says whether it is time to log that somebody was turned away: ten seconds after the last time, since an
// overload must not become one of the log too.
func (c *crowd) tell(now time.Time) (inside Crowd, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if due = now.Sub(c.said) >= 10*time.Second; due {
		c.said = now
	}
	return c.inside, due
}

// Crowd is how many requests are being answered at this moment.
func (g *Gate) Crowd() Crowd {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	return g.crowd.inside
}

// Close lets nobody in any more but those who ask how the gateway is. The channel it returns is closed once all who
// were inside have their answer.
func (g *Gate) Close() (empty <-chan struct{}) {
	c := g.crowd
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.empty == nil {
		c.empty = make(chan struct{})
	}
	empty = c.empty
	if c.inside.all() == 0 {
		close(c.empty)
		c.empty = nil
	}
	return empty
}

// turnAway refuses a request for which there is no room. Whoever has a body still to send is hung up on: net/http
// would read it to its end before it sends our answer.
func (g *Gate) turnAway(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	if inside, due := g.crowd.tell(g.o.Now()); due {
		g.o.Log.Warn("requests turned away", "ordinary", inside.Ordinary, "begins", inside.Begins, "finishes", inside.Finishes, "shed", inside.Shed)
	}
	return &payment.Error{
		Code:       "SERVICE_UNAVAILABLE",
		Message:    "There is more to do than can be done at this moment. Nothing was done about this request. Please try again.",
		RetryAfter: 2 * time.Second,
	}
}

// payable refuses to begin a payment that could not be finished.
func (g *Gate) payable(op *operation) error {
	if op.load != Begins || g.o.Payable == nil {
		return nil
	}
	return g.o.Payable()
}
