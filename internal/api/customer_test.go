package api

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reprise/internal/payment"
)

// sent is a customer with all that one can have, in the shape of 2020-10-31.
const sent = `{
	"reference_id": "customer-1", "type": "INDIVIDUAL", "client_name": "not ours",
	"individual_detail": {"given_names": "Ayu", "surname": "Lestari", "nationality": "ID", "place_of_birth": "Bandung",
		"date_of_birth": "1990-04-21", "gender": "FEMALE", "employment": {"employer_name": "Toko Melati"}},
	"given_names": "of another version",
	"email": "ayu@example.com", "mobile_number": "+6281295412345", "phone_number": "+628121234556", "description": "a regular",
	"addresses": [
		{"country": "ID", "street_line1": "Jalan Kenanga 7", "city": "Bandung", "category": "HOME", "is_primary": true},
		{"country_code": "TH", "line_1": "Soi 11", "line_2": "2nd floor", "suburb": "not kept"}
	],
	"identity_accounts": [{"type": "BANK_ACCOUNT", "company": "BCA", "properties": {"account_number": "007", "currency": "IDR"}}],
	"kyc_documents": [{"country": "ID", "type": "IDENTITY_CARD", "document_images": ["file-1"]}, {"country": "ID"}],
	"date_of_registration": "2026-01-02", "domicile_of_registration": "ID",
	"metadata": {"vip": true, "points": 12345678901234567890, "nothing": null}
}`

// answered is that customer in the same shape, but for its id and times.
const answered = `{
	"reference_id": "customer-1", "type": "INDIVIDUAL",
	"individual_detail": {"given_names": "Ayu", "given_names_non_roman": null, "middle_name": null, "surname": "Lestari",
		"surname_non_roman": null, "mother_maiden_name": null, "nationality": "ID", "place_of_birth": "Bandung",
		"date_of_birth": "1990-04-21", "gender": "FEMALE",
		"employment": {"employer_name": "Toko Melati", "nature_of_business": null, "role_description": null}},
	"business_detail": null,
	"email": "ayu@example.com", "mobile_number": "+6281295412345", "phone_number": "+628121234556",
	"hashed_phone_number": "+628#######56", "description": "a regular",
	"addresses": [
		{"country": "ID", "street_line1": "Jalan Kenanga 7", "street_line2": null, "city": "Bandung", "province_state": null,
			"postal_code": null, "category": "HOME", "is_primary": true},
		{"country": "TH", "street_line1": "Soi 11", "street_line2": "2nd floor", "city": null, "province_state": null,
			"postal_code": null, "category": null, "is_primary": false}
	],
	"identity_accounts": [{"type": "BANK_ACCOUNT", "company": "BCA", "description": null, "country": null, "holder_name": null,
		"properties": {"account_number": "007", "currency": "IDR"}}],
	"kyc_documents": [
		{"country": "ID", "type": "IDENTITY_CARD", "sub_type": null, "document_name": null, "document_number": null,
			"expires_at": null, "holder_name": null, "document_images": ["file-1"]},
		{"country": "ID", "type": null, "sub_type": null, "document_name": null, "document_number": null,
			"expires_at": null, "holder_name": null, "document_images": []}
	],
	"date_of_registration": "2026-01-02", "domicile_of_registration": "ID",
	"metadata": {"vip": true, "points": 12345678901234567890},
	"created": "2026-03-14T12:00:00.123Z", "updated": "2026-03-14T12:00:00.123Z"
}`

// answeredBefore is that customer in the shape of 2020-05-19.
const answeredBefore = `{
	"reference_id": "customer-1",
	"given_names": "Ayu", "middle_name": null, "surname": "Lestari", "nationality": "ID", "date_of_birth": "1990-04-21",
	"employment": {"employer_name": "Toko Melati", "nature_of_business": null, "role_description": null},
	"email": "ayu@example.com", "mobile_number": "+6281295412345", "phone_number": "+628121234556",
	"hashed_phone_number": "+628#######56", "description": "a regular",
	"metadata": {"vip": true, "points": 12345678901234567890},
	"created": "2026-03-14T12:00:00.123Z", "updated": "2026-03-14T12:00:00.123Z"
}`

