package acquirer

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/card"
	"reprise/internal/payment"
)

func TestApproved(t *testing.T) {
	sent := sampleMessages(t)["0200"]
	got := answerTo(sent, map[int]string{
		2: sent.fields[2], 44: " X       M  2", 48: "XX011840203", 62: "016153570198200", 63: "7345007929096981703954",
	})
	want := payment.Answer{Outcome: payment.Approved, Authorization: payment.Authorization{
		AuthorizationCode: "831000", ResponseCode: "00", ResponseDescriptor: "Approved and completed successfully",
		RRN: "6044080000ZK", NetworkTransactionID: "016153570198200", AcquirerMerchantID: "MELATI01",
		ReconciliationID: "7345007929096981703954", CVNResult: "M", AVSResult: "M", AdviceCode: "03",
	}}
	if diff := cmp.Diff(want, judge(sent, got, card.Visa)); diff != "" {
		t.Error(diff)
	}

	// What the host does not send is absent, not guessed.
	bare := judge(sent, answerTo(sent, nil), card.Visa)
	want.Authorization = payment.Authorization{
		AuthorizationCode: "831000", ResponseCode: "00", ResponseDescriptor: "Approved and completed successfully",
		RRN: "6044080000ZK", AcquirerMerchantID: "MELATI01",
	}
	if diff := cmp.Diff(want, bare); diff != "" {
		t.Error(diff)
	}
}

