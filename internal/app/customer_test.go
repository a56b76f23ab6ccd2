package app

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// customer reads a customer of the sandbox's business.
func (f *front) customer(id string) map[string]any {
	f.t.Helper()
	return f.read("/customers/" + id)
}

// newCustomer keeps a customer.
func (f *front) newCustomer(body map[string]any) map[string]any {
	f.t.Helper()
	status, customer := f.call("POST", "/customers", SandboxSecretKey, body)
	if status != http.StatusOK {
		f.t.Fatalf("POST /customers: %d %v", status, customer)
	}
	return customer
}

func TestCustomers(t *testing.T) {
	t.Parallel()
	town := openTown(t)
	town.stranger()

	t.Run("with a session and by itself, it is the same", func(t *testing.T) {
		w := town.in(t)
		inline := map[string]any{
			"reference_id": "inline", "type": "INDIVIDUAL", "email": "ayu@example.com", "mobile_number": "+6281295412345",
			"individual_detail": map[string]any{"given_names": "Ayu", "surname": "Lestari", "gender": "FEMALE", "date_of_birth": "1990-04-21", "nationality": "ID"},
		}
		first := w.customer(w.newSession(visaChallenge, with("customer", inline))["customer_id"].(string))
		inline["reference_id"] = "alone"
		second := w.customer(w.newCustomer(inline)["id"].(string))
		for _, c := range []map[string]any{first, second} {
			if c["email"] != "ayu@example.com" || c["hashed_phone_number"] != "+628########45" {
				t.Errorf("%v", c)
			}
			for _, own := range []string{"id", "reference_id", "created", "updated"} {
				delete(c, own)
			}
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("(-with a session +by itself):\n%s", diff)
		}
	})

	t.Run("one who is known stays as known", func(t *testing.T) {
		w := town.in(t)
		known := w.newCustomer(map[string]any{"reference_id": "known", "email": "known@example.com"})
		session := w.newSession(visaChallenge, with("customer", map[string]any{
			"reference_id": "known", "type": "INDIVIDUAL", "email": "other@example.com", "individual_detail": map[string]any{"given_names": "Other"},
		}))
		if session["customer_id"] != known["id"] {
			t.Errorf("%v is another than %v", session["customer_id"], known["id"])
		}
		if diff := cmp.Diff(known, w.customer(known["id"].(string))); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	})

	t.Run("changed, it stays changed", func(t *testing.T) {
		w := town.in(t)
		made := w.newCustomer(map[string]any{"reference_id": "changing", "description": "before"})
		status, changed := w.call("PATCH", "/customers/"+made["id"].(string), SandboxSecretKey, map[string]any{"description": nil, "metadata": map[string]any{"a": "b"}})
		if status != http.StatusOK || changed["description"] != nil || changed["created"] != made["created"] {
			t.Errorf("%d %v", status, changed)
		}
		if diff := cmp.Diff(changed, w.customer(made["id"].(string))); diff != "" {
			t.Errorf("(-changed +read):\n%s", diff)
		}
		list := w.read("/customers?reference_id=changing")
		if diff := cmp.Diff(map[string]any{"data": []any{changed}, "has_more": false}, list); diff != "" {
			t.Errorf("(-want +listed):\n%s", diff)
		}
	})

	t.Run("a reference is found by its own business alone", func(t *testing.T) {
		w := town.in(t)
		for key, found := range map[string]int{SandboxSecretKey: 1, strangerSecretKey: 0} {
			_, list := w.call("GET", "/customers?reference_id=sandbox-customer", key, nil)
			if data, _ := list["data"].([]any); len(data) != found {
				t.Errorf("%v, want %d", list, found)
			}
		}
		status, theirs := w.call("POST", "/customers", strangerSecretKey, map[string]any{"reference_id": "sandbox-customer"})
		if status != http.StatusOK {
			t.Errorf("the same reference of another business: %d %v", status, theirs)
		}
	})

	t.Run("many at once", func(t *testing.T) {
		w := town.in(t)
		send := func(headers ...string) (statuses []int, ids map[any]bool) {
			const n = 8
			answers := make([]answer, n)
			var tasks sync.WaitGroup
			for i := range n {
				tasks.Go(func() {
					answers[i], _ = w.send("POST", "/customers", SandboxSecretKey, map[string]any{"reference_id": "many" + headers[1]}, headers...)
				})
			}
			tasks.Wait()
			ids = map[any]bool{}
			for _, a := range answers {
				statuses = append(statuses, a.status)
				if id := a.body["id"]; id != nil {
					ids[id] = true
				}
			}
			slices.Sort(statuses)
			return statuses, ids
		}
		statuses, ids := send("idempotency-key", "many")
		if statuses[0] != 200 || statuses[len(statuses)-1] != 200 || len(ids) != 1 {
			t.Errorf("under one key: %v, customers %v", statuses, ids)
		}
		statuses, ids = send("x-request", "other")
		if statuses[0] != 200 || statuses[1] != 409 || len(ids) != 1 {
			t.Errorf("without a key: %v, customers %v", statuses, ids)
		}
	})
}
