package threeds

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"reprise/internal/payment"
)

// describeCardholder puts what is known of the cardholder into an AReq: the more a bank knows, the less it asks
// (EMV 3DS 2.2 table A.1). All of it is optional, so what does not fit its rule is left out.
func describeCardholder(c payment.Cardholder, fields map[string]any, version string) {
	set := func(name string, value any) {
		if fits(version, name, value) {
			fields[name] = value
		}
	}
	set("cardholderName", latin(c.Name()))
	if since(version, "2.3.1") { // which takes a name as it is written
		set("cardholderName", strings.TrimSpace(c.Name()))
	}
	set("email", cmp.Or(c.Email, c.Billing.Email))
	if code, subscriber, ok := splitPhone(cmp.Or(c.Phone, c.Billing.Phone)); ok {
		set("mobilePhone", map[string]any{"cc": code, "subscriber": subscriber})
	}
	set("billAddrLine1", strings.TrimSpace(c.Billing.Street1))
	set("billAddrLine2", strings.TrimSpace(c.Billing.Street2))
	set("billAddrCity", strings.TrimSpace(c.Billing.City))
	set("billAddrPostCode", strings.TrimSpace(c.Billing.PostalCode))
	if country, err := numericCountry(c.Billing.Country); err == nil {
		set("billAddrCountry", country)
		set("billAddrState", subdivision(c.Billing.ProvinceState, c.Billing.Country)) // needs the country
	}
}

// fits says whether a value may stand in an AReq of a version.
func fits(version, field string, value any) bool {
	rules := tables[version]["AReq"]
	rule := rules[slices.IndexFunc(rules, func(r Rule) bool { return r.Field == field })]
	found := faults{ours: true}
	found.checkValue(rule, value, nil, Message{}, field)
	return found.clean()
}

// subdivision is the part of an ISO 3166-2 code after the country, "JK" of "ID-JK", or empty: people write names
// of provinces, and billAddrState has room for codes alone.
func subdivision(s, country string) string {
	s = strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(s)), strings.ToUpper(country)+"-")
	if strings.IndexFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') }) >= 0 {
		return ""
	}
	return s
}

// unaccented are Latin letters that no decomposition takes apart, as cards are embossed.
var unaccented = strings.NewReplacer("đ", "d", "Đ", "D", "ð", "d", "Ð", "D", "ł", "l", "Ł", "L", "ø", "o", "Ø", "O",
	"ı", "i", "ß", "ss", "æ", "ae", "Æ", "AE", "œ", "oe", "Œ", "OE", "þ", "th", "Þ", "TH", "’", "'")

// latin writes a name in the characters of EMV, as it stands on a card: without accents. What is of another
// script is not spelt in Latin letters by guess; it then fits no rule.
func latin(name string) string {
	bare := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(name))
	return strings.TrimSpace(unaccented.Replace(bare))
}