// TestCustomerVersions makes a customer of all that one can have and reads it in both shapes, by each way in.
func TestCustomerVersions(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded))
	status, text := d.raw("POST", "/customers", sent)
	made := decoded(t, text)
	id, _ := made["id"].(string)
	bare, prefixed := strings.CutPrefix(id, "cust-")
	if status != 200 || !prefixed || id != string(d.shelf.customer.ID) {
		t.Fatalf("%d %s", status, text)
	}
	want := decoded(t, []byte(answered))
	want["id"] = id
	before := decoded(t, []byte(answeredBefore))
	before["id"] = bare
	for _, list := range []string{"addresses", "identity_accounts", "kyc_documents"} {
		before[list] = want[list]
	}
	if diff := cmp.Diff(want, made); diff != "" {
		t.Errorf("made (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/customers/" + id, "/customers/" + bare} {
		for version, want := range map[string]map[string]any{"": want, "2020-10-31": want, "2024-11-11": want, "2020-05-19": before} {
			var headers []string
			if version != "" {
				headers = []string{"api-version", version, "for-user-id", "ignored"}
			}
			if status, text := d.raw("GET", path, "", headers...); status != 200 || cmp.Diff(want, decoded(t, text)) != "" {
				t.Errorf("%s in version %q: %d (-want +got)\n%s", path, version, status, cmp.Diff(want, decoded(t, text)))
			}
		}
	}

	_, text = d.raw("GET", "/customers?reference_id=customer-1", "")
	if diff := cmp.Diff(map[string]any{"data": []any{want}, "has_more": false}, decoded(t, text)); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	var list []map[string]any
	_, text = d.raw("GET", "/customers?reference_id=customer-1", "", "api-version", "2020-05-19")
	if err := json.Unmarshal(text, &list); err != nil || len(list) != 1 || list[0]["id"] != bare {
		t.Errorf("listed in 2020-05-19: %v %s", err, text)
	}
	for version, want := range map[string]string{"2020-10-31": `{"data":[],"has_more":false}`, "2020-05-19": `[]`} {
		if status, text := d.raw("GET", "/customers?reference_id=nobody", "", "api-version", version); status != 200 || string(text) != want {
			t.Errorf("nobody in %s: %d %s", version, status, text)
		}
	}
}

// TestCustomerOf20200519 makes and changes a customer in the older shape, and reads it in the newer.
func TestCustomerOf20200519(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded))
	status, text := d.raw("POST", "/customers", `{"reference_id": "r", "type": "BUSINESS", "given_names": "Budi", "surname": "S", "date_of_birth": "1990-01-02",
		"employment": {"role_description": "cook"}, "individual_detail": {"given_names": "of another version"}}`, "api-version", "2020-05-19")
	made := decoded(t, text)
	if status != 200 || made["given_names"] != "Budi" || made["surname"] != "S" || made["addresses"] == nil || strings.HasPrefix(made["id"].(string), "cust-") {
		t.Fatalf("%d %s", status, text)
	}
	path := "/customers/" + made["id"].(string)
	status, text = d.raw("PATCH", path, `{"surname": null, "middle_name": "M", "mobile_number": "+6281295412345"}`, "api-version", "2020-05-19")
	if got := decoded(t, text); status != 200 || got["surname"] != nil || got["middle_name"] != "M" || got["given_names"] != "Budi" {
		t.Errorf("%d %s", status, text)
	}
	_, text = d.raw("GET", path, "")
	got := decoded(t, text)
	person, _ := got["individual_detail"].(map[string]any)
	if got["type"] != "INDIVIDUAL" || person["given_names"] != "Budi" || person["surname"] != nil || person["date_of_birth"] != "1990-01-02" ||
		got["hashed_phone_number"] != "+628########45" {
		t.Errorf("%s", text)
	}
}

