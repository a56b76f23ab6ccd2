package simulator

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// rrn is DE37: last digit of the year, day of the year, hour, six characters of base 36.
var rrn = regexp.MustCompile(`^[0-9]([0-2][0-9]{2}|3[0-6][0-9])([01][0-9]|2[0-3])[0-9A-Z]{6}$`)

// checkCommon judges what authorisations and advices share.
func checkCommon(m message) error {
	for id, layout := range map[int]string{7: "0102150405", 12: "150405", 13: "0102"} {
		text := m.fields[id]
		if id != 12 { // a year in which every day exists
			text, layout = "2024"+text, "2006"+layout
		}
		if _, err := time.Parse(layout, text); err != nil {
			return fmt.Errorf("DE%d is no time", id)
		}
	}
	verification, zero := m.fields[25] == "51", strings.Trim(m.fields[4], "0") == ""
	switch {
	case len(m.fields[2]) < 12:
		return errors.New("DE2: wrong length")
	case m.fields[3] != "000000" && (m.fields[3] != "200000" || m.mti[:3] != "022"):
		return errors.New("DE3 is not of this message")
	case verification && m.mti != "0100":
		return errors.New("DE25 of a verification in a message that is none")
	case !verification && m.fields[25] != "59":
		return errors.New("DE25 is not electronic commerce")
	case verification && !zero:
		return errors.New("DE4 of a verification is not zero")
	case !verification && zero:
		return errors.New("DE4 is zero")
	case !rrn.MatchString(m.fields[37]):
		return errors.New("DE37 is not made as the profile says")
	case strings.TrimSpace(m.fields[41]) == "" || strings.TrimSpace(m.fields[42]) == "":
		return errors.New("DE41 or DE42 is blank")
	}
	if _, known := currencies[m.fields[49]]; !known {
		return errors.New("DE49 is no currency")
	}
	return nil
}

// checkAuthorisation judges the content of an 0100 or 0200 whose layout is right.
func checkAuthorisation(m message) error {
	if err := checkCommon(m); err != nil {
		return err
	}
	if _, err := time.Parse("0601", m.fields[14]); err != nil {
		return errors.New("DE14 is no month")
	}
	tags, err := parseTags(m.fields[48])
	if err != nil {
		return fmt.Errorf("DE48: %w", err)
	}
	if err := checkCredential(tags, m.fields[22]); err != nil {
		return err
	}
	return checkTags(tags, m.fields[2])
}

// checkCredential judges what is said of a card on file. Without a word about one the card is used
// once, and was typed; so it was when it is put on file.
func checkCredential(tags map[string]string, entry string) error {
	indicator, onFile := tags["22"]
	first, hasFirst := tags["63"]
	_, hasCVN := tags["92"]
	merchant := indicator == "M101" || indicator == "M102"
	switch {
	case entry != "012" && entry != "102":
		return errors.New("DE22 is neither typed nor on file")
	case onFile && !merchant && indicator != "C101" && indicator != "C102":
		return errors.New("DE48 tag 22 is no indicator")
	case entry == "102" && !onFile:
		return errors.New("DE22 is on file and DE48 tag 22 is missing")
	case entry == "012" && merchant:
		return errors.New("DE22 is typed in a payment that the merchant begins")
	case entry == "012" && hasFirst:
		return errors.New("DE48 tag 63 before the first use")
	case hasFirst && !idShape.MatchString(first):
		return errors.New("DE48 tag 63 is no network transaction id")
	case merchant && !hasFirst:
		return errors.New("DE48 tag 63 is missing in a payment that the merchant begins")
	case merchant && hasCVN:
		return errors.New("DE48 tag 92 in a payment that the merchant begins")
	}
	return nil
}

// checkAdvice judges the content of an 0220, 0420 or a repeat whose layout is right.
func checkAdvice(m message) error {
	if err := checkCommon(m); err != nil {
		return err
	}
	original, hold := m.fields[90], m.fields[90][:4] == "0100"
	stays, release := m.fields[95]
	capture := m.mti[1] == '2' && m.fields[3] == "000000"
	switch {
	case !hold && original[:4] != "0200":
		return errors.New("DE90 names neither an authorisation nor a purchase")
	case !hold && (capture || release):
		return errors.New("DE90 names no authorisation")
	case original[20:31] != strings.Repeat("0", 11-len(m.fields[32]))+m.fields[32]:
		return errors.New("DE90 names another acquirer than DE32")
	case original[31:] != strings.Repeat("0", 11-len(m.fields[33]))+m.fields[33]:
		return errors.New("DE90 names another forwarder than DE33")
	case original[10:20] == m.fields[7] && original[4:10] == m.fields[11]:
		return errors.New("DE7 and DE11 are the original's")
	case release && strings.Trim(stays[12:], "0") != "":
		return errors.New("DE95 says more than how much stays")
	case release && stays[:12] >= m.fields[4]:
		return errors.New("DE95 leaves nothing to give back")
	}
	return nil
}

// parseTags reads DE48: tag (2), length (2 digits), value, nothing left over, no tag twice.
func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for len(text) > 0 {
		if len(text) < 4 || !num.holds(text[:4]) {
			return nil, errors.New("no tag and length")
		}
		tag, size := text[:2], int(text[2]-'0')*10+int(text[3]-'0')
		text = text[4:]
		if len(text) < size {
			return nil, fmt.Errorf("tag %s is cut off", tag)
		}
		if _, twice := tags[tag]; twice {
			return nil, fmt.Errorf("tag %s twice", tag)
		}
		tags[tag], text = text[:size], text[size:]
	}
	return tags, nil
}

var (
	idShape   = regexp.MustCompile(`^[A-Za-z0-9]{1,15}$`)
	eciShape  = regexp.MustCompile(`^(0[0-7]|N[02])$`)
	avShape   = regexp.MustCompile(`^[A-Za-z0-9+/]{27}[A-Za-z0-9+/=]$`)
	dsIDShape = regexp.MustCompile(`^2[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

// checkTags judges the rest of the private data of an authorisation.
func checkTags(tags map[string]string, pan string) error {
	value, authenticated := tags["43"]
	cvn, hasCVN := tags["92"]
	size := 3
	if r, ok := rangeOf(pan); ok {
		size = schemes[r.scheme].cvnSize
	}
	eci, hasECI := tags["42"]
	id, hasID := tags["66"]
	known := 0
	for _, tag := range []string{"22", "42", "43", "63", "66", "92"} {
		if _, ok := tags[tag]; ok {
			known++
		}
	}
	switch {
	case known != len(tags):
		return errors.New("DE48 has an unknown tag")
	case hasECI && !eciShape.MatchString(eci):
		return errors.New("DE48 tag 42 is no ECI")
	case authenticated && !avShape.MatchString(value):
		return errors.New("DE48 tag 43 is no authentication value")
	case hasID && !dsIDShape.MatchString(id):
		return errors.New("DE48 tag 66 is no protocol and transaction id")
	case authenticated && (!hasECI || !hasID):
		return errors.New("DE48 tag 43 needs tags 42 and 66")
	case hasCVN && (len(cvn) != size || !num.holds(cvn)):
		return errors.New("DE48 tag 92 is no CVN of this card")
	}
	return nil
}
