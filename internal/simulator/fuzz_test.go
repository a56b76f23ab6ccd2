package simulator

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

// FuzzKnobs: what the control port is told is taken as a whole or not at all, twice is as good as once, and what it
// says of itself it takes back.
func FuzzKnobs(f *testing.F) {
	for _, patch := range []string{
		`{"calm":true,"acquirer_exponents":{"IDR":0}}`, `{"next_acquirer":{"behaviour":"late","delay_ms":9000,"times":3}}`, `{"next_acquirer":null}`,
		`{"next_advice":{"behaviour":"any","chance":0.5,"seed":7}}`, `{"next_echo":{"behaviour":"decline","code":"96"},"calm":1}`, `{"calm":true,"calm":false}`,
	} {
		f.Add(`{"next_acquirer":{"behaviour":"silence"}}`, patch)
	}
	f.Fuzz(func(t *testing.T, first, patch string) {
		var k knobs
		tell := func(patch string) error {
			var bad error
			err := k.turn(func(set *Knobs) { bad = mergeKnobs(set, []byte(patch)) })
			return errors.Join(bad, err)
		}
		_ = tell(first)
		before := k.now()
		if err := tell(patch); err != nil {
			if !reflect.DeepEqual(before, k.now()) {
				t.Fatalf("%q was refused (%v) and changed %+v to %+v", patch, err, before, k.now())
			}
			return
		}
		once := k.now()
		if err := tell(patch); err != nil || !reflect.DeepEqual(once, k.now()) {
			t.Fatalf("%q is another the second time: %v, %+v and %+v", patch, err, once, k.now())
		}
		said, err := json.Marshal(once)
		if err != nil {
			t.Fatal(err)
		}
		k = knobs{}
		if err := tell(string(said)); err != nil || !reflect.DeepEqual(once, k.now()) {
			t.Fatalf("it says of itself %s, and that is %+v: %v", said, k.now(), err)
		}
	})
}
