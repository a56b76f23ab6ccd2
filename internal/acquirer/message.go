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

// Values that every message of a stored card at a shop on the internet has in common.
const (
	purchaseCode       = "000000" // DE3
	credentialOnFile   = "102"    // DE22: stored credential, no PIN entry
	electronicCommerce = "59"     // DE25
	// DE48 tag 22: the cardholder is here (C1) and pays once (01) with a card that is on file.
	cardholderInitiated = "C101"
)

// buildPurchase makes an 0200. The authentication is in it only as a whole and only where there was one;
// an ECI without its value would claim what nobody can check.
func buildPurchase(p Authorisation) (message, error) {
	m := fromTrace(p.Trace, p.PAN)
	tags := []tag{{tagStoredCredential, cardholderInitiated}}
	if p.Proof != nil {
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
	m.fields[22] = credentialOnFile
	m.fields[43] = fill(p.Merchant.Name, 25) + fill(p.Merchant.City, 13) + p.Merchant.Country
	m.fields[48] = formatTags(tags)
	return m, nil
}

// buildAdvice makes the 0420 of a reversal, or the 0421 that repeats it: equal in every field but the MTI.
func buildAdvice(r payment.Advice, pan card.PAN) message {
	reversal := fromTrace(r.Trace, pan)
	if r.Tries > 0 {
		reversal.mti = "0421"
	}
	if r.Code != "" {
		reversal.fields[38] = fill(r.Code, 6)
	}
	o := r.Original
	reversal.fields[90] = o.MTI + o.STAN + o.Transmitted + zeros(o.Acquirer, 11) + zeros(o.Forwarder, 11)
	return reversal
}

// fromTrace makes what purchases and reversals have in common, exactly as it was committed.
func fromTrace(t payment.Trace, pan card.PAN) message {
	return message{t.MTI, map[int]string{
		2: pan.Reveal(), 3: t.ProcessingCode, 4: t.Amount, 7: t.Transmitted, 11: t.STAN, 12: t.LocalTime,
		13: t.LocalDate, 18: t.Category, 19: t.Country, 25: electronicCommerce, 32: t.Acquirer, 33: t.Forwarder,
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
