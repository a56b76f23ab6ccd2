package threeds

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// areqForm says what an AReq of ours looks like, written from the specification's data elements and apart
// from the rule tables: every element, and the form of its value as JSON.
var areqForm = map[string]string{
	"messageType":                       `"AReq"`,
	"messageVersion":                    `"2\.2\.0"`,
	"messageCategory":                   `"0[12]"`,
	"deviceChannel":                     `"02"`,
	"threeDSServerTransID":              `"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"`,
	"threeDSServerRefNumber":            `".{1,32}"`,
	"threeDSServerOperatorID":           `".{1,32}"`,
	"threeDSServerURL":                  `"https://[^"]+"`,
	"threeDSRequestorID":                `".{1,35}"`,
	"threeDSRequestorName":              `".{1,40}"`,
	"threeDSRequestorURL":               `"https://[^"]+"`,
	"threeDSRequestorAuthenticationInd": `"0[124]"`,
	"threeDSRequestorChallengeInd":      `"0[1-9]"`,
	"threeDSCompInd":                    `"[YNU]"`,
	"notificationURL":                   `"https://[^"]{1,248}"`,
	"acctNumber":                        `"[0-9]{13,19}"`,
	"cardExpiryDate":                    `"[0-9]{2}(0[1-9]|1[0-2])"`,
	"cardholderName":                    `"[ -~]{2,45}"`,
	"email":                             `"[^@" ]+@[^@" ]+"`,
	"mobilePhone":                       `{"cc":"[1-9][0-9]{0,2}","subscriber":"[0-9]{1,15}"}`,
	"billAddrLine1":                     `".{1,50}"`,
	"billAddrLine2":                     `".{1,50}"`,
	"billAddrCity":                      `".{1,50}"`,
	"billAddrPostCode":                  `".{1,16}"`,
	"billAddrState":                     `"[A-Z0-9]{1,3}"`,
	"billAddrCountry":                   `"[0-9]{3}"`,
	"acquirerBIN":                       `"[0-9]{1,11}"`,
	"acquirerMerchantID":                `".{1,35}"`,
	"mcc":                               `"[0-9]{4}"`,
	"merchantCountryCode":               `"[0-9]{3}"`,
	"merchantName":                      `".{1,40}"`,
	"purchaseAmount":                    `"[0-9]{1,48}"`,
	"purchaseCurrency":                  `"[0-9]{3}"`,
	"purchaseExponent":                  `"[0-9]"`,
	"purchaseDate":                      `"20[0-9]{2}(0[1-9]|1[0-2])[0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9]"`,
	"transType":                         `"01"`,
	"browserAcceptHeader":               `".+"`,
	"browserUserAgent":                  `".+"`,
	"browserLanguage":                   `"[A-Za-z0-9-]{1,8}"`,
	"browserJavascriptEnabled":          `true`,
	"browserJavaEnabled":                `(true|false)`,
	"browserColorDepth":                 `"(1|4|8|15|16|24|32|48)"`,
	"browserScreenHeight":               `"[0-9]{1,6}"`,
	"browserScreenWidth":                `"[0-9]{1,6}"`,
	"browserTZ":                         `"-?[0-9]{1,4}"`,
	"browserIP":                         `"[0-9a-f.:]{3,45}"`,
}

// areqRecurring has what the first payment of an agreement adds.
var areqRecurring = map[string]string{"recurringExpiry": `"20[0-9]{6}"`, "recurringFrequency": `"[1-9][0-9]{0,3}"`}

// areqPurchase are the elements of a purchase, which an AReq without a payment does not have.
var areqPurchase = []string{"purchaseAmount", "purchaseCurrency", "purchaseExponent", "purchaseDate", "transType"}

// areqLongest holds the lengths that are too long to count in a form.
var areqLongest = map[string]int{
	"threeDSServerURL": 2048, "threeDSRequestorURL": 2048, "browserAcceptHeader": 2048, "browserUserAgent": 2048,
}

