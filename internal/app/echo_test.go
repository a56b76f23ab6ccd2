package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// unspeakable are values for a card field, each with what of it must not come back: whole ones, too long ones,
// of the wrong kind, and wrapped in what nobody expects there.
func unspeakable() map[string]string {
	const pan, shown = "4929731288371236", "49297312"
	return map[string]string{
		`"` + pan + `"`:                       shown,
		pan:                                   shown,
		`-` + pan + `.5e1`:                    shown,
		`"4929-7312-8837-1236"`:               "4929-7312",
		`"4929 7312 8837 1236"`:               "4929 7312",
		`"\u0034\u0039\u0032\u0039731288371"`: shown,
		`"` + strings.Repeat(pan, 40) + `"`:   shown,
		`"qzxqzxqzx"`:                         "qzxqzxqzx",
		`"４９２９７３１２８８３７１２３６"`:                "４９２９７３１２",
		`"\u0000` + pan + `"`:               shown,
		`{"` + pan + `":"` + pan + `"}`:     shown,
		`["` + pan + `",` + pan + `]`:       shown,
		`[[{"cvn":"` + pan + `"}]]`:         shown,
		`"` + pan:                           shown, // and nothing after it
		pan + `x`:                           shown,
		`"` + pan + `","cvn":"` + pan + `"`: shown, // the name a second time
		`"` + pan + `","` + pan + `":1`:     shown, // or as a name
		"\"\xff" + pan + `"`:                shown,
		`true,"card_number":"` + pan + `"`:  shown,
	}
}

// putting writes a body with a raw text at the place of one member, making the objects on the way.
func putting(t *testing.T, body, place, raw string) string {
	t.Helper()
	const mark = "\u2056mark\u2056"
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(put(value, strings.Split(place, "/")[1:], mark))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(text), `"`+mark+`"`, raw, 1)
}

// put puts a value at a place.
func put(value any, tokens []string, what any) any {
	if len(tokens) == 0 {
		return what
	}
	if tokens[0] == "0" {
		list, _ := value.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = put(list[0], tokens[1:], what)
		return list
	}
	members, ok := value.(map[string]any)
	if !ok {
		members = map[string]any{}
	}
	members[tokens[0]] = put(members[tokens[0]], tokens[1:], what)
	return members
}

// takesCard says whether a body may hold a card's number or CVN.
func (o operation) takesCard() bool {
	return slices.ContainsFunc(o.places, func(place string) bool {
		return strings.HasSuffix(place, "/cvn") || strings.HasSuffix(place, "/card_number")
	})
}

func isCardField(place string) bool {
	return slices.Contains([]string{"cvn", "card_number", "expiry_month", "expiry_year"}, place[strings.LastIndex(place, "/")+1:])
}

// TestNoCardFieldComesBack sends what looks like a card to every member of every operation that takes card
// fields, and to members that nobody knows. Whatever is answered repeats none of it, and the log does not
// either.
func TestNoCardFieldComesBack(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	operations, _ := w.operations()
	taking, sent, refused := 0, 0, 0
	for _, o := range operations {
		if !o.takesCard() {
			continue
		}
		taking++
		for name := range o.examples {
			t.Run(o.pattern+" "+name, func(t *testing.T) {
				w, path, staged := w.in(t), "", ""
				for _, place := range append(o.places, "/nobody_knows", "/Card_Number", "/card_details/cvn") {
					for value, secret := range unspeakable() {
						if path == "" { // what went before may have used up the session
							path, staged = w.staged(o, name)
						}
						already := len(w.log.String())
						a, err := w.send(o.method, path, o.key, putting(t, staged, place, value))
						if err != nil {
							t.Fatalf("%s: %v", place, err)
						}
						sent++
						if a.status < http.StatusBadRequest {
							path = ""
						} else {
							refused++
						}
						for where, text := range map[string]string{"answer": fmt.Sprint(a.header, a.body), "log": w.log.String()[already:]} {
							if where == "answer" && a.status < http.StatusBadRequest && !isCardField(place) {
								continue // the merchant's own words, which are repeated to the merchant
							}
							if strings.Contains(text, secret) {
								t.Errorf("%s = %s comes back in the %s: %s", place, value, where, text)
							}
						}
						if a.status >= http.StatusInternalServerError {
							t.Errorf("%s = %s: %d %v", place, value, a.status, a.body)
						}
					}
				}
			})
		}
	}
	if taking < 2 || refused < sent/2 {
		t.Errorf("%d operations take card fields; of %d requests %d were refused", taking, sent, refused)
	}
	t.Logf("%d operations, %d requests, %d refused", taking, sent, refused)
}
