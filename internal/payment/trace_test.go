package payment

import "testing"

func TestKeyNamesTheClass(t *testing.T) {
	at := func(mti string) Trace { return Trace{MTI: mti, STAN: "000001", RRN: "604408000001"} }
	if at("0100").Key() != at("0110").Key() || at("0100").Key() == at("0200").Key() {
		t.Errorf("%s, %s, %s", at("0100").Key(), at("0110").Key(), at("0200").Key())
	}
}
