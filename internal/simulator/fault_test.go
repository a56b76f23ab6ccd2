package simulator

import (
	"slices"
	"strings"
	"testing"
)

// meet lets a fault meet messages, and says which of them it happened to, and as what.
func meet(f Fault, on occasion, messages ...subject) (happened []string) {
	knob := &f
	if err := knob.check(on); err != nil {
		return []string{err.Error()}
	}
	for _, about := range messages {
		happened = append(happened, take(&knob, on, about).Behaviour)
	}
	return happened
}

func count(happened []string, behaviour string) (n int) {
	for _, b := range happened {
		if b == behaviour {
			n++
		}
	}
	return n
}

func TestFaultHappensSoOften(t *testing.T) {
	many := make([]subject, 10_000)
	for name, c := range map[string]struct {
		fault    Fault
		min, max int
	}{
		"once":            {Fault{Behaviour: "lost"}, 1, 1},
		"three times":     {Fault{Behaviour: "lost", Times: 3}, 3, 3},
		"one in twenty":   {Fault{Behaviour: "lost", Chance: 0.05, Seed: 7}, 400, 600},
		"without a seed":  {Fault{Behaviour: "lost", Chance: 0.05}, 400, 600},
		"twice by chance": {Fault{Behaviour: "lost", Chance: 0.05, Times: 2}, 2, 2},
		"surely":          {Fault{Behaviour: "lost", Chance: 1}, len(many), len(many)},
	} {
		happened := meet(c.fault, onAcquirer, many...)
		if n := count(happened, "lost"); n < c.min || n > c.max {
			t.Errorf("%s: %d of %d", name, n, len(many))
		}
		if !slices.Equal(happened, meet(c.fault, onAcquirer, many...)) {
			t.Errorf("%s: another run is another", name)
		}
	}
	one, other := Fault{Behaviour: "lost", Chance: 0.5, Seed: 1}, Fault{Behaviour: "lost", Chance: 0.5, Seed: 2}
	if slices.Equal(meet(one, onAcquirer, many...), meet(other, onAcquirer, many...)) {
		t.Error("two seeds are one")
	}
}

func TestFaultOfAnyKind(t *testing.T) {
	many := make([]subject, 10_000)
	for _, c := range []struct {
		on      occasion
		fault   Fault
		without []string
	}{
		{onAcquirer, Fault{Chance: 1}, []string{"any", "half_open", "stall", "late", "decline"}},
		{onAcquirer, Fault{Chance: 1, DelayMS: 5, Code: "05"}, []string{"any", "half_open", "stall"}},
		{onAdvice, Fault{Chance: 1, DelayMS: 5}, []string{"any", "half_open", "stall", "decline"}},
		{onAReq, Fault{Chance: 1}, []string{"any", "late"}},
		{onDelivery, Fault{Chance: 1}, []string{"any", "late", "drip"}},
	} {
		c.fault.Behaviour = "any"
		happened := meet(c.fault, c.on, many...)
		for _, b := range behavioursOf(c.on) {
			if n := count(happened, b); (n > 0) == slices.Contains(c.without, b) {
				t.Errorf("%s %+v: %s happened %d times", c.on, c.fault, b, n)
			}
		}
	}
}

func TestFaultPicksItsMessages(t *testing.T) {
	mine := subject{mti: "0200", amount: 1000, rrn: "632708000001", card: "1091", merchant: "MERCHANT0000001"}
	event := subject{event: "payment.capture"}
	for _, c := range []struct {
		on    occasion
		only  Only
		about subject
		fits  bool
	}{
		{onAcquirer, Only{}, mine, true},
		{onAcquirer, Only{MTI: "0200", Amount: 1000, RRN: "632708000001", Card: "1091", Merchant: "MERCHANT0000001"}, mine, true},
		{onAcquirer, Only{MTI: "0100"}, mine, false},
		{onAcquirer, Only{Amount: 1001}, mine, false},
		{onAcquirer, Only{RRN: "632708000002"}, mine, false},
		{onAcquirer, Only{Card: "1092"}, mine, false},
		{onAcquirer, Only{Merchant: "MERCHANT0000002"}, mine, false},
		{onDelivery, Only{Event: "payment.capture"}, event, true},
		{onDelivery, Only{Event: "payment.failure"}, event, false},
	} {
		f := Fault{Behaviour: behavioursOf(c.on)[1], Only: c.only}
		if fits := meet(f, c.on, c.about)[0] == f.Behaviour; fits != c.fits {
			t.Errorf("%s %+v: %t", c.on, c.only, fits)
		}
	}
}

