package acquirer

import (
	"strings"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// judge makes of an 0110 or 0210 what became of the message that was sent. Approved needs more than a code that
// says so: the answer must be about what was asked. What the issuer approved but we refuse is Unwanted and
// will be reversed.
func judge(sent, got message, brand card.Brand) payment.Answer {
	if sent.fields[25] == accountStatus {
		return judgeVerification(sent, got, brand)
	}
	a := payment.Answer{Outcome: payment.Declined, Authorization: authorization(got, brand)}
	a.Failure = meaning(brand, a.Authorization.ResponseCode).failure
	mismatch := a.Authorization.CVNResult == "N"

	switch approval := approves(got); {
	case !echoes(sent, got), approval == inPart, approval == inFull && got.fields[38] == "":
		a.Outcome, a.Failure = payment.Unwanted, payment.ProcessorError
	case approval == tooLate:
		a.Outcome = payment.Unwanted // the issuer may have approved it after the host stopped waiting
	case approval == inFull && mismatch:
		a.Outcome, a.Failure = payment.Unwanted, payment.InvalidCVN
	case approval == inFull:
		a.Outcome = payment.Approved
	case mismatch:
		a.Failure = payment.InvalidCVN
	case a.Failure == "": // 85 approves a verification, and nobody asked for one
		a.Failure = payment.ProcessorError
	default:
		a.StepUp = softDeclines[network{brand, got.fields[39]}]
	}
	return a
}

// judgeVerification is judge for a message that moves no money: there is nothing to take back, so what we
// refuse is declined. An issuer that finds no fault says 85, or 00, and need not give a DE38.
func judgeVerification(sent, got message, brand card.Brand) payment.Answer {
	a := payment.Answer{Outcome: payment.Declined, Authorization: authorization(got, brand)}
	a.Failure = meaning(brand, a.Authorization.ResponseCode).failure
	good := approves(got) == inFull || got.fields[39] == "85"
	switch {
	case !echoes(sent, got):
		a.Failure = payment.ProcessorError
	case a.Authorization.CVNResult == "N":
		a.Failure = payment.InvalidCVN
	case good:
		a.Outcome, a.Failure = payment.Approved, ""
	default:
		a.StepUp = softDeclines[network{brand, got.fields[39]}]
	}
	return a
}

// judgeLate is judge for an answer that nobody waits for any more, against what was committed of its
// message. The PAN is not in a trace, so one that is echoed is not compared.
func judgeLate(sent payment.Trace, got message) payment.Answer {
	return judge(message{sent.MTI, map[int]string{
		3: sent.ProcessingCode, 4: sent.Amount, 7: sent.Transmitted, 11: sent.STAN, 25: sent.Condition, 32: sent.Acquirer,
		37: sent.RRN, 41: sent.Terminal, 49: sent.Currency,
	}}, got, "")
}

// approval says what DE39 says about money.
type approval int

const (
	none    approval = iota
	inFull           // held or taken as asked
	inPart           // less than asked (10)
	tooLate          // the host gave up waiting for the issuer (68)
)

// money says whether anything may be held at the issuer.
func (a approval) money() bool { return a == inFull || a == inPart }

func approves(got message) approval {
	switch got.fields[39] {
	case "00", "08", "11":
		return inFull
	case "10":
		return inPart
	case "68":
		return tooLate
	}
	return none
}

// echoes says whether an answer repeats what was sent: amount and currency, the message's identity, and the
// PAN if the host sends it back. DE33 and DE42 identify nothing and a host may write its own.
func echoes(sent, got message) bool {
	for _, number := range []int{3, 4, 7, 11, 32, 37, 41, 49} {
		if got.fields[number] != sent.fields[number] {
			return false
		}
	}
	echoed, given := got.fields[2]
	pan, known := sent.fields[2]
	return !given || !known || echoed == pan
}

// authorization reads what the API shows as authorization_data.
func authorization(got message, brand card.Brand) payment.Authorization {
	tags, _ := parseTags(got.fields[48]) // checked when it was unpacked
	return payment.Authorization{
		AuthorizationCode:    strings.TrimRight(got.fields[38], " "),
		ResponseCode:         got.fields[39],
		ResponseDescriptor:   meaning(brand, got.fields[39]).descriptor,
		RRN:                  got.fields[37],
		NetworkTransactionID: strings.TrimRight(got.fields[62], " "),
		AcquirerMerchantID:   strings.TrimRight(got.fields[42], " "),
		ReconciliationID:     strings.TrimRight(got.fields[63], " "),
		CVNResult:            result(got.fields[44], positionCVN),
		AVSResult:            addressResult(result(got.fields[44], positionAVS)),
		AdviceCode:           tags[tagAdvice],
	}
}

// addressResult puts the networks' letters for a full match and for none into the API's two; a partial
// match, or no answer, stays the network's letter, because the API has no word for it.
func addressResult(letter string) string {
	switch letter {
	case "X", "Y", "D", "F", "M":
		return "M"
	case "N", "C":
		return "N"
	}
	return letter
}
