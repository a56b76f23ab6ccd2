package store

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// testUnread: a later version runs beside this one and keeps more with its objects. What this one does not know of
// them is there after it changed them, and so is what it changed.
func testUnread(t *testing.T, db *database) {
	s := db.open(t)
	ctx := t.Context()
	m := merchant()
	m.Accounts = []payment.Account{{Scheme: "JCB", Terminal: "KOPI0002"}, {Label: "online", Terminal: "KOPI0003"}}
	seed(t, s)
	must(t, s.SaveMerchant(ctx, merchant(), m, actor))
	_, err := s.Change(ctx, bySession, nil, submit(1, "v"))
	must(t, err)
	_, err = s.Change(ctx, bySession, nil, func(c payment.Case) (payment.Changes, error) {
		r := payment.Refund{ID: "rfd-1", Business: business, Request: "pr-1", Status: payment.RefundPending, Advice: "rf-1"}
		a := payment.Advice{ID: "rf-1", Kind: payment.RefundAdvice, Request: "pr-1", Refund: "rfd-1", Status: payment.AdviceOpen}
		return payment.Changes{Refund: &r, Effects: []payment.Effect{payment.SaveAdvice{Advice: a}}}, nil
	})
	must(t, err)

	// What a later version keeps: at the root, in an object, in a list, in a list's item.
	later := func(table string, change func(map[string]any)) {
		t.Helper()
		object := kept(t, s, table)
		object["Later"] = map[string]any{"Big": json.Number("12345678901234567890"), "List": []any{"a", nil}}
		change(object)
		data, err := json.Marshal(object)
		must(t, err)
		must(t, s.commit(ctx, stmt{sql: `UPDATE ` + table + ` SET data = $1`, args: []any{string(data)}}))
	}
	inside := func(name string) func(map[string]any) {
		return func(object map[string]any) { object[name].(map[string]any)["Later"] = true }
	}
	later("session", inside("Amount"))
	later("request", inside("Amount"))
	later("token", inside("Cardholder"))
	later("refund", inside("Amount"))
	later("advice", inside("Trace"))
	later("merchant", func(object map[string]any) {
		for i := range 2 {
			object["Accounts"].([]any)[i].(map[string]any)["Later"] = i
		}
	})

	// This version changes all of it, twice.
	for n := 2; n <= 3; n++ {
		_, err = s.Change(ctx, payment.Lookup{Refund: "rfd-1"}, nil, func(c payment.Case) (payment.Changes, error) {
			a, err := s.Advice(context.Background(), "rf-1")
			c.Session.Attempts, c.Request.Submits, c.Token.CVNDigits, c.Refund.Amount.Minor, a.Tries = n, n, n, int64(n), n
			c.Request.Capture = &payment.Capture{ID: "cptr-1"}
			return payment.Changes{
				Session: &c.Session, Requests: []payment.Request{*c.Request}, Tokens: []payment.Token{c.Token}, Refund: c.Refund,
				Effects: []payment.Effect{payment.SaveAdvice{Advice: a}},
			}, err
		})
		must(t, err)
		was, err := s.Merchant(ctx, business)
		must(t, err)
		now := m
		now.MaxDeclines, now.Accounts = n, []payment.Account{m.Accounts[0], {Label: "online", Terminal: fmt.Sprint("KOPI", n)}}
		must(t, s.SaveMerchant(ctx, was, now, actor))
	}
	want := map[string]any{"Big": json.Number("12345678901234567890"), "List": []any{"a", nil}}
	for table, path := range map[string][]string{
		"session": {"Amount", "Attempts"}, "request": {"Amount", "Submits"}, "token": {"Cardholder", "CVNDigits"},
		"refund": {"Amount", ""}, "advice": {"Trace", "Tries"}, "merchant": {"", "MaxDeclines"},
	} {
		object := kept(t, s, table)
		if diff := cmp.Diff(want, object["Later"]); diff != "" {
			t.Errorf("%s lost what it does not know (-want +got):\n%s", table, diff)
		}
		if inner, ok := object[path[0]].(map[string]any); path[0] != "" && (!ok || inner["Later"] != true) {
			t.Errorf("%s lost it in %s: %v", table, path[0], inner)
		}
		if path[1] != "" && fmt.Sprint(object[path[1]]) != "3" {
			t.Errorf("%s: %s is %v", table, path[1], object[path[1]])
		}
	}
	if object := kept(t, s, "refund"); fmt.Sprint(object["Amount"].(map[string]any)["Minor"]) != "3" {
		t.Errorf("the refund's amount is %v", object["Amount"])
	}
	if object := kept(t, s, "request"); object["Capture"] == nil {
		t.Error("what was written first is not there")
	}
	accounts := kept(t, s, "merchant")["Accounts"].([]any)
	first, second := accounts[0].(map[string]any), accounts[1].(map[string]any)
	if fmt.Sprint(first["Later"]) != "0" || second["Later"] != nil || second["Terminal"] != "KOPI3" {
		t.Errorf("the account that stays as it is, and the one that is another: %v, %v", first, second)
	}
	c, err := s.Case(ctx, payment.Lookup{Refund: "rfd-1"})
	if err != nil || c.Session.Attempts != 3 || c.Request.Submits != 3 || c.Token.Masked != storedCard().Masked {
		t.Errorf("read again: %+v, %v", c, err)
	}
}

// kept is the JSON of the only row of a table.
func kept(t *testing.T, s *Store, table string) (object map[string]any) {
	t.Helper()
	var data []byte
	must(t, s.one(t.Context(), `SELECT data FROM `+table, nil, &data))
	must(t, decode(data, &object))
	if big, ok := object["Later"].(map[string]any); ok {
		var exact struct{ Later struct{ Big json.Number } }
		must(t, decode(data, &exact))
		big["Big"] = exact.Later.Big
	}
	return object
}

// TestWhatIsKnownStaysAsItIs: a row that this version knows all of is written as it always was, to the byte, and a
// member that it took away stays away.
func TestWhatIsKnownStaysAsItIs(t *testing.T) {
	r := payment.Request{ID: "pr-1", Capture: &payment.Capture{ID: "cptr-1"}}
	r.Echo = json.RawMessage(`{"z":1,"a":{"Later":"<&>"}}`)
	plain, err := encodeRow(r, "")
	must(t, err)
	var read payment.Request
	must(t, decodeRow([]byte(plain), &read, &read.Unread))
	if read.Unread != "" {
		t.Errorf("unread: %s", read.Unread)
	}
	must(t, decodeRow([]byte(`{"Later":[1],`+plain[1:]), &read, &read.Unread))
	read.Capture = nil
	again, err := encodeRow(read, read.Unread)
	must(t, err)
	var got struct {
		Later   []int
		Capture *payment.Capture
		Echo    json.RawMessage
	}
	must(t, decode([]byte(again), &got))
	if len(got.Later) != 1 || got.Capture != nil || string(got.Echo) != `{"z":1,"a":{"Later":"\u003c\u0026\u003e"}}` {
		t.Errorf("%s", again)
	}
	if err := decodeRow([]byte(`{"Amount":"much","Later":1}`), &read, &read.Unread); err == nil {
		t.Error("a row that cannot be read was")
	}
}
