package threeds

import (
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reprise/internal/payment"
)

// TestCardholder: what is known of the cardholder is said where it fits, and left out where it does not.
func TestCardholder(t *testing.T) {
	for _, test := range []struct {
		name   string
		holder payment.Cardholder
		want   map[string]any
	}{
		{"nothing", payment.Cardholder{}, map[string]any{}},
		{"one name", payment.Cardholder{FirstName: "Sukarno"}, map[string]any{"cardholderName": "Sukarno"}},
		{"accents", payment.Cardholder{FirstName: "Nguyễn Văn", LastName: "Đạt"}, map[string]any{"cardholderName": "Nguyen Van Dat"}},
		{"other Latin letters", payment.Cardholder{FirstName: "Łukasz", LastName: "Weiß-Ångström"}, map[string]any{"cardholderName": "Lukasz Weiss-Angstrom"}},
		{"an apostrophe", payment.Cardholder{FirstName: "Siobhán", LastName: "O’Neill"}, map[string]any{"cardholderName": "Siobhan O'Neill"}},
		{"another script", payment.Cardholder{FirstName: "สมชาย", LastName: "ใจดี"}, map[string]any{}},
		{"half in another script", payment.Cardholder{FirstName: "Kim", LastName: "철수"}, map[string]any{}},
		{"short name", payment.Cardholder{FirstName: " A "}, map[string]any{}},
		{"longest name", payment.Cardholder{FirstName: strings.Repeat("A", 45)}, map[string]any{"cardholderName": strings.Repeat("A", 45)}},
		{"long name", payment.Cardholder{FirstName: strings.Repeat("A", 46)}, map[string]any{}},
		{"email", payment.Cardholder{Email: "siti@example.com"}, map[string]any{"email": "siti@example.com"}},
		{"no email", payment.Cardholder{Email: "siti"}, map[string]any{}},
		{"long email", payment.Cardholder{Email: strings.Repeat("a", 250) + "@example.com"}, map[string]any{}},
		{"email of the bill", payment.Cardholder{Billing: payment.Billing{Email: "b@example.com"}}, map[string]any{"email": "b@example.com"}},
		{"both emails", payment.Cardholder{Email: "a@example.com", Billing: payment.Billing{Email: "b@example.com"}}, map[string]any{"email": "a@example.com"}},
		{"telephone", payment.Cardholder{Phone: "+6281234567890"}, map[string]any{"mobilePhone": map[string]any{"cc": "62", "subscriber": "81234567890"}}},
		{"telephone of the bill", payment.Cardholder{Billing: payment.Billing{Phone: "+85512345678"}}, map[string]any{"mobilePhone": map[string]any{"cc": "855", "subscriber": "12345678"}}},
		{"telephone without a country", payment.Cardholder{Phone: "081234567890"}, map[string]any{}},
		{
			"address", payment.Cardholder{Billing: payment.Billing{Street1: " 1 Raffles Place ", City: "Singapore", Country: "SG", PostalCode: "048616"}},
			map[string]any{"billAddrLine1": "1 Raffles Place", "billAddrCity": "Singapore", "billAddrCountry": "702", "billAddrPostCode": "048616"},
		},
		{"blanks", payment.Cardholder{Billing: payment.Billing{Street1: "  ", City: "\t", PostalCode: " "}}, map[string]any{}},
		{
			"too long", payment.Cardholder{Billing: payment.Billing{
				Street1: strings.Repeat("é", 50), Street2: strings.Repeat("é", 51), City: strings.Repeat("a", 51), PostalCode: strings.Repeat("1", 17),
			}},
			map[string]any{"billAddrLine1": strings.Repeat("é", 50)},
		},
		{"state", payment.Cardholder{Billing: payment.Billing{ProvinceState: "ny", Country: "US"}}, map[string]any{"billAddrState": "NY", "billAddrCountry": "840"}},
		{"state with its country", payment.Cardholder{Billing: payment.Billing{ProvinceState: "TH-10", Country: "TH"}}, map[string]any{"billAddrState": "10", "billAddrCountry": "764"}},
		{"state of another country", payment.Cardholder{Billing: payment.Billing{ProvinceState: "US-NY", Country: "TH"}}, map[string]any{"billAddrCountry": "764"}},
		{"name of a state", payment.Cardholder{Billing: payment.Billing{ProvinceState: "Jawa Barat", Country: "ID"}}, map[string]any{"billAddrCountry": "360"}},
		{"state without a country", payment.Cardholder{Billing: payment.Billing{ProvinceState: "NY"}}, map[string]any{}},
		{"no such country", payment.Cardholder{Billing: payment.Billing{Country: "XX", ProvinceState: "NY"}}, map[string]any{}},
		{"bytes that are no text", payment.Cardholder{FirstName: "A\xff", Billing: payment.Billing{City: "A\xff"}}, map[string]any{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, version := range spoken {
				got, want := map[string]any{}, maps.Clone(test.want)
				describeCardholder(test.holder, got, version)
				if name := strings.TrimSpace(test.holder.Name()); version == "2.3.1" && name != "" && utf8.ValidString(name) && utf8.RuneCountInString(name) <= 45 {
					want["cardholderName"] = name // as it is written
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("in %s (-want +got):\n%s", version, diff)
				}
				q := request(t)
				q.Authentication.Version, q.Cardholder = version, test.holder
				if m, err := newWorld(t).directories[0].areq(q); err != nil || m.ours() != nil {
					t.Errorf("the AReq breaks the rules: %v, %v", err, m.ours())
				} else if maps.Copy(got, m.fields); len(got) != len(m.fields) {
					t.Error("the AReq lacks something")
				}
			}
		})
	}
}

