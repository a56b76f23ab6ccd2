package acquirer

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// FuzzJudge: whatever a host answers to which of our messages, approved is only what was asked for, to the last digit
// and for the same card; and where the host says that money is held and we do not approve, it is taken back.
func FuzzJudge(f *testing.F) {
	asked := sampleMessages(f)
	names := []string{"0200", "0100", "0100 verification"}
	for i, name := range names {
		for _, change := range []map[int]string{
			nil, {39: "10"}, {39: "51", 38: ""}, {39: "85", 38: ""}, {4: "000010000001"}, {49: "840"}, {2: "4000000000001091"}, {44: cvnMismatch}, {39: "68", 38: ""},
		} {
			f.Add(byte(i), mustEncode(f, answerTo(asked[name], change))[2:])
		}
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		name := names[int(which)%len(names)]
		sent := asked[name]
		got, err := decode(body)
		if err != nil || got.mti != answers[sent.mti] {
			return
		}
		verifies := name == "0100 verification"
		for _, brand := range []card.Brand{card.Visa, card.Mastercard, card.Amex, ""} {
			a := judge(sent, got, brand)
			if (a.Outcome == payment.Approved) != (a.Failure == "") {
				t.Fatalf("%s with the failure %q", a.Outcome, a.Failure)
			}
			code := got.fields[39]
			holds := code == "00" || code == "08" || code == "11" || code == "10"
			switch a.Outcome {
			case payment.Approved:
				for _, number := range []int{3, 4, 7, 11, 32, 37, 41, 49} {
					if got.fields[number] != sent.fields[number] {
						t.Fatalf("approved although DE%d is another", number)
					}
				}
				if pan, echoed := got.fields[2]; echoed && pan != sent.fields[2] {
					t.Fatal("approved for another card")
				}
				if code == "10" || !holds && !(verifies && code == "85") || a.Authorization.CVNResult == "N" {
					t.Fatalf("approved by the code %q, with the CVN found %q", code, a.Authorization.CVNResult)
				}
			case payment.Declined:
				if holds && !verifies {
					t.Fatal("money is held that nobody takes back")
				}
			case payment.Unwanted:
				if verifies {
					t.Fatal("there is nothing to take back")
				}
			default:
				t.Fatalf("an answer that means %s", a.Outcome)
			}
		}
	})
}

// pieces is a connection on which a host has sent all that it will ever send, in pieces of some size.
type pieces struct {
	net.Conn
	left []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.left[:min(p.size, len(p.left))])
	p.left = p.left[n:]
	return n, nil
}

func (p *pieces) Close() error { return nil }

// heard is what a line made of a stream.
type heard struct {
	unmatched, late, refused uint64
	answers                  []string // to the one message that is waited for
	end                      string
}

// FuzzFrames: a stream means the same in whatever pieces it comes, whoever waits is answered once, and nothing of
// it is logged.
func FuzzFrames(f *testing.F) {
	asked := sampleMessages(f)
	answer := mustEncode(f, answerTo(asked["0200"], nil))
	other := mustEncode(f, answerTo(asked["0100"], map[int]string{11: "000999"}))
	f.Add(slices.Concat(other, answer, answer), 1)
	f.Add(slices.Concat(answer[:20], other), 3)
	f.Add([]byte{0, 0}, 1)
	f.Add([]byte{0xff, 0xff, '0', '2', '1', '0'}, 2)
	f.Add(slices.Concat([]byte{0, 4}, []byte("0211"), answer), 5)
	f.Add(slices.Concat([]byte{8, 0}, answer, make([]byte, 3000)), 1000)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 || len(stream) > 1<<16 {
			return
		}
		hear := func(size int) heard {
			var log strings.Builder
			l, err := New(Options{
				Address: "127.0.0.1:1", Forwarder: "200100", AnswerTimeout: 1, Lease: (&counters{}).lease,
				Late: func(context.Context, string, func(payment.Trace) payment.Answer) error { return nil },
				Now:  func() time.Time { return sampleTime }, Rand: rand.Reader, Go: func(task func()) { task() },
				Timer: func(time.Duration) (<-chan time.Time, func() bool) { return nil, func() bool { return true } },
				Within: func(ctx context.Context, _ time.Duration) (context.Context, context.CancelFunc) {
					return context.WithCancel(ctx)
				},
				Dial: (&net.Dialer{}).DialContext, Log: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			k := &call{key: identity("0210", asked["0200"]), begun: true, done: make(chan reply, 2)}
			c := &conn{line: l, net: &pieces{left: stream, size: size}, dead: make(chan struct{}), pending: map[string]*call{k.key: k}}
			c.read()
			h := heard{unmatched: l.unmatched.Load(), late: l.late.Load(), refused: l.refused.Load(), end: c.cause().Error()}
			close(k.done)
			for r := range k.done {
				text := "none"
				if r.err == nil {
					text = r.got.mti
					for _, number := range slices.Sorted(maps.Keys(r.got.fields)) {
						text += "|" + r.got.fields[number]
					}
				}
				h.answers = append(h.answers, text)
			}
			if len(h.answers) != 1 {
				t.Fatalf("who waits is answered %d times", len(h.answers))
			}
			for i := range len(stream) - 12 { // no digits of a card, whatever the rest is
				if part := string(stream[i : i+12]); strings.Trim(part, "0123456789") == "" && strings.Contains(log.String(), part) {
					t.Fatal("what the host sent is logged")
				}
			}
			return h
		}
		whole := hear(len(stream) + 1)
		for _, size := range []int{size, 1} {
			if in := hear(size); in.end != whole.end || in.unmatched != whole.unmatched || in.late != whole.late || in.refused != whole.refused || !slices.Equal(in.answers, whole.answers) {
				t.Fatalf("in pieces of %d it is another stream:\n%+v\n%+v", size, in, whole)
			}
		}
	})
}
