package threeds

import (
	"encoding/base64"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Class is the kind of value that an element holds.
type Class string

const (
	Text         Class = "text"           // any characters, of which one is to be seen
	Name         Class = "printable text" // printable ASCII (EMV Book 4, annex B)
	Digits       Class = "digits"
	UUID         Class = "UUID" // RFC 9562, 36 characters
	URL          Class = "URL"  // absolute, http or https
	Email        Class = "email address"
	IP           Class = "IP address" // version 4 or 6
	Date         Class = "YYYYMMDD"
	Minute       Class = "YYYYMMDDHHMM"
	Second       Class = "YYYYMMDDHHMMSS" // UTC
	YearMon      Class = "YYMM"
	Offset       Class = "signed minutes" // of a time zone, positive west of UTC
	Proof        Class = "base64 of 20 or 21 bytes"
	Base64URL    Class = "base64url"
	Version      Class = "version"  // 2.2.0
	Country      Class = "country"  // ISO 3166-1, three digits
	Currency     Class = "currency" // ISO 4217, three digits
	Boolean      Class = "boolean"  // of JSON
	Object       Class = "object"
	TextOrObject Class = "text or object"
)

var (
	uuidForm      = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	offsetForm    = regexp.MustCompile(`^[+-]?[0-9]{1,4}$`)
	codeForm      = regexp.MustCompile(`^[0-9]{3}$`)
	longNumber    = regexp.MustCompile(`[0-9]([^0-9A-Za-z]{0,3}[0-9]){11,}`) // in groups, too
	base64URLForm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	versionForm   = regexp.MustCompile(`^[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{1,2}$`)
)

// layouts are those of package time for the classes that are dates.
var layouts = map[Class]string{Date: "20060102", Minute: "200601021504", Second: "20060102150405", YearMon: "0601"}

// admits says whether a text is of the class.
func (c Class) admits(s string) bool {
	switch c {
	case Text, TextOrObject:
		return !strings.ContainsRune(s, utf8.RuneError) && visible(s) // the rune is what JSON made of bytes that were not UTF-8
	case Name:
		return visible(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
	case Digits:
		return digits(s)
	case Country, Currency:
		return len(s) == 3 && digits(s)
	case UUID:
		return uuidForm.MatchString(s)
	case URL:
		return validURL(s)
	case Email:
		address, err := mail.ParseAddress(s)
		return err == nil && address.Address == s
	case IP:
		address, err := netip.ParseAddr(s)
		return err == nil && address.Zone() == ""
	case Date, Minute, Second, YearMon:
		_, err := time.Parse(layouts[c], s)
		return err == nil
	case Offset:
		return offsetForm.MatchString(s)
	case Proof:
		bytes, err := base64.StdEncoding.Strict().DecodeString(s) // one spelling of each value: it is used once
		return err == nil && (len(bytes) == 20 || len(bytes) == 21) && len(s) == 28
	case Base64URL:
		return base64URLForm.MatchString(s)
	case Version:
		return versionForm.MatchString(s)
	}
	return false
}

// visible says whether a text says anything: one of blanks does not, and control characters but those that end a line
// are of no language.
func visible(s string) bool {
	return strings.TrimSpace(s) != "" && strings.IndexFunc(s, strange) < 0
}

// strange are control characters that no text has.
func strange(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune("\t\r\n", r) }

// unassigned says whether a code has the form of one that ISO gives nobody, or to no country and no money (EMV 3DS table
// A.5). We send none; certified messages have some, so that to receive one is no fault.
func (c Class) unassigned(s string) bool {
	switch c {
	case Country:
		return s >= "901"
	case Currency:
		return s >= "955" && s <= "964" || s == "999"
	}
	return false
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && !strings.ContainsAny(s, " \"<>")
}

// printable cuts a text of a counterparty down to what can stand in our own messages and logs: what could be
// a card number cannot (PCI DSS 3.4.1).
func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	s = longNumber.ReplaceAllString(s, "#")
	return s[:min(len(s), most)]
}