// cvnMismatch is a DE44 with N in the CVN's place.
const cvnMismatch = "         N"

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		answer map[int]string
		brand  card.Brand
		want   payment.Outcome
		code   payment.FailureCode
	}{
		"00":                          {nil, card.Visa, payment.Approved, ""},
		"08":                          {map[int]string{39: "08"}, card.Visa, payment.Approved, ""},
		"11":                          {map[int]string{39: "11"}, card.Visa, payment.Approved, ""},
		"85 only verifies":            {map[int]string{39: "85"}, card.Visa, payment.Declined, payment.ProcessorError},
		"part of the amount":          {map[int]string{39: "10"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"host gave up":                {map[int]string{39: "68", 38: ""}, card.Visa, payment.Unwanted, payment.PartnerTimeout},
		"other amount":                {map[int]string{4: "000010000001"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"other currency":              {map[int]string{49: "840"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"other card":                  {map[int]string{2: "4000000000001000"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"same card":                   {map[int]string{2: "4000000000001091"}, card.Visa, payment.Approved, ""},
		"other terminal":              {map[int]string{41: "WEB00002"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"other acquirer":              {map[int]string{32: "400553"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"other RRN":                   {map[int]string{37: "6044080000ZL"}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"decline of another amount":   {map[int]string{4: "000010000001", 39: "05", 38: ""}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"approved without a code":     {map[int]string{38: ""}, card.Visa, payment.Unwanted, payment.ProcessorError},
		"approved, CVN wrong":         {map[int]string{44: cvnMismatch}, card.Visa, payment.Unwanted, payment.InvalidCVN},
		"approved, CVN not processed": {map[int]string{44: "         P"}, card.Visa, payment.Approved, ""},
		"declined, CVN wrong":         {map[int]string{39: "05", 38: "", 44: cvnMismatch}, card.Mastercard, payment.Declined, payment.InvalidCVN},
		"N7":                          {map[int]string{39: "N7", 38: ""}, card.Visa, payment.Declined, payment.InvalidCVN},
		"82":                          {map[int]string{39: "82", 38: ""}, card.Visa, payment.Declined, payment.InvalidCVN},
		"51":                          {map[int]string{39: "51", 38: ""}, card.Visa, payment.Declined, payment.InsufficientBalance},
		"65 Visa":                     {map[int]string{39: "65", 38: ""}, card.Visa, payment.Declined, payment.DeclinedByIssuer},
		"65 Mastercard":               {map[int]string{39: "65", 38: ""}, card.Mastercard, payment.Declined, payment.AuthenticationFailed},
		"nobody knows":                {map[int]string{39: "ZZ", 38: ""}, card.Visa, payment.Declined, payment.CardDeclined},
	} {
		sent := sampleMessages(t)["0200"]
		a := judge(sent, answerTo(sent, c.answer), c.brand)
		if a.Outcome != c.want || a.Failure != c.code {
			t.Errorf("%s: %s %s, want %s %s", name, a.Outcome, a.Failure, c.want, c.code)
		}
	}
}

// What comes late is judged as what comes in time, against what was committed of the purchase.
func TestJudgeLate(t *testing.T) {
	p := samplePurchase(t)
	sent := sampleMessages(t)["0200"]
	for name, c := range map[string]struct {
		answer map[int]string
		want   payment.Outcome
		code   payment.FailureCode
	}{
		"approved":                {nil, payment.Approved, ""},
		"in part":                 {map[int]string{39: "10"}, payment.Unwanted, payment.ProcessorError},
		"other amount":            {map[int]string{4: "000010000001"}, payment.Unwanted, payment.ProcessorError},
		"other currency":          {map[int]string{49: "840"}, payment.Unwanted, payment.ProcessorError},
		"approved without a code": {map[int]string{38: ""}, payment.Unwanted, payment.ProcessorError},
		"CVN wrong":               {map[int]string{44: cvnMismatch}, payment.Unwanted, payment.InvalidCVN},
		"card echoed":             {map[int]string{2: "4000000000001091"}, payment.Approved, ""},
	} {
		a := judgeLate(p.Trace, answerTo(sent, c.answer))
		if a.Outcome != c.want || a.Failure != c.code {
			t.Errorf("%s: %s %s, want %s %s", name, a.Outcome, a.Failure, c.want, c.code)
		}
	}
}

// TestSoftDeclines: which answers ask for the payer to be authenticated, by scheme.
func TestSoftDeclines(t *testing.T) {
	for name, c := range map[string]struct {
		answer map[int]string
		brand  card.Brand
		want   bool
	}{
		"1A, Visa":              {map[int]string{39: "1A", 38: ""}, card.Visa, true},
		"65, Mastercard":        {map[int]string{39: "65", 38: ""}, card.Mastercard, true},
		"65, Visa":              {map[int]string{39: "65", 38: ""}, card.Visa, false},
		"1A, Mastercard":        {map[int]string{39: "1A", 38: ""}, card.Mastercard, false},
		"1A, American Express":  {map[int]string{39: "1A", 38: ""}, card.Amex, false},
		"1A, and the CVN wrong": {map[int]string{39: "1A", 38: "", 44: cvnMismatch}, card.Visa, false},
		"1A, of another amount": {map[int]string{39: "1A", 38: "", 4: "000010000001"}, card.Visa, false},
		"51":                    {map[int]string{39: "51", 38: ""}, card.Visa, false},
		"00":                    {nil, card.Visa, false},
	} {
		sent := sampleMessages(t)["0200"]
		if a := judge(sent, answerTo(sent, c.answer), c.brand); a.StepUp != c.want || a.StepUp && a.Failure != payment.AuthenticationFailed {
			t.Errorf("%s: %+v", name, a)
		}
		if _, amount := c.answer[4]; amount {
			continue
		}
		sent = sampleMessages(t)["0100 verification"]
		if a := judge(sent, answerTo(sent, c.answer), c.brand); a.StepUp != c.want {
			t.Errorf("%s, of a verification: %+v", name, a)
		}
	}
}

// A verification moves no money: what is wrong with its answer fails it, and nothing is reversed.
func TestJudgeVerification(t *testing.T) {
	for name, c := range map[string]struct {
		answer map[int]string
		want   payment.Outcome
		code   payment.FailureCode
	}{
		"85":             {map[int]string{39: "85", 38: ""}, payment.Approved, ""},
		"00":             {map[int]string{38: ""}, payment.Approved, ""},
		"00 with a code": {nil, payment.Approved, ""},
		"CVN wrong":      {map[int]string{39: "85", 44: cvnMismatch}, payment.Declined, payment.InvalidCVN},
		"an amount":      {map[int]string{4: "000000000001"}, payment.Declined, payment.ProcessorError},
		"in part":        {map[int]string{39: "10"}, payment.Declined, payment.ProcessorError},
		"host gave up":   {map[int]string{39: "68", 38: ""}, payment.Declined, payment.PartnerTimeout},
		"stolen":         {map[int]string{39: "43", 38: ""}, payment.Declined, payment.StolenCard},
	} {
		sent := sampleMessages(t)["0100 verification"]
		a := judge(sent, answerTo(sent, c.answer), card.Visa)
		if a.Outcome != c.want || a.Failure != c.code {
			t.Errorf("%s: %s %s, want %s %s", name, a.Outcome, a.Failure, c.want, c.code)
		}
		trace := sampleHold()
		trace.Amount, trace.Condition = nothing, accountStatus
		if late := judgeLate(trace, answerTo(sent, c.answer)); late.Outcome != c.want {
			t.Errorf("%s, late: %s, want %s", name, late.Outcome, c.want)
		}
	}
}

func TestAddressResult(t *testing.T) {
	got := map[string]string{}
	for _, letter := range []string{"X", "Y", "D", "F", "M", "N", "C", "A", "Z", "U", ""} {
		got[letter] = addressResult(letter)
	}
	want := map[string]string{
		"X": "M", "Y": "M", "D": "M", "F": "M", "M": "M", "N": "N", "C": "N", "A": "A", "Z": "Z", "U": "U", "": "",
	}
	if !maps.Equal(want, got) {
		t.Error(cmp.Diff(want, got))
	}
}