func TestImpossibleFaults(t *testing.T) {
	for _, c := range []struct {
		on    occasion
		fault Fault
		want  string
	}{
		{onAcquirer, Fault{Behaviour: "gone"}, "unknown behaviour"},
		{onAcquirer, Fault{Behaviour: "stall"}, "delay_ms"},
		{onAcquirer, Fault{Behaviour: "lost", DelayMS: 1}, "delay_ms"},
		{onAcquirer, Fault{Behaviour: "any", DelayMS: -1}, "delay_ms"},
		{onAcquirer, Fault{Behaviour: "lost", Reversals: 1}, "reversals"},
		{onAcquirer, Fault{Behaviour: "after_reversal", Reversals: -1}, "reversals"},
		{onAcquirer, Fault{Behaviour: "lost", Times: -1}, "times"},
		{onAcquirer, Fault{Behaviour: "lost", Chance: 1.5}, "chance"},
		{onAcquirer, Fault{Behaviour: "lost", Chance: -0.5}, "chance"},
		{onAcquirer, Fault{Behaviour: "lost", Seed: 3}, "seed"},
		{onAcquirer, Fault{Behaviour: "lost", Only: Only{Event: "payment.capture"}}, "only"},
		{onAdvice, Fault{Behaviour: "decline", Code: "05", AdviceCode: "03"}, "advice_code"},
		{onSignOn, Fault{Behaviour: "silence", Only: Only{MTI: "0800"}}, "only"},
		{onAReq, Fault{Behaviour: "error", Only: Only{RRN: "632708000001"}}, "only"},
		{onDelivery, Fault{Behaviour: "drip"}, "delay_ms"},
		{onDelivery, Fault{Behaviour: "gone", Only: Only{Amount: 1}}, "only"},
	} {
		if err := c.fault.check(c.on); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: %v, want something about %s", c.on, c.fault, err, c.want)
		}
	}
	w := startWorld(t, nil)
	before := w.stage.knobs.now()
	for _, on := range occasions {
		if err := w.Turn(func(k *Knobs) { *k.at(on) = &Fault{Behaviour: "explode"} }); err == nil {
			t.Errorf("%s explodes", on)
		}
	}
	if after := w.stage.knobs.now(); after.NextAcquirer != before.NextAcquirer {
		t.Error("a setting that was refused is set")
	}
}

func TestTroubles(t *testing.T) {
	seen := map[int64]bool{}
	for _, all := range troubles() {
		if declineFor(all.hundredths, "360", "visa", false) != "" || seen[all.hundredths] {
			t.Errorf("%d means two things", all.hundredths)
		}
		seen[all.hundredths] = true
		for on, want := range all.faults {
			f := want
			if err := f.check(on); err != nil {
				t.Errorf("%d: %v", all.hundredths, err)
			}
			for currency, minor := range map[string]int64{"360": all.hundredths, "704": all.hundredths / 100, "048": all.hundredths * 10} {
				if got := troubleAt(on, subject{amount: minor, currency: currency, tries: 1}); got != want {
					t.Errorf("%s of %d in %s: %+v", on, all.hundredths, currency, got)
				}
			}
			if got := troubleAt(on, subject{amount: all.hundredths, currency: "360", tries: 3}); want.Times > 0 && got != (Fault{}) {
				t.Errorf("%s of %d: the third try meets %+v", on, all.hundredths, got)
			}
		}
	}
	if got := troubleAt(onDelivery, subject{event: "payment.capture"}); got != (Fault{}) {
		t.Errorf("a webhook has no amount, and meets %+v", got)
	}
}
