package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCustomerPatch(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	many := func(n int) string {
		var pairs []string
		for i := range n {
			pairs = append(pairs, fmt.Sprintf(`"k%d":"v"`, i))
		}
		return `{` + strings.Join(pairs, ",") + `}`
	}
	for name, test := range map[string]struct {
		of      CustomerType
		before  string
		patch   CustomerPatch
		after   string
		refused string // the path of the field that is refused
	}{
		"a member is added":       {before: `{}`, patch: CustomerPatch{Profile: raw(`{"email":"a@b.example"}`)}, after: `{"email":"a@b.example"}`},
		"a member is replaced":    {before: `{"email":"a","description":"b"}`, patch: CustomerPatch{Profile: raw(`{"email":"c"}`)}, after: `{"description":"b","email":"c"}`},
		"null clears":             {before: `{"email":"a","description":"b"}`, patch: CustomerPatch{Profile: raw(`{"email":null}`)}, after: `{"description":"b"}`},
		"objects are merged":      {before: `{"individual_detail":{"given_names":"A","surname":"B"}}`, patch: CustomerPatch{Profile: raw(`{"individual_detail":{"surname":null,"gender":"OTHER"}}`)}, after: `{"individual_detail":{"gender":"OTHER","given_names":"A"}}`},
		"lists are replaced":      {before: `{"addresses":[{"country":"ID"},{"country":"TH"}]}`, patch: CustomerPatch{Profile: raw(`{"addresses":[{"city":"B"}]}`)}, after: `{"addresses":[{"city":"B"}]}`},
		"nulls of new objects go": {before: `{}`, patch: CustomerPatch{Profile: raw(`{"metadata":{"a":null,"b":"c"}}`)}, after: `{"metadata":{"b":"c"}}`},
		"numbers stay":            {before: `{"metadata":{"n":12345678901234567890}}`, patch: CustomerPatch{Profile: raw(`{}`)}, after: `{"metadata":{"n":12345678901234567890}}`},
		"nothing at all":          {before: ``, patch: CustomerPatch{}, after: `{}`},
		"the same names":          {before: `{}`, patch: CustomerPatch{ReferenceID: "ada", Type: IndividualCustomer}, after: `{}`},
		"another reference":       {before: `{}`, patch: CustomerPatch{ReferenceID: "bob"}, refused: "/body/reference_id"},
		"another type":            {before: `{}`, patch: CustomerPatch{Type: BusinessCustomer}, refused: "/body/type"},
		"a person's business":     {before: `{}`, patch: CustomerPatch{Profile: raw(`{"business_detail":{"business_name":"A"}}`)}, refused: "/body/business_detail"},
		"a business's person":     {of: BusinessCustomer, before: `{}`, patch: CustomerPatch{Profile: raw(`{"individual_detail":{"surname":"A"}}`)}, refused: "/body/individual_detail"},
		"as much metadata as may": {before: `{"metadata":{"k0":"w"}}`, patch: CustomerPatch{Profile: raw(`{"metadata":` + many(50) + `}`)}, after: `{"metadata":` + sorted(many(50)) + `}`},
		"one too many":            {before: `{"metadata":{"more":"w"}}`, patch: CustomerPatch{Profile: raw(`{"metadata":` + many(50) + `}`)}, refused: "/body/metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.of == "" {
				test.of = IndividualCustomer
			}
			before := Customer{ID: "cust-1", ReferenceID: "ada", Type: test.of, Profile: raw(test.before), Version: 3}
			after, err := before.Patch(test.patch, at)
			if test.refused != "" {
				var e *Error
				if !errors.As(err, &e) || e.Code != "API_VALIDATION_ERROR" || len(e.Fields) != 1 || e.Fields[0].Path != test.refused {
					t.Errorf("%v, want %s to be refused", err, test.refused)
				}
				return
			}
			if err != nil || string(after.Profile) != test.after {
				t.Errorf("%s, %v, want %s", after.Profile, err, test.after)
			}
			if after.ID != before.ID || after.ReferenceID != "ada" || after.Type != test.of || after.Version != 3 || !after.Updated.Equal(at) {
				t.Errorf("%+v", after)
			}
			if string(before.Profile) != test.before {
				t.Errorf("the customer that was is now %s", before.Profile)
			}
		})
	}
}

func raw(text string) json.RawMessage { return json.RawMessage(text) }

// sorted is an object as it is written again: its members in order.
func sorted(text string) string {
	var members map[string]any
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		panic(err)
	}
	again, _ := json.Marshal(members)
	return string(again)
}
