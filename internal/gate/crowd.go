package gate

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"reprise/internal/payment"
)

// Bounds are how many requests are answered at once. Zero is the default, which fits a process of 110 MB
// with GOMEMLIMIT=80MiB (docs/operations.md says how that was measured). What is above them is answered 503 before anything was done about
// it, and where there is no room when it comes, before a byte of its body is read: what is refused early costs nothing
// and can be repeated, what is taken in and not finished cannot.
type Bounds struct {
	Requests int // of all kinds: 256
	Begins   int // of these, what may begin a payment: 192, so that captures, refunds and readings have room beside them
	Reserve  int // beyond these, for what finishes what has begun: 128
	Waiting  int // beside these, requests that can only go on when their client sends or takes something: 128
}

// OrDefault are the bounds with the defaults in place of what is zero.
func (b Bounds) OrDefault() Bounds {
	for at, standard := range map[*int]int{&b.Requests: 256, &b.Begins: 192, &b.Reserve: 128, &b.Waiting: 128} {
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

// Crowd is how many requests are being answered, by what they mean, how many wait for their client, and how many were
// turned away.
type Crowd struct {
	Ordinary, Begins, Finishes int
	Waiting                    int
	Shed                       uint64
}

func (c Crowd) all() int { return c.Ordinary + c.Begins + c.Finishes }

// crowd counts who is inside.
type crowd struct {
	bounds Bounds

	mu      sync.Mutex
	inside  Crowd
	came    uint64 // visits so far
	waiting []*visit
	said    time.Time     // when it was logged last that somebody was turned away
	empty   chan struct{} // closed when nobody is inside any more; nil: nobody waits for that
	closing bool
}

// enter lets a request in; nil where there is no room. from is its address, as it is counted.
func (c *crowd) enter(l Load, from string) *visit {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.came++
	v := &visit{load: l, from: from, number: c.came}
	if l == Watches {
		return v
	}
	if c.closing || !c.room(l) {
		c.inside.Shed++
		return nil
	}
	c.place(v)
	return v
}

// room says whether one more can be answered.
func (c *crowd) room(l Load) bool {
	room := c.bounds.Requests
	if l == Finishes {
		room += c.bounds.Reserve
	}
	return c.inside.all() < room && (l != Begins || c.inside.Begins < c.bounds.Begins)
}

func (c *crowd) place(v *visit) {
	*c.of(v.load)++
	v.placed = true
}

func (c *crowd) vacate(v *visit) {
	if v.placed {
		*c.of(v.load)--
		v.placed = false
	}
}

func (c *crowd) leave(v *visit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.vacate(v)
	c.forget(v)
	c.told()
}

// forget strikes a visit from those that wait, and says whether it was there.
func (c *crowd) forget(v *visit) bool {
	at := slices.Index(c.waiting, v)
	if at >= 0 {
		c.waiting = slices.Delete(c.waiting, at, at+1)
	}
	return at >= 0
}

// told tells who waits for it that nobody is inside any more.
func (c *crowd) told() {
	if c.empty != nil && c.inside.all()+len(c.waiting) == 0 {
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
	return c.count(), due
}

// Crowd is how many requests are being answered at this moment.
func (g *Gate) Crowd() Crowd {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	return g.crowd.count()
}

func (c *crowd) count() Crowd {
	all := c.inside
	all.Waiting = len(c.waiting)
	return all
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
	c.told()
	return empty
}

// turnAway refuses a request for which there is no room. Whoever has a body still to send is hung up on: net/http
// would read it to its end before it sends our answer.
func (g *Gate) turnAway(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
	}
	if inside, due := g.crowd.tell(g.o.Now()); due {
		g.o.Log.Warn("requests turned away", "ordinary", inside.Ordinary, "begins", inside.Begins, "finishes", inside.Finishes,
			"waiting", inside.Waiting, "shed", inside.Shed)
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