// TestCardholderIsAlwaysInForm: whatever was given as cardholder, the AReq keeps the rules and has no empty text.
func TestCardholderIsAlwaysInForm(t *testing.T) {
	d, q := newWorld(t).directories[0], request(t)
	rapid.Check(t, func(t *rapid.T) {
		text := func(name string, likely ...string) string {
			return rapid.OneOf(rapid.String(), rapid.SampledFrom(append(likely, "", " ", strings.Repeat("x", 300)))).Draw(t, name)
		}
		q.Cardholder = payment.Cardholder{
			FirstName: text("first name", "Siti"), LastName: text("last name", "Rahayu"), Email: text("email", "a@b.example", "@"), Phone: text("phone", "+62812345678", "+1"),
			Billing: payment.Billing{
				Email: text("billing email"), Phone: text("billing phone"), Street1: text("street 1"), Street2: text("street 2"), City: text("city", "Jakarta"),
				ProvinceState: text("state", "ID-JK", "JK", "ID-"), Country: text("country", "ID", "id", "EU"), PostalCode: text("postal code", "10220"),
			},
		}
		q.Authentication.Version = rapid.SampledFrom(spoken).Draw(t, "version")
		m, err := d.areq(q)
		if err != nil || m.ours() != nil {
			t.Fatal(err, m.ours())
		}
		for name, value := range m.fields {
			if value == "" {
				t.Fatalf("%s is empty", name)
			}
		}
	})
}

func TestSplitPhone(t *testing.T) {
	for number, want := range map[string][2]string{
		"+12025550123": {"1", "2025550123"}, "+79161234567": {"7", "9161234567"}, "+442071838750": {"44", "2071838750"},
		"+6591234567": {"65", "91234567"}, "+84912345678": {"84", "912345678"}, "+66812345678": {"66", "812345678"},
		"+639171234567": {"63", "9171234567"}, "+60123456789": {"60", "123456789"}, "+85291234567": {"852", "91234567"},
		"+886912345678": {"886", "912345678"}, "+971501234567": {"971", "501234567"}, "+35312345678": {"353", "12345678"},
		"+2348012345678": {"234", "8012345678"}, "+6221234": {"62", "21234"}, "+123456789012345": {"1", "23456789012345"},
	} {
		code, subscriber, ok := splitPhone(number)
		if !ok || code != want[0] || subscriber != want[1] {
			t.Errorf("%s is taken apart as %q and %q", number, code, subscriber)
		}
	}
	for _, bad := range []string{"", "+", "+62", "+622123", "62812345678", "+0812345678", "+62 812 345 678", "+62-812345", "+1234567890123456", "+62८१२३४५६७"} {
		if code, subscriber, ok := splitPhone(bad); ok {
			t.Errorf("%q is taken apart as %q and %q", bad, code, subscriber)
		}
	}
}
