package app

import (
	"fmt"
	"strings"
)

// keeping asks for a new customer with something changed about what is told.
func keeping(change ...func(map[string]any)) func(*town) asked {
	return func(*town) asked {
		body := map[string]any{
			"reference_id": "refused", "type": "INDIVIDUAL", "individual_detail": map[string]any{"given_names": "Ayu"},
			"addresses": []any{map[string]any{"country": "ID"}},
		}
		for _, c := range change {
			c(body)
		}
		return asked{path: "/customers", body: body}
	}
}

// patching asks for a change of the sandbox's own customer.
func patching(body any, headers ...string) func(*town) asked {
	return func(*town) asked {
		return asked{path: "/customers/" + string(sandboxCustomer), body: body, headers: headers}
	}
}

func refusedCustomers() map[string][]refusedRow {
	const unknown = "/customers/cust-00000000-0000-4000-8000-00000000dead"
	const taken = "The reference_id entered has been used before. Please enter a unique reference_id"
	const phone = `must match pattern "^\+[1-9][0-9]+$"`
	invalid := func(message, path string) refusal {
		return refusal{400, "API_VALIDATION_ERROR", "request" + path + " " + message, path}
	}
	lacking := func(object, name string) refusal {
		message := "must have required property '" + name + "'"
		return refusal{400, "API_VALIDATION_ERROR", "request" + object + " " + message, object + "/" + name}
	}
	missing := refusal{404, "DATA_NOT_FOUND", noSuchID, ""}
	value, long := "must be equal to one of the allowed values", strings.Repeat("x", 501)
	many := map[string]any{}
	for i := range 51 {
		many[fmt.Sprint(i)] = "x"
	}
	version := func(v string, then func(*town) asked) func(*town) asked {
		return func(w *town) asked {
			q := then(w)
			q.headers = append(q.headers, "api-version", v)
			return q
		}
	}
	return map[string][]refusedRow{
		"POST /customers": {
			{"no reference_id", keeping(with("reference_id", nil)), lacking("/body", "reference_id")},
			{"an empty reference_id", keeping(with("reference_id", "")), invalid("must NOT have fewer than 1 characters", "/body/reference_id")},
			{"another type", keeping(with("type", "ROBOT")), invalid(value, "/body/type")},
			{"no given_names", keeping(with("individual_detail", map[string]any{"surname": "Lestari"})), lacking("/body/individual_detail", "given_names")},
			{"no business_name", keeping(with("type", "BUSINESS"), with("individual_detail", nil), with("business_detail", map[string]any{})),
				lacking("/body/business_detail", "business_name")},
			{"a person's business", keeping(with("business_detail", map[string]any{"business_name": "Toko"})),
				invalid("is not allowed for type INDIVIDUAL", "/body/business_detail")},
			{"a business's person", keeping(with("type", "BUSINESS")), invalid("is not allowed for type BUSINESS", "/body/individual_detail")},
			{"no such day", keeping(inside("individual_detail", "date_of_birth", "1990-02-30")), invalid(`must match format "date"`, "/body/individual_detail/date_of_birth")},
			{"another gender", keeping(inside("individual_detail", "gender", "X")), invalid(value, "/body/individual_detail/gender")},
			{"no email address", keeping(with("email", "ayu")), invalid(`must match format "email"`, "/body/email")},
			{"a long email address", keeping(with("email", strings.Repeat("a", 45)+"@b.com")), invalid("must NOT have more than 50 characters", "/body/email")},
			{"a short mobile number", keeping(with("mobile_number", "+62812")), invalid("must NOT have fewer than 7 characters", "/body/mobile_number")},
			{"a long phone number", keeping(with("phone_number", "+628123456789012")), invalid("must NOT have more than 15 characters", "/body/phone_number")},
			{"no country of a phone number", keeping(with("phone_number", "0812345678")), invalid(phone, "/body/phone_number")},
			{"no country of an address", keeping(with("addresses", []any{map[string]any{"city": "Bandung"}})),
				refusal{400, "API_VALIDATION_ERROR", "request/body/addresses/0 must have required property 'country'", "/body/addresses/0"}},
			{"another kind of address", keeping(with("addresses", []any{map[string]any{"country": "ID", "category": "BEACH"}})), invalid(value, "/body/addresses/0/category")},
			{"no country of a document", keeping(with("kyc_documents", []any{map[string]any{"type": "PASSPORT"}})), lacking("/body/kyc_documents/0", "country")},
			{"a short description", keeping(with("description", "x")), invalid("must NOT have fewer than 2 characters", "/body/description")},
			{"a long description", keeping(with("description", long)), invalid("must NOT have more than 500 characters", "/body/description")},
			{"much metadata", keeping(with("metadata", many)), invalid("must NOT have more than 50 properties", "/body/metadata")},
			{"a long value", keeping(with("metadata", map[string]any{"k": long})), invalid("must NOT have more than 500 characters", "/body/metadata")},
			{"an object in metadata", keeping(with("metadata", map[string]any{"k": map[string]any{}})), invalid("must be boolean,number,string,null", "/body/metadata")},
			{"a version that never was", version("2019-01-01", keeping()), invalid(value, "/headers/api-version")},
			{"no given_names of 2020-05-19", version("2020-05-19", keeping()), invalid("must be sent", "/body/given_names")},

			{"a reference_id used before", keeping(with("reference_id", "sandbox-customer")), refusal{409, "DUPLICATE_ERROR", taken, ""}},
			{"a key used for another", func(w *town) asked {
				w.ask("POST", "/customers", SandboxSecretKey, map[string]any{"reference_id": "first"}, "idempotency-key", "used")
				return asked{path: "/customers", body: map[string]any{"reference_id": "second"}, headers: []string{"idempotency-key", "used"}}
			}, refusal{409, "DUPLICATE_ERROR", keyUsed, ""}},
		},
		"GET /customers": {
			{"no reference_id", at("/customers"), refusal{400, "API_VALIDATION_ERROR", "request/query/reference_id must be sent", "/query/reference_id"}},
			{"an empty reference_id", at("/customers?reference_id="), invalid("must NOT have fewer than 1 characters", "/query/reference_id")},
		},
		"GET /customers/{id}": {
			{"no id of a customer", at("/customers/cust-1"), invalid(`must match pattern "^(cust-)?[0-9A-Za-z-]{36}$"`, "/path/id")},
			{"unknown", at(unknown), missing},
			{"a stranger's", at("/customers/" + string(strangerCustomer)), missing},
			{"a stranger's, by its bare id", at("/customers/" + strings.TrimPrefix(string(strangerCustomer), "cust-")), missing},
		},
		"PATCH /customers/{id}": {
			{"another reference_id", patching(map[string]any{"reference_id": "other"}), invalid("must NOT change", "/body/reference_id")},
			{"another type", patching(map[string]any{"type": "BUSINESS"}), invalid("must NOT change", "/body/type")},
			{"another kind of detail", patching(map[string]any{"business_detail": map[string]any{"business_name": "Toko"}}),
				invalid("is not allowed for type INDIVIDUAL", "/body/business_detail")},
			{"no name", patching(map[string]any{"individual_detail": map[string]any{"given_names": nil}}), invalid("must be string", "/body/individual_detail/given_names")},
			{"no name of 2020-05-19", patching(map[string]any{"given_names": nil}, "api-version", "2020-05-19"), invalid("must be string", "/body/given_names")},
			{"no list", patching(map[string]any{"addresses": "here"}), invalid("must be array,null", "/body/addresses")},
			{"unknown", func(*town) asked { return asked{path: unknown, body: map[string]any{}} }, missing},
			{"a stranger's", func(*town) asked {
				return asked{path: "/customers/" + string(strangerCustomer), body: map[string]any{"description": "mine"}}
			}, missing},
		},
	}
}