// form checks an AReq against areqForm and returns the names of its elements.
func form(t *testing.T, m Message) []string {
	t.Helper()
	if err := m.ours(); err != nil {
		t.Errorf("by our own rules: %v", err)
	}
	text, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		want, ok := areqForm[name]
		if !ok {
			want, ok = areqRecurring[name]
		}
		if !ok {
			t.Errorf("%s is not wanted by anybody", name)
		} else if !regexp.MustCompile("^" + want + "$").Match(value) {
			t.Errorf("%s has not the form %s", name, want)
		}
		if most, ok := areqLongest[name]; ok && utf8.RuneCountInString(m.text(name)) > most {
			t.Errorf("%s is longer than %d", name, most)
		}
	}
	return slices.Sorted(maps.Keys(fields))
}

func TestAReq(t *testing.T) {
	d := newWorld(t).directories[0]
	m, err := d.areq(request(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(areqForm)), form(t, m)); diff != "" {
		t.Errorf("elements (-want +got):\n%s", diff)
	}
	for name, want := range map[string]any{
		"acctNumber": testPAN, "cardExpiryDate": "3012", "purchaseAmount": "10000000", "purchaseCurrency": "360",
		"purchaseExponent": "2", "purchaseDate": "20261123080405", "merchantCountryCode": "360", "browserTZ": "-420",
		"threeDSServerTransID": serverID, "threeDSRequestorURL": "https://toko.example", "messageCategory": "01",
		"threeDSRequestorAuthenticationInd": "01", "cardholderName": "SITI RAHAYU", "email": "siti@example.com",
		"billAddrLine1": "Jl. Sudirman 1", "billAddrLine2": "Lantai 3", "billAddrCity": "Jakarta", "billAddrPostCode": "10220",
		"billAddrState": "JK", "billAddrCountry": "360",
	} {
		if m.fields[name] != want {
			t.Errorf("%s is %v, want %v", name, m.fields[name], want)
		}
	}
	if diff := cmp.Diff(map[string]any{"cc": "62", "subscriber": "81234567890"}, m.fields["mobilePhone"]); diff != "" {
		t.Errorf("mobilePhone (-want +got):\n%s", diff)
	}
}

// TestAReqNonPayment: where a card is stored and nothing is paid, nothing is said of a purchase.
func TestAReqNonPayment(t *testing.T) {
	d := newWorld(t).directories[0]
	for _, version := range spoken {
		q := request(t)
		q.Authentication.Version, q.Authentication.NonPayment, q.Authentication.Amount = version, true, payment.Money{}
		q.OnFile = payment.CardOnFile{Type: payment.Recurring, Sequence: payment.Initial, Frequency: 30, Expiry: "2030-01-31"}
		m, err := d.areq(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.ours(); err != nil {
			t.Errorf("by our own rules: %v", err)
		}
		want := slices.DeleteFunc(slices.Sorted(maps.Keys(areqForm)), func(name string) bool {
			return slices.Contains(areqPurchase, name) || version == "2.1.0" && name == "browserJavascriptEnabled"
		})
		if version == "2.3.1" {
			want = slices.Sorted(slices.Values(append(want, "acceptLanguage", "acquirerCountryCode", "acquirerCountryCodeSource")))
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(m.fields))); diff != "" {
			t.Errorf("elements in %s (-want +got):\n%s", version, diff)
		}
		if m.text("messageCategory") != "02" || m.text("threeDSRequestorAuthenticationInd") != "04" {
			t.Errorf("category %s, indicator %s", m.text("messageCategory"), m.text("threeDSRequestorAuthenticationInd"))
		}
	}
}

func TestAReqRecurring(t *testing.T) {
	d := newWorld(t).directories[0]
	agreement := payment.CardOnFile{Type: payment.Recurring, Sequence: payment.Initial, Frequency: 30, Expiry: "2030-01-31"}
	for _, test := range []struct {
		name   string
		change func(*payment.CardOnFile)
		want   string // threeDSRequestorAuthenticationInd
	}{
		{"with dates", func(*payment.CardOnFile) {}, "02"},
		{"without a frequency", func(f *payment.CardOnFile) { f.Frequency = 0 }, "01"},
		{"too seldom for the field", func(f *payment.CardOnFile) { f.Frequency = 10000 }, "01"},
		{"without an end", func(f *payment.CardOnFile) { f.Expiry = "" }, "01"},
		{"no such day", func(f *payment.CardOnFile) { f.Expiry = "2030-02-30" }, "01"},
		{"begun before", func(f *payment.CardOnFile) { f.Sequence = payment.Subsequent }, "01"},
		{"unscheduled", func(f *payment.CardOnFile) { f.Type = payment.MerchantUnscheduled }, "01"},
	} {
		q := request(t)
		q.OnFile = agreement
		test.change(&q.OnFile)
		m, err := d.areq(q)
		if err != nil {
			t.Fatal(err)
		}
		form(t, m)
		last, frequency := "", ""
		if test.want == "02" {
			last, frequency = "20300131", "30"
		}
		if m.text("threeDSRequestorAuthenticationInd") != test.want || m.text("recurringExpiry") != last || m.text("recurringFrequency") != frequency {
			t.Errorf("%s: %s, %q, %q", test.name, m.text("threeDSRequestorAuthenticationInd"), m.text("recurringExpiry"), m.text("recurringFrequency"))
		}
	}
}

