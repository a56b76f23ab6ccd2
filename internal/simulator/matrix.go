package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// A card of the matrix says by its digits what becomes of an authentication: behind one of these prefixes come V,
// M, A, C and the check digit. V and M are facts of a card range, so each pair of them is a range of its own;
// A and C are what the bank does with the single card. The idea is 3dsecure.io's. No issuer has these numbers: the
// prefixes lie in ranges that are published for tests.
var prefixes = []struct{ scheme, digits string }{
	{"visa", "40000000990"},
	{"mastercard", "52000000990"},
	{"amex", "3400000099"},
	{"jcb", "33370000990"},
}

// versionDigits are V: what the card range says the bank's ACS speaks, and what it does speak. An AReq in a version
// that it does not is answered with Erro 102.
var versionDigits = []struct {
	says, speaks []string
	then         string
}{
	{versions, versions, "2.1.0, 2.2.0 and 2.3.1"},
	{versions[:1], versions[:1], "2.1.0"},
	{versions[1:2], versions[1:2], "2.2.0"},
	{versions[2:], versions[2:], "2.3.1"},
	{versions, versions[:2], "2.1.0 and 2.2.0; its card range says 2.3.1, too"},
	{versions[:2], versions[:1], "2.1.0; its card range says 2.2.0, too"},
	{versions, versions[:1], "2.1.0; its card range says 2.2.0 and 2.3.1, too, so that one step down is not enough"},
}

// methodDigits are M: where the 3DS Method of the card range runs.
var methodDigits = []struct{ path, then string }{
	{methodPath, "answers at once"},
	{"", "there is none"},
	{methodNever, "never answers"},
	{methodSlow, "answers after 12 s, which is too late"},
}

// answerDigits are A: the transStatus of the ARes.
var answerDigits = []struct{ status, then string }{
	{"Y", "Y: authenticated"},
	{"N", "N, reason 01, with words for the payer (cardholderInfo)"},
	{"A", "A: attempted, with an authentication value"},
	{"R", "R, reason 11: rejected, not to be authorised"},
	{"I", "I: for information only, whether or not that was asked for; 2.1.0 has no such answer"},
	{"U", "U, reason 13: not possible"},
	{noAnswer, "none: the directory server never answers"},
	{"C", "C: the payer is asked, as C says"},
	{"D", "D: decoupled, which nobody asked for; 2.1.0 has no such answer"},
	{bareY, "Y without an authentication value, which a payment must not have"},
}

// What an ARes digit may be besides a transStatus.
const (
	noAnswer = "none"
	bareY    = "bare Y"
)

// challengeDigits are C: the page that the payer meets.
var challengeDigits = []struct {
	page page
	then string
}{
	{pagePasses, "none: the challenge succeeds by itself"},
	{pageFails, "none: the challenge fails by itself"},
	{pageOTP, "the page that asks for a one-time code"},
	{pageChooser, "the page on which the result is chosen"},
	{pageTop, "the page that asks for a one-time code, and leaves its frame with the answer"},
	{pageCookies, "the page that asks for a one-time code, and works only where the browser keeps the bank's cookies"},
}

// page is what the bank's ACS shows to a payer whom it challenges.
type page int

const (
	pageOTP page = iota
	pagePasses
	pageFails
	pageChooser
	pageTop
	pageCookies
)

// enrolment is what a card range says of the ACS behind it, and what that speaks.
type enrolment struct {
	says, speaks []string // protocol versions, oldest first
	method       string   // path of the 3DS Method at the ACS; empty: none
}

// course is what the ACS does with an AReq about a card.
type course struct {
	status string // transStatus, noAnswer or bareY
	page   page   // of a challenge
}

// drawn is what the digits of a card of the matrix say.
func drawn(pan string) (e enrolment, c course, ok bool) {
	for _, p := range prefixes {
		rest, found := strings.CutPrefix(pan, p.digits)
		if !found || len(rest) != 5 || !num.holds(rest) {
			continue
		}
		v, m, a, ch := rest[0]-'0', rest[1]-'0', rest[2]-'0', rest[3]-'0'
		if int(v) >= len(versionDigits) || int(m) >= len(methodDigits) {
			return e, c, false
		}
		e = enrolment{says: versionDigits[v].says, speaks: versionDigits[v].speaks, method: methodDigits[m].path}
		c.status = answerDigits[a].status
		if int(ch) < len(challengeDigits) {
			c.page = challengeDigits[ch].page
		}
		return e, c, true
	}
	return e, c, false
}

// enrolmentOf is what the directory server knows of a card that a range of ours has.
func enrolmentOf(pan string) enrolment {
	if e, _, ok := drawn(pan); ok {
		return e
	}
	r, _ := rangeOf(pan)
	return r.enrolment()
}

func (r cardRange) enrolment() enrolment {
	e := enrolment{says: versions[:2], speaks: versions[:2]}
	if r.newest {
		e.says, e.speaks = versions, versions
	}
	if !r.noMethod {
		e.method = methodPath
	}
	return e
}

