package acquirer

import (
	"reprise/internal/card"
	"reprise/internal/payment"
)

// refundCode is DE3 of a refund. An advice about a hold has the code of its original.
const refundCode = "200000"

// adviceTypes are the message types of the advices: the first, and each that repeats it.
var adviceTypes = map[payment.AdviceKind]struct{ first, repeat string }{
	payment.Reversal:      {"0420", "0421"},
	payment.Release:       {"0420", "0421"},
	payment.CaptureAdvice: {"0220", "0221"},
	payment.RefundAdvice:  {"0220", "0221"},
}

// mayAdvise says whether an advice of a kind can be about an original, or else which rule it breaks. What a
// verification asked holds nothing; only a hold can be captured or released in part.
func mayAdvise(kind payment.AdviceKind, original payment.Trace) (rule string) {
	held := original.MTI == "0100" && original.Condition != accountStatus
	switch kind {
	case payment.Reversal, payment.RefundAdvice:
		if !held && original.MTI != "0200" {
			return "is about no purchase and no authorisation"
		}
	case payment.Release, payment.CaptureAdvice:
		if !held {
			return "is about no authorisation"
		}
	default:
		return "is of no kind that the profile knows"
	}
	return ""
}

// buildAdvice makes an 0220 or 0420, or the 0221 or 0421 that repeats it: equal in every field but the MTI.
func buildAdvice(a payment.Advice, pan card.PAN) (message, error) {
	m, o := fromTrace(a.Trace, pan), a.Original
	if rule := mayAdvise(a.Kind, o); rule != "" {
		return message{}, fault{m.mti, 90, rule}
	}
	types := adviceTypes[a.Kind]
	if m.mti != types.first {
		return message{}, fault{m.mti, 0, "is not the type of its kind of advice"}
	}
	if a.Tries > 0 {
		m.mti = types.repeat
	}
	if a.Code != "" {
		m.fields[38] = fill(a.Code, 6)
	}
	m.fields[90] = o.MTI + o.STAN + o.Transmitted + zeros(o.Acquirer, 11) + zeros(o.Forwarder, 11)
	if a.Kind == payment.Release {
		if len(a.Retained) != 12 || a.Retained >= o.Amount {
			return message{}, fault{m.mti, 95, "does not keep a part of the amount"}
		}
		m.fields[95] = a.Retained + zeros("", 30)
	}
	return m, nil
}

// judgeAdvice makes of an 0230 or 0430 what became of the advice that was sent. An answer about something else
// acknowledges nothing; nor does 94, which says that the host has had the message and not what it made of it:
// it is repeated, and a repeat gets the first answer.
func judgeAdvice(sent, got message, brand card.Brand) payment.Answer {
	a := payment.Answer{Outcome: payment.Declined, Authorization: authorization(got, brand)}
	switch code := a.Authorization.ResponseCode; {
	case !echoes(sent, got), code == "94":
		a.Outcome = payment.Unknown
	case code == "00":
		a.Outcome = payment.Approved
	default:
		if a.Failure = meaning(brand, code).failure; a.Failure == "" {
			a.Failure = payment.ProcessorError
		}
	}
	return a
}
