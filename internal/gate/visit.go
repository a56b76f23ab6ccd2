package gate

import (
	"io"
	"net/http"
	"time"
)

// visit is a request that was let in. It has a place among those that are answered, but not while only its client can
// make it go on, whose body does not come or who does not take the answer: a few sockets would else keep every payer
// out. It then stands among those that wait. These are bounded by themselves, and where they are too many, one is hung
// up on: of the address that has most of them the one that came first. So an address that keeps many waiting is in
// nobody's way but its own, and payers behind one address, whose bodies come at once, are in nobody's.
type visit struct {
	load   Load
	from   string // the address, as it is counted
	number uint64 // in the order in which they came
	placed bool   // it has a place among those that are answered
	hangUp func() // ends what it waits for
}

// waits gives a visit's place back until its client has done its part. hangUp must not block. Who has no place, since
// it was turned away or asks how the gateway is, gives none.
func (c *crowd) waits(v *visit, hangUp func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !v.placed {
		return
	}
	c.vacate(v)
	v.hangUp = hangUp
	c.waiting = append(c.waiting, v)
	if len(c.waiting) <= c.bounds.Waiting {
		return
	}
	out := c.longest()
	c.forget(out)
	c.inside.Shed++
	out.hangUp()
}

// longest is who came first of the address that has most waiting; among such addresses, of all.
func (c *crowd) longest() *visit {
	waiting := map[string]int{}
	for _, v := range c.waiting {
		waiting[v.from]++
	}
	out := c.waiting[0]
	for _, v := range c.waiting[1:] {
		more := waiting[v.from] - waiting[out.from]
		if more > 0 || more == 0 && v.number < out.number {
			out = v
		}
	}
	return out
}

// goesOn gives a visit that has waited a place again, and says whether there was one. A gateway that closes finishes
// what was let in. What has begun to be answered is not refused any more.
func (c *crowd) goesOn(v *visit, answered bool) bool {
	if v.load == Watches {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.told()
	switch {
	case !c.forget(v):
		return false
	case !answered && !c.room(v.load):
		c.inside.Shed++
		return false
	}
	c.place(v)
	return true
}

// coming is a body that is on its way. Nobody has a place among those that are answered while it is waited for.
type coming struct {
	io.ReadCloser
	visit    *visit
	crowd    *crowd
	hangUp   func()
	turnAway func() error
}

func (b *coming) Read(p []byte) (int, error) {
	b.crowd.waits(b.visit, b.hangUp)
	n, err := b.ReadCloser.Read(p)
	if !b.crowd.goesOn(b.visit, false) {
		err = b.turnAway()
	}
	return n, err
}

// longAgo is a deadline that has passed by any clock.
var longAgo = time.Unix(1, 0)

// arriving is a request whose body is waited for outside. Headers of answers come from w. It is a copy: in its own, net/http
// sees what was not read of the body, and then lets the client read the answer before it hangs up.
func (g *Gate) arriving(w http.ResponseWriter, r *http.Request, v *visit) *http.Request {
	if r.ContentLength == 0 {
		return r
	}
	connection := http.NewResponseController(w)
	r = r.WithContext(r.Context())
	r.Body = &coming{r.Body, v, g.crowd,
		func() { _ = connection.SetReadDeadline(longAgo) },
		func() error { return g.turnAway(w, r) }}
	return r
}

// answered remembers the status that was answered; zero is none. While the client takes the answer, its request waits
// outside, and so it does for what is left of its body, which net/http reads before it answers.
type answered struct {
	http.ResponseWriter
	status int
	visit  *visit // nil: it was not let in
	crowd  *crowd
}

func (a *answered) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.visit != nil {
		a.crowd.waits(a.visit, a.hangUp)
		defer a.crowd.goesOn(a.visit, true)
	}
	return a.ResponseWriter.Write(b)
}

func (a *answered) hangUp() {
	connection := http.NewResponseController(a.ResponseWriter)
	_ = connection.SetReadDeadline(longAgo)
	_ = connection.SetWriteDeadline(longAgo)
}

// Unwrap is what http.ResponseController looks for.
func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }
