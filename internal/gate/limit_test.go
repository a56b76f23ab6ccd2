package gate_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand"
	"net/http"
	"strconv"
	"testing"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// limited is a house with limits and a clock that stands still unless it is moved.
type limited struct {
	*house
	at      time.Time
	address string
}

const liveKey = "xnd_production_test"

func newLimited(t *testing.T, limits gate.Limits) *limited {
	l := &limited{at: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC), address: "192.0.2.1"}
	l.house = newHouse(t, func(o *gate.Options) {
		o.Limits = limits
		o.Now = func() time.Time { return l.at }
		o.ClientIP = func(*http.Request) string { return l.address }
		keys := o.Keys
		o.Keys = func(ctx context.Context, hash [32]byte) (payment.Key, error) {
			if hash == sha256.Sum256([]byte(liveKey)) {
				return payment.Key{Hash: hash, Business: business, Kind: payment.Secret, Production: true}, nil
			}
			return keys(ctx, hash)
		}
	})
	l.handle("GET /sessions/{session_id}", payment.Secret, func(context.Context, *gate.Request) (gate.Answer, error) {
		a, err := created(t.Context(), nil)
		a.Status = 200
		return a, err
	})
	l.handle("POST /sessions", payment.Secret, created)
	l.handle("POST /v3/payment_with_session", payment.Public, func(context.Context, *gate.Request) (gate.Answer, error) {
		return gate.Answer{Body: map[string]any{
			"message":            "Status updated. Wait for a callback or get the status using the Get API.",
			"payment_request_id": "pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f",
		}}, nil
	})
	return l
}

func (l *limited) read(key string) *answered {
	w := l.send(request{method: "GET", path: sessionPath, key: key})
	return &answered{w.Code, w.Header()}
}

type answered struct {
	status int
	header http.Header
}

// takes sends until one is refused, at most so many.
func takes(most int, send func() *answered) (taken int, last *answered) {
	for ; taken < most; taken++ {
		if last = send(); last.status == http.StatusTooManyRequests {
			return taken, last
		}
	}
	return taken, last
}

// TestLimitPerKey: a key has a limit at each operation, that of a live key is another, and what has slid out
// of the window counts no more.
func TestLimitPerKey(t *testing.T) {
	l := newLimited(t, gate.Limits{PerTestKey: 10, PerKey: 25})
	read := func() *answered { return l.read(secretKey) }
	if first := read(); first.header.Get("Rate-Limit-Limit") != "10" || first.header.Get("Rate-Limit-Remaining") != "9" || first.header.Get("Rate-Limit-Reset") != "60.00" {
		t.Errorf("the first: %v", first.header)
	}
	taken, last := takes(50, read)
	if taken != 9 || last.header.Get("Rate-Limit-Remaining") != "0" || last.header.Get("Retry-After") != "67" {
		t.Errorf("%d more were taken, then %v", taken, last.header)
	}
	if taken, _ := takes(50, func() *answered { return l.read(liveKey) }); taken != 25 {
		t.Errorf("%d of a live key were taken", taken)
	}
	if w := l.send(request{method: "POST", path: "/sessions", key: secretKey, body: seedRequest(t)}); w.Code != 201 {
		t.Errorf("another operation: %d", w.Code)
	}
	l.at = l.at.Add(78*time.Second + 500*time.Millisecond) // of the ten of the first minute 69 % still count
	if taken, last = takes(50, read); taken != 3 || last.header.Get("Rate-Limit-Reset") != "41.50" {
		t.Errorf("in the next minute %d were taken, then %v", taken, last.header)
	}
	l.at = l.at.Add(time.Hour)
	if taken, _ = takes(50, read); taken != 10 {
		t.Errorf("after an hour %d were taken", taken)
	}
}

