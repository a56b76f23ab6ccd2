package acquirer

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// Codes of network management (DE70).
const (
	signOn  = "001"
	signOff = "002"
	echo    = "301"
)

// purchaseCode is DE3 of what asks for a purchase, at once, later or only whether it could be.
const purchaseCode = "000000"

// Codes of DE25.
const (
	electronicCommerce = "59"
	accountStatus      = "51" // no payment: is the card good?
)

// buildAuthorisation makes an 0100 or 0200. The authentication is in it only as a whole and only where there
// was one; an ECI without its value would claim what nobody can check.
func buildAuthorisation(p Authorisation) (message, error) {
	m := fromTrace(p.Trace, p.PAN)
	tags, rule := credential(p)
	if rule != "" {
		return message{}, fault{p.Trace.MTI, 48, rule}
	}
	// Who only adds a card may be authenticated without a value (EMV 3DS 2.2, non-payment authentication).
	if p.Proof != nil && (p.Proof.Value != "" || p.Trace.Condition != accountStatus) {
		if p.Proof.ECI != "" { // optional in an ARes (EMV 3DS 2.2 table A.1)
			tags = append(tags, tag{tagECI, p.Proof.ECI})
		}
		tags = append(tags, tag{tagAuthentication, p.Proof.Value}, tag{tagThreeDS, "2" + p.Proof.DSTransID})
		if len(p.Proof.Value) != 28 || len(p.Proof.DSTransID) != 36 || p.Proof.ECI != "" && len(p.Proof.ECI) != 2 {
			return message{}, fault{p.Trace.MTI, 48, "authentication is not in its shape"}
		}
	}
	if !p.CVN.IsZero() {
		tags = append(tags, tag{tagCVN, string(p.CVN.Reveal())})
	}
	if !p.Expiry.IsZero() {
		m.fields[14] = p.Expiry.YYMM()
	}
	m.fields[22] = entryMode(p.OnFile)
	m.fields[43] = fill(p.Merchant.Name, 25) + fill(p.Merchant.City, 13) + p.Merchant.Country
	if len(tags) > 0 {
		m.fields[48] = formatTags(tags)
	}
	return m, nil
}

// fromTrace makes what authorisations and advices have in common, exactly as it was committed.
func fromTrace(t payment.Trace, pan card.PAN) message {
	return message{t.MTI, map[int]string{
		2: pan.Reveal(), 3: t.ProcessingCode, 4: t.Amount, 7: t.Transmitted, 11: t.STAN, 12: t.LocalTime,
		13: t.LocalDate, 18: t.Category, 19: t.Country, 25: t.Condition, 32: t.Acquirer, 33: t.Forwarder,
		37: t.RRN, 41: t.Terminal, 42: t.CardAcceptor, 49: t.Currency,
	}}
}

// buildNetwork makes an 0800.
func buildNetwork(code string, at time.Time, stan string) message {
	return message{"0800", map[int]string{7: transmitted(at), 11: stan, 70: code}}
}

// transmitted writes DE7.
func transmitted(at time.Time) string { return at.UTC().Format("0102150405") }

// fill cuts or fills a text to a fixed length. What is not printable ASCII loses its accents, or else
// becomes a question mark: names of people and places are not ASCII, DE43 is.
func fill(s string, length int) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case r >= 0x300 && r <= 0x36f: // the accents that NFKD took off
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		default:
			b.WriteByte('?')
		}
	}
	return fmt.Sprintf("%-*.*s", length, length, b.String())
}

// zeros fills a number on the left.
func zeros(s string, length int) string {
	return strings.Repeat("0", max(0, length-len(s))) + s
}