// TestCustomerOfOneWord: the least that may be told is enough, and what was not told is null or empty.
func TestCustomerOfOneWord(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded))
	for body, kind := range map[string]string{
		`{"reference_id":"r"}`:                                        "INDIVIDUAL",
		`{"reference_id":"r","type":"BUSINESS"}`:                      "BUSINESS",
		`{"reference_id":"r","email":null,"addresses":null}`:          "INDIVIDUAL",
		`{"reference_id":"r","metadata":null,"business_detail":null}`: "INDIVIDUAL",
	} {
		status, got := d.send("POST", "/customers", body)
		if status != 200 || got["type"] != kind {
			t.Errorf("%s: %d %v", body, status, got)
		}
		for name, value := range got {
			switch name {
			case "id", "reference_id", "type", "created", "updated":
			case "addresses", "identity_accounts", "kyc_documents":
				if list, ok := value.([]any); !ok || len(list) != 0 {
					t.Errorf("%s: %s is %v", body, name, value)
				}
			case "metadata":
				if object, ok := value.(map[string]any); !ok || len(object) != 0 {
					t.Errorf("%s: %s is %v", body, name, value)
				}
			default:
				if value != nil {
					t.Errorf("%s: %s is %v", body, name, value)
				}
			}
		}
	}
}

// TestCustomerOfBusiness patches what a business is, its lists and its metadata.
func TestCustomerOfBusiness(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded))
	_, made := d.send("POST", "/customers", `{"reference_id":"r","type":"BUSINESS","business_detail":{"business_name":"Toko","trading_name":"T"},
		"addresses":[{"country":"ID"}],"metadata":{"a":"1","b":"2"}}`)
	status, got := d.send("PATCH", "/customers/"+made["id"].(string), `{"reference_id":"r","type":"BUSINESS","business_detail":{"trading_name":null,"business_type":"TRUST"},
		"addresses":[{"country_code":"TH","line_1":"Soi 11"}],"metadata":{"a":null,"c":3},"client_name":"not ours"}`)
	detail, _ := got["business_detail"].(map[string]any)
	want := []any{map[string]any{"country": "TH", "street_line1": "Soi 11", "street_line2": nil, "city": nil, "province_state": nil,
		"postal_code": nil, "category": nil, "is_primary": false}}
	if status != 200 || detail["business_name"] != "Toko" || detail["trading_name"] != nil || detail["business_type"] != "TRUST" {
		t.Errorf("%d %v", status, got)
	}
	if diff := cmp.Diff(want, got["addresses"]); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"b": "2", "c": json.Number("3")}, got["metadata"]); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if got["individual_detail"] != nil {
		t.Errorf("individual_detail: %v", got["individual_detail"])
	}
}

// TestInlineCustomer: a customer that came with a session is a customer like any other.
func TestInlineCustomer(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded))
	if status, got := d.send("POST", "/sessions", string(read(t, "../gate/testdata/seed-request.json"))); status != 201 {
		t.Fatalf("%d %v", status, got)
	}
	status, got := d.send("GET", "/customers/"+string(d.shelf.customer.ID), "")
	person, _ := got["individual_detail"].(map[string]any)
	if status != 200 || got["reference_id"] != "YOUR_CUSTOMER_REFERENCE" || got["type"] != "INDIVIDUAL" || person["given_names"] != "Jaap" ||
		got["email"] == nil || got["created"] != got["updated"] {
		t.Errorf("%d %v", status, got)
	}
}

func TestHashedPhoneNumber(t *testing.T) {
	for number, want := range map[string]string{
		"+628121234556": "+628#######56", "+62812345": "+628###45", "+628123": "+628#23", "+62812": "######", "+1": "##",
	} {
		if got := hashed(&number); *got != want {
			t.Errorf("%s: %s, want %s", number, *got, want)
		}
	}
	if got := hashed(nil); got != nil {
		t.Errorf("no number: %s", *got)
	}
}

