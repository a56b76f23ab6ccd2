package acquirer

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Every kind of advice as it goes out, and its repeat, which differs in nothing but the MTI.
func TestAdviceFields(t *testing.T) {
	common := map[int]string{
		2: "4000000000001091", 3: "000000", 4: "000010000000", 7: "0213083005", 11: "000418", 12: "152931",
		13: "0213", 18: "5942", 19: "360", 25: "59", 32: "400552", 33: "200100", 37: "6044080000ZK", 38: "831000",
		41: "WEB00001", 42: "MELATI01       ", 49: "360",
	}
	const which = "000417" + "0213082931" + "00000400552" + "00000200100"
	m := sampleMessages(t)
	for name, its := range map[string]map[int]string{
		"0420":         {90: "0200" + which},
		"0420 release": {90: "0100" + which, 95: "000006000000" + strings.Repeat("0", 30)},
		"0220 capture": {4: "000006000000", 90: "0100" + which},
		"0220 refund":  {3: "200000", 4: "000002500000", 12: "153005", 90: "0200" + which},
	} {
		want := message{name[:4], maps.Clone(common)}
		maps.Copy(want.fields, its)
		if diff := cmpMessage(want, m[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		want.mti = name[:3] + "1"
		if diff := cmpMessage(want, m[want.mti+name[4:]]); diff != "" {
			t.Errorf("a repeat of %s differs in more than its MTI: %s", name, diff)
		}
	}
}

func TestAdviceRefuses(t *testing.T) {
	verification := sampleHold()
	verification.Condition, verification.Amount = "51", nothing
	broken := func(kind payment.AdviceKind, original payment.Trace, change func(*payment.Advice)) payment.Advice {
		a := sampleAdvice(kind, original)
		if change != nil {
			change(&a)
		}
		return a
	}
	for name, a := range map[string]payment.Advice{
		"capture of a purchase":      broken(payment.CaptureAdvice, sampleTrace, nil),
		"release of a purchase":      broken(payment.Release, sampleTrace, nil),
		"reversal of a verification": broken(payment.Reversal, verification, nil),
		"refund of a verification":   broken(payment.RefundAdvice, verification, nil),
		"refund of a refund":         broken(payment.RefundAdvice, sampleAdvice(payment.RefundAdvice, sampleTrace).Trace, nil),
		"no kind":                    broken(payment.Reversal, sampleTrace, func(a *payment.Advice) { a.Kind = "" }),
		"another kind's type":        broken(payment.CaptureAdvice, sampleHold(), func(a *payment.Advice) { a.Trace.MTI = "0420" }),
		"release without an amount":  broken(payment.Release, sampleHold(), func(a *payment.Advice) { a.Retained = "" }),
		"release of nothing":         broken(payment.Release, sampleHold(), func(a *payment.Advice) { a.Retained = sampleTrace.Amount }),
		"capture without a DE38":     broken(payment.CaptureAdvice, sampleHold(), func(a *payment.Advice) { a.Code = "" }),
	} {
		m, err := buildAdvice(a, sampleCard(t, "4000000000001091"))
		if err == nil {
			err = check(m)
		}
		if err == nil {
			t.Errorf("%s was made", name)
		}
	}
}

func TestJudgeAdvice(t *testing.T) {
	for name, c := range map[string]struct {
		answer map[int]string
		want   payment.Outcome
		code   payment.FailureCode
	}{
		"acknowledged":           {nil, payment.Approved, ""},
		"no such original":       {map[int]string{39: "25"}, payment.Declined, payment.ProcessorError},
		"refused":                {map[int]string{39: "61"}, payment.Declined, payment.InsufficientBalance},
		"approved in other ways": {map[int]string{39: "85"}, payment.Declined, payment.ProcessorError},
		"had it before":          {map[int]string{39: "94"}, payment.Unknown, ""},
		"other amount":           {map[int]string{4: "000010000001"}, payment.Unknown, ""},
		"other currency":         {map[int]string{49: "840"}, payment.Unknown, ""},
		"other work":             {map[int]string{3: "010000"}, payment.Unknown, ""},
	} {
		for _, mti := range []string{"0420", "0420 release", "0220 capture", "0221 refund"} {
			sent := sampleMessages(t)[mti]
			a := judgeAdvice(sent, answerTo(sent, c.answer), card.Visa)
			if a.Outcome != c.want || a.Failure != c.code {
				t.Errorf("%s of %s: %s %s, want %s %s", name, mti, a.Outcome, a.Failure, c.want, c.code)
			}
			if code := c.answer[39]; code != "" && a.Authorization.ResponseCode != code {
				t.Errorf("%s of %s: DE39 %q", name, mti, a.Authorization.ResponseCode)
			}
		}
	}
}

// What a host is told over the line, by kind and by how often it was tried.
func TestAdvise(t *testing.T) {
	var heard []string
	host := newHost(t, managed(func(p *peer, m message) bool {
		heard = append(heard, m.mti+" "+m.fields[3]+" "+m.fields[4])
		if m.mti == "0221" {
			p.send(answerTo(m, map[int]string{39: "N8"}))
			return true
		}
		return approving(p, m)
	}))
	l := startLine(t, host, nil)
	pan := sampleCard(t, "4000000000001091")
	again := sampleAdvice(payment.CaptureAdvice, sampleHold())
	again.Tries = 3
	var got []payment.Outcome
	for _, a := range []payment.Advice{
		sampleAdvice(payment.CaptureAdvice, sampleHold()), sampleAdvice(payment.RefundAdvice, sampleTrace),
		sampleAdvice(payment.Release, sampleHold()), again, {},
	} {
		got = append(got, l.Advise(t.Context(), a, pan).Outcome)
	}
	if diff := cmp.Diff([]payment.Outcome{payment.Approved, payment.Approved, payment.Approved, payment.Declined, payment.Unsent}, got); diff != "" {
		t.Error(diff)
	}
	want := []string{"0220 000000 000006000000", "0220 200000 000002500000", "0420 000000 000010000000", "0221 000000 000006000000"}
	if diff := cmp.Diff(want, heard); diff != "" {
		t.Error(diff)
	}
}