// NumberFor makes the number of a card of the matrix: scheme is visa, mastercard, amex or jcb, and digits are V, M, A
// and C. It is false where there is no such card.
func NumberFor(scheme, digits string) (pan string, ok bool) {
	for _, p := range prefixes {
		if p.scheme != scheme || len(digits) != 4 || !num.holds(digits) {
			continue
		}
		for check := range 10 {
			pan = p.digits + digits + strconv.Itoa(check)
			if luhn(pan) {
				break
			}
		}
		_, _, ok = drawn(pan)
		return pan, ok && int(digits[3]-'0') < len(challengeDigits)
	}
	return "", false
}

// enrolled is one row of the directory's card range data.
type enrolled struct {
	scheme   string
	low, end string // first and last PAN, of the same length
	enrolment
}

// enrolledRanges are all rows: those of the matrix, and around them those of whole schemes, as no two may overlap (EMV 3DS
// 2.3.1 table A.4, code 205).
func enrolledRanges() (rows []enrolled) {
	var blocks []enrolled // of the matrix; those of a scheme in their order
	for _, p := range prefixes {
		for v, version := range versionDigits {
			for m, method := range methodDigits {
				block := p.digits + strconv.Itoa(v) + strconv.Itoa(m)
				blocks = append(blocks, enrolled{p.scheme, block + "000", block + "999", enrolment{version.says, version.speaks, method.path}})
			}
		}
	}
	for _, r := range cardRanges {
		low := r.low
		for _, b := range blocks {
			if len(b.low) != len(low) || b.low < low || b.end > r.end {
				continue
			}
			if low < b.low {
				rows = append(rows, enrolled{r.scheme, low, beside(b.low, -1), r.enrolment()})
			}
			low = beside(b.end, 1)
		}
		rows = append(rows, enrolled{r.scheme, low, r.end, r.enrolment()})
	}
	return append(rows, blocks...)
}

// beside is the number so far from a card number, of as many digits.
func beside(pan string, by int64) string {
	n, _ := strconv.ParseInt(pan, 10, 64) // 19 digits of a visa card fit
	return strconv.FormatInt(n+by, 10)
}

// ready are numbers of the matrix to begin with, for whom four digits are too many.
var ready = []struct{ scheme, digits, then string }{
	{"visa", "0073", "you choose the result"},
	{"mastercard", "0073", "you choose the result"},
	{"amex", "0073", "you choose the result"},
	{"jcb", "0073", "you choose the result"},
	{"visa", "3000", "frictionless in 2.3.1"},
	{"visa", "3072", "challenge in 2.3.1"},
	{"visa", "1172", "challenge in 2.1.0, and no 3DS Method"},
	{"visa", "4000", "the bank refuses 2.3.1 (Erro 102)"},
	{"mastercard", "0020", "attempted (A)"},
	{"mastercard", "0010", "refused, and the bank has words for the payer"},
	{"mastercard", "0050", "not possible (U)"},
	{"visa", "0200", "the 3DS Method never answers: the payer waits for ten seconds"},
	{"visa", "0060", "the directory server never answers"},
	{"visa", "0074", "the bank's page leaves its frame"},
}

// matrixScenarios documents the matrix, a kind for each table.
func matrixScenarios() (all []Scenario) {
	for _, p := range prefixes {
		all = append(all, Scenario{"prefix", p.digits + "VMAC", p.scheme})
	}
	row := func(kind string, digit int, then string) {
		all = append(all, Scenario{kind, strconv.Itoa(digit), then})
	}
	for digit, d := range versionDigits {
		row("V", digit, d.then)
	}
	for digit, d := range methodDigits {
		row("M", digit, d.then)
	}
	for digit, d := range answerDigits {
		row("A", digit, d.then)
	}
	for digit, d := range challengeDigits {
		row("C", digit, d.then)
	}
	for _, r := range ready {
		pan, _ := NumberFor(r.scheme, r.digits)
		all = append(all, Scenario{"number", pan, r.then})
	}
	return all
}

// getCards answers with the numbers that have four digits (?digits=VMAC), one for each scheme.
func (w *World) getCards(rw http.ResponseWriter, r *http.Request) {
	type numbered struct {
		Scheme string `json:"scheme"`
		Number string `json:"number"`
	}
	found := []numbered{}
	for _, p := range prefixes {
		if pan, ok := NumberFor(p.scheme, r.URL.Query().Get("digits")); ok {
			found = append(found, numbered{p.scheme, pan})
		}
	}
	if len(found) == 0 {
		http.Error(rw, "digits are V, M, A and C of a card, as in ?digits=0073", http.StatusBadRequest)
		return
	}
	writeJSON(rw, map[string]any{"cards": found})
}

// courseOf decides about one AReq. A challenge that is mandated (threeDSRequestorChallengeInd 04) overrules what needs
// none, and never a refusal.
func courseOf(pan, amount, currency string, mandated bool) course {
	_, c, ok := drawn(pan)
	if !ok {
		c = published(pan, amount, currency)
	}
	if mandated && slices.Contains([]string{"Y", "A", "I", bareY}, c.status) {
		c.status = "C"
	}
	return c
}