// TestAReqExponent: a directory server may count a currency otherwise than ISO 4217.
func TestAReqExponent(t *testing.T) {
	d := newWorld(t).directories[0]
	q := request(t)
	q.Merchant.DirectoryExponents = map[string]int{"IDR": 0, "USD": 3}
	for _, test := range []struct {
		amount           payment.Money
		digits, exponent string // digits "" is refused
	}{
		{payment.Money{Minor: 10000000, Currency: "IDR"}, "100000", "0"},
		{payment.Money{Minor: 1050, Currency: "USD"}, "10500", "3"},
		{payment.Money{Minor: 1050, Currency: "SGD"}, "1050", "2"},
		{payment.Money{Minor: 10000050, Currency: "IDR"}, "", ""},
	} {
		q.Authentication.Amount = test.amount
		m, err := d.areq(q)
		if test.digits == "" {
			if err == nil {
				t.Errorf("%+v is rounded to %s", test.amount, m.text("purchaseAmount"))
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		form(t, m)
		if m.text("purchaseAmount") != test.digits || m.text("purchaseExponent") != test.exponent {
			t.Errorf("%+v is %s with exponent %s", test.amount, m.text("purchaseAmount"), m.text("purchaseExponent"))
		}
	}
}

// TestAReq231: what 2.3.1 wants besides, in lists where it wants lists, and what it takes as it is.
func TestAReq231(t *testing.T) {
	d := newWorld(t).directories[0]
	for _, test := range []struct {
		name   string
		change func(*AuthenticationRequest)
		want   map[string]any // nil is absent
	}{
		{"as it is", func(q *AuthenticationRequest) { q.Browser.AcceptLanguage = "id-ID,id;q=0.9, en;q=0.8,*;q=0.1,id" }, map[string]any{
			"acceptLanguage": []any{"id-ID", "id", "en"}, "acquirerCountryCode": "360", "acquirerCountryCodeSource": "01",
			"threeDSRequestorChallengeInd": []any{"03"}, "browserColorDepth": "24", "browserJavascriptEnabled": true,
			"threeDSRequestorAuthenticationInd": "01", "recurringInd": nil, "cardSecurityCode": nil, "threeDSRequestorSpcSupport": nil,
		}},
		{"no header", func(q *AuthenticationRequest) {}, map[string]any{"acceptLanguage": []any{"id-ID"}}},
		{"no preference", func(q *AuthenticationRequest) { q.Challenge = "" }, map[string]any{"threeDSRequestorChallengeInd": nil}},
		{"an acquirer abroad", func(q *AuthenticationRequest) { q.Merchant.AcquirerCountry = "SG" }, map[string]any{"acquirerCountryCode": "702", "merchantCountryCode": "360"}},
		{"a modern screen", func(q *AuthenticationRequest) { q.Browser.ColorDepth = 30 }, map[string]any{"browserColorDepth": "24"}},
		{"a screen of tomorrow", func(q *AuthenticationRequest) { q.Browser.ColorDepth = 128 }, map[string]any{"browserColorDepth": "48"}},
		{"a long language", func(q *AuthenticationRequest) { q.Browser.Language = "zh-Hans-CN-x-" + strings.Repeat("a-", 20) + "a" }, map[string]any{
			"browserLanguage": "zh-Hans-CN-x-a-a-a-a-a-a-a-a-a-a-a",
		}},
		{"a name in another script", func(q *AuthenticationRequest) {
			q.Cardholder.FirstName, q.Cardholder.LastName = "สมชาย", "ใจดี"
		}, map[string]any{"cardholderName": "สมชาย ใจดี"}},
		{"an agreement", func(q *AuthenticationRequest) {
			q.OnFile = payment.CardOnFile{Type: payment.Recurring, Sequence: payment.Initial, Frequency: 30, Expiry: "2030-01-31"}
		}, map[string]any{
			"threeDSRequestorAuthenticationInd": "02", "recurringInd": map[string]any{"amountInd": "02", "frequencyInd": "01"},
			"recurringFrequency": "30", "recurringDate": "20261223", "recurringExpiry": "20300131", "recurringAmount": nil,
		}},
		{"an agreement without dates", func(q *AuthenticationRequest) {
			q.OnFile = payment.CardOnFile{Type: payment.Recurring, Sequence: payment.Initial}
		}, map[string]any{
			"threeDSRequestorAuthenticationInd": "02", "recurringInd": map[string]any{"amountInd": "02", "frequencyInd": "02"},
			"recurringFrequency": nil, "recurringDate": nil, "recurringExpiry": nil,
		}},
	} {
		q := request(t)
		q.Authentication.Version = "2.3.1"
		test.change(&q)
		m, err := d.areq(q)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.ours(); err != nil {
			t.Errorf("%s: by our own rules: %v", test.name, err)
		}
		for name, want := range test.want {
			if diff := cmp.Diff(want, m.fields[name]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", test.name, name, diff)
			}
		}
	}
}

func TestAReq210(t *testing.T) {
	d := newWorld(t).directories[0]
	q := request(t)
	q.Authentication.Version = "2.1.0"
	m, err := d.areq(q)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.ours(); err != nil {
		t.Error(err)
	}
	if _, ok := m.fields["browserJavascriptEnabled"]; ok {
		t.Error("an element of 2.2.0 in a message of 2.1.0")
	}
}

// TestAReqBrowser: whatever a browser says of itself, the AReq is in form.
func TestAReqBrowser(t *testing.T) {
	d := newWorld(t).directories[0]
	for _, test := range []struct {
		name, field, want string // want "" is absent
		change            func(*AuthenticationRequest)
	}{
		{"HDR screen", "browserColorDepth", "24", func(q *AuthenticationRequest) { q.Browser.ColorDepth = 30 }},
		{"more colours than listed", "browserColorDepth", "48", func(q *AuthenticationRequest) { q.Browser.ColorDepth = 64 }},
		{"no colours", "browserColorDepth", "1", func(q *AuthenticationRequest) { q.Browser.ColorDepth = 0 }},
		{"five colours", "browserColorDepth", "4", func(q *AuthenticationRequest) { q.Browser.ColorDepth = 5 }},
		{"long language", "browserLanguage", "zh-Hans", func(q *AuthenticationRequest) { q.Browser.Language = "zh-Hans-CN-x-a" }},
		{"language of eight", "browserLanguage", "sl-rozaj", func(q *AuthenticationRequest) { q.Browser.Language = "sl-rozaj" }},
		{"language without subtags", "browserLanguage", "abcdefgh", func(q *AuthenticationRequest) { q.Browser.Language = "abcdefghij" }},
		{"long user agent", "browserUserAgent", strings.Repeat("é", 2048), func(q *AuthenticationRequest) { q.Browser.UserAgent = strings.Repeat("é", 3000) }},
		{"long accept", "browserAcceptHeader", strings.Repeat("a", 2048), func(q *AuthenticationRequest) { q.Browser.AcceptHeader = strings.Repeat("a", 2049) }},
		{"no user agent", "browserUserAgent", "unknown", func(q *AuthenticationRequest) { q.Browser.UserAgent = "" }},
		{"user agent of other bytes", "browserUserAgent", "Caf/1", func(q *AuthenticationRequest) { q.Browser.UserAgent = "Caf\xe9/1" }},
		{"user agent of no text", "browserUserAgent", "unknown", func(q *AuthenticationRequest) { q.Browser.UserAgent = "\xff\ufffd" }},
		{"user agent of blanks", "browserUserAgent", "unknown", func(q *AuthenticationRequest) { q.Browser.UserAgent = "\u00a0\u0085 " }},
		{"user agent with control characters", "browserUserAgent", "Caf/1", func(q *AuthenticationRequest) { q.Browser.UserAgent = "Caf\u0080/1\x7f\x00" }},
		{"language of blanks", "browserLanguage", "und", func(q *AuthenticationRequest) { q.Browser.Language = " \x00" }},
		{"language of other letters", "browserLanguage", "id", func(q *AuthenticationRequest) { q.Browser.Language = "ééid\xff" }},
		{"accept of blanks", "browserAcceptHeader", "*/*", func(q *AuthenticationRequest) { q.Browser.AcceptHeader = "\u3000" }},
		{"accept of no text", "browserAcceptHeader", "*/*", func(q *AuthenticationRequest) { q.Browser.AcceptHeader = "\xff" }},
		{"no accept", "browserAcceptHeader", "*/*", func(q *AuthenticationRequest) { q.Browser.AcceptHeader = "" }},
		{"IPv6 with zone", "browserIP", "fe80::1", func(q *AuthenticationRequest) { q.Browser.IP = "fe80::1%eth0" }},
		{"IPv4 in IPv6", "browserIP", "192.0.2.1", func(q *AuthenticationRequest) { q.Browser.IP = "::ffff:192.0.2.1" }},
		{"no IP", "browserIP", "", func(q *AuthenticationRequest) { q.Browser.IP = "unknown" }},
		{"east of UTC", "browserTZ", "-840", func(q *AuthenticationRequest) { q.Browser.TimeZone = -840 }},
		{"no date", "cardExpiryDate", "", func(q *AuthenticationRequest) { q.Expiry = card.Expiry{} }},
		{"no preference", "threeDSRequestorChallengeInd", "", func(q *AuthenticationRequest) { q.Challenge = "" }},
		{"long merchant name", "merchantName", strings.Repeat("é", 40), func(q *AuthenticationRequest) { q.Merchant.Name = strings.Repeat("é", 41) }},
		{"no exponent", "purchaseExponent", "0", func(q *AuthenticationRequest) { q.Authentication.Amount.Currency = "VND" }},
		{"a country below 100", "merchantCountryCode", "036", func(q *AuthenticationRequest) { q.Merchant.Country = "AU" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := request(t)
			test.change(&q)
			m, err := d.areq(q)
			if err != nil {
				t.Fatal(err)
			}
			form(t, m)
			if got := m.text(test.field); got != test.want {
				t.Errorf("%s is %q, want %q", test.field, got, test.want)
			}
		})
	}
}

// TestAReqRefused: what cannot be sent is refused here, by name and without the value.
func TestAReqRefused(t *testing.T) {
	w := newWorld(t)
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	for _, test := range []struct {
		name, want string
		change     func(*AuthenticationRequest)
	}{
		{"no such country", "ISO 3166", func(q *AuthenticationRequest) { q.Merchant.Country = "XX" }},
		{"a region", "ISO 3166", func(q *AuthenticationRequest) { q.Merchant.Country = "EU" }},
		{"three letters", "ISO 3166", func(q *AuthenticationRequest) { q.Merchant.Country = "IDN" }},
		{"no such currency", "ISO 4217", func(q *AuthenticationRequest) { q.Authentication.Amount.Currency = "ZZZ" }},
		{"a version of tomorrow", "version", func(q *AuthenticationRequest) { q.Authentication.Version = "2.4.0" }},
		{"no website", "201 about AReq: threeDSRequestorURL", func(q *AuthenticationRequest) { q.Merchant.Website = "" }},
		{"a long notificationURL", "203 about AReq: notificationURL", func(q *AuthenticationRequest) { q.NotificationURL = "https://a.example/" + strings.Repeat("a", 256) }},
		{"a screen of no size", "203 about AReq: browserScreenHeight", func(q *AuthenticationRequest) { q.Browser.ScreenHeight = -1 }},
		{"a wrong MCC", "203 about AReq: mcc", func(q *AuthenticationRequest) { q.Merchant.MCC = "58" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := request(t)
			test.change(&q)
			_, err := w.Authenticate(t.Context(), q)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want something about %s", err, test.want)
			}
		})
	}
	if len(w.asked) > 0 {
		t.Error("something was sent")
	}
}