// values are what a member of a customer may be sent as: what it is for, null, and what it is not.
var values = map[string][]string{
	"type": {`"INDIVIDUAL"`, `"BUSINESS"`, `null`},
	"individual_detail": {`null`, `{}`, `{"given_names":"A"}`, `{"given_names":"A","surname":null,"employment":null}`,
		`{"given_names":"A","gender":"OTHER","employment":{"employer_name":null,"role_description":"R"}}`},
	"business_detail":   {`null`, `{}`, `{"business_name":"B"}`, `{"business_name":"B","trading_name":"T","business_type":"TRUST"}`},
	"email":             {`null`, `"a@b.example"`, `"a"`},
	"mobile_number":     {`null`, `"+6281295412345"`, `"+123456"`},
	"phone_number":      {`null`, `"+628121234556"`, `5`},
	"addresses":         {`null`, `[]`, `[{"country":"ID"}]`, `[{"country_code":"TH","line_1":"L","line_2":null,"is_primary":true},{"country":"ID","category":null}]`, `[null]`},
	"identity_accounts": {`null`, `[]`, `[{}]`, `[{"type":"OTC","properties":null}]`, `[{"properties":{"payment_code":null,"account_id":"1"}}]`},
	"kyc_documents":     {`null`, `[]`, `[{"country":"ID"}]`, `[{"country":"ID","document_images":null}]`, `[{"country":"ID","document_images":["a"]}]`},
	"description":       {`null`, `"dd"`}, "date_of_registration": {`null`, `"2026-01-02"`}, "domicile_of_registration": {`null`, `"ID"`},
	"metadata":    {`null`, `{}`, `{"a":"b","c":null}`, `{"a":1e9,"d":false}`, `{"a":[]}`},
	"given_names": {`"A"`, `null`}, "surname": {`null`, `"S"`}, "employment": {`null`, `{}`, `{"employer_name":"E"}`}, "nobody's": {`{"a":1}`},
}

// TestCustomersOfAllKinds: whatever the contract takes is kept, changed and answered by the contract, in either
// version, and what it does not take is refused as the caller's mistake.
func TestCustomersOfAllKinds(t *testing.T) {
	d := newDoor(t, caseIn(payment.Succeeded)) // one for all: a contract takes long to compile
	made, changed := 0, 0
	rapid.Check(t, func(r *rapid.T) {
		body := func(what string, members ...string) string {
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(values))), 0, 6, rapid.ID).Draw(r, what) {
				members = append(members, `"`+name+`":`+rapid.SampledFrom(values[name]).Draw(r, name))
			}
			return `{` + strings.Join(members, ",") + `}`
		}
		version := func(what string) []string {
			return []string{"api-version", rapid.SampledFrom([]string{"2020-05-19", "2020-10-31"}).Draw(r, what)}
		}
		d.shelf.customer = nil
		status, text := d.raw("POST", "/customers", body("new", `"reference_id":"r"`), version("made in")...)
		if status == 400 {
			return
		}
		if status != 200 || d.shelf.customer == nil {
			r.Fatalf("POST: %d %s", status, text)
		}
		made++
		path := "/customers/" + string(d.shelf.customer.ID)
		status, text = d.raw("PATCH", path, body("patch"), version("changed in")...)
		if status == 200 {
			changed++
		} else if status != 400 {
			r.Fatalf("PATCH: %d %s", status, text)
		}
		if status, text = d.raw("GET", path, "", version("read in")...); status != 200 || t.Failed() {
			r.Fatalf("GET: %d %s", status, text)
		}
	})
	if made == 0 || changed == 0 {
		t.Errorf("only %d were made and %d changed", made, changed)
	}
}
