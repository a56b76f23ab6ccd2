package main

import "testing"

// TestAdvice types the commands where there is nothing to settle.
func TestAdvice(t *testing.T) {
	atDesks(t, func(d *desk) {
		if list := d.do("advice", "list"); list != "ADVICE  KIND  STATUS  OPENED  TRIES  PAYMENT REQUEST  TERMINAL  STAN  RRN  DE7  DE4  DE49  REASON" {
			d.t.Errorf("%s", list)
		}
		d.do("advice", "list", "--status", "OPEN", "--status", "CLOSED")
		d.refused([]string{"advice", "list", "--status", "LOST"}, `there is no status "LOST"`)
		d.refused([]string{"advice", "retry", "nobody"}, "there is no advice nobody")
		d.refused([]string{"advice", "close", "nobody", "--reason", "agreed"}, "there is no advice nobody")
		d.refused([]string{"advice", "close", "nobody"}, "--reason")
	})
}