// TestLimitHolds: whenever requests come, no minute has much more than the limit, and who waits as long as he
// is told is taken.
func TestLimitHolds(t *testing.T) {
	const limit = 20
	chance := rand.New(rand.NewSource(7))
	l := newLimited(t, gate.Limits{PerTestKey: limit})
	var taken []time.Time
	for range 5_000 {
		l.at = l.at.Add(time.Duration(chance.Int63n(int64(4 * time.Second))))
		a := l.read(secretKey)
		if a.status == http.StatusTooManyRequests {
			seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
			if err != nil || seconds < 1 || seconds > 120 {
				t.Fatalf("Retry-After %q", a.header.Get("Retry-After"))
			}
			if chance.Intn(3) > 0 {
				continue
			}
			l.at = l.at.Add(time.Duration(seconds) * time.Second)
			if a = l.read(secretKey); a.status != 200 {
				t.Fatalf("refused after the %d s it was asked to wait", seconds)
			}
		}
		taken = append(taken, l.at)
	}
	for i := range taken {
		within := 0
		for j := i; j < len(taken) && taken[j].Sub(taken[i]) < time.Minute; j++ {
			within++
		}
		if within > limit*3/2 { // the minute before is taken to have been even, which it need not be
			t.Fatalf("%d in a minute", within)
		}
	}
	if len(taken) < 1_000 {
		t.Errorf("only %d were taken", len(taken))
	}
}

// TestLimitPerSession: the public key is in every payer's browser, so its sessions are counted, each for itself.
func TestLimitPerSession(t *testing.T) {
	l := newLimited(t, gate.Limits{PerSession: 3, PerTestKey: 1})
	submit := func(session string) func() *answered {
		return func() *answered {
			w := l.send(request{method: "POST", path: "/v3/payment_with_session", key: publicKey, body: `{"cvn":"123","payment_session_id":"` + session + `"}`})
			return &answered{w.Code, w.Header()}
		}
	}
	for i := range 10 {
		if taken, last := takes(9, submit(fmt.Sprintf("ps-%024d", i))); taken != 3 || last.header.Get("Rate-Limit-Limit") != "3" {
			t.Errorf("session %d: %d were taken, %v", i, taken, last.header)
		}
	}
}

// TestLimitPerAddress: all doors count together, also without a key, and of IPv6 the network counts.
func TestLimitPerAddress(t *testing.T) {
	l := newLimited(t, gate.Limits{PerAddress: 4})
	guess := func() *answered { return l.read("xnd_development_guess") }
	for _, test := range []struct {
		address string
		taken   int
	}{
		{"192.0.2.1", 4}, {"192.0.2.1", 0}, {"::ffff:192.0.2.1", 0}, {"192.0.2.2", 4},
		{"2001:db8::1", 4}, {"2001:db8::ffff:2", 0}, {"2001:db8:0:1::1", 4}, {"fe80::1%eth0", 4}, {"fe80::2%eth1", 0},
		{"", 4},
	} {
		l.address = test.address
		if taken, _ := takes(9, guess); taken != test.taken {
			t.Errorf("%q: %d were taken, want %d", test.address, taken, test.taken)
		}
		if w := l.send(request{method: "GET", path: "/nowhere"}); w.Code != 429 {
			t.Errorf("%q: a path that is none: %d", test.address, w.Code)
		}
	}
}

// TestLimitsByDefault are those that Xendit documents.
func TestLimitsByDefault(t *testing.T) {
	l := newLimited(t, gate.Limits{})
	for key, want := range map[string]int{secretKey: 60, liveKey: 600} {
		if taken, _ := takes(2_000, func() *answered { return l.read(key) }); taken != want {
			t.Errorf("%d were taken, want %d", taken, want)
		}
	}
	l = newLimited(t, gate.Limits{PerTestKey: -1})
	if taken, _ := takes(2_000, func() *answered { return l.read(secretKey) }); taken != 2_000 {
		t.Errorf("without a limit %d were taken", taken)
	}
}

// TestClockGoesBack: that is no way to get more.
func TestClockGoesBack(t *testing.T) {
	l := newLimited(t, gate.Limits{PerTestKey: 5})
	read := func() *answered { return l.read(secretKey) }
	takes(9, read)
	l.at = l.at.Add(-time.Hour)
	if taken, _ := takes(9, read); taken != 0 {
		t.Errorf("%d were taken", taken)
	}
}
