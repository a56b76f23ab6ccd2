package store

import "testing"

// testPin: what is kept first stays.
func testPin(t *testing.T, db *database) {
	s := db.open(t)
	for _, value := range []string{"first", "second"} {
		kept, err := s.Pin(t.Context(), "name", []byte(value))
		if err != nil || string(kept) != "first" {
			t.Errorf("%q %v", kept, err)
		}
	}
}
