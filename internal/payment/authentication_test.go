package payment

import "testing"

func TestAuthenticationProves(t *testing.T) {
	for _, test := range []struct {
		status, value string
		nonPayment    bool
		want          bool
	}{
		{"Y", "value", false, true}, {"A", "value", false, true}, {"Y", "", false, false}, {"A", "", false, false},
		{"Y", "value", true, true}, {"Y", "", true, true}, {"A", "", true, true},
		{"", "", true, false}, {"N", "value", true, false}, {"U", "", true, false}, {"R", "", true, false},
		{"I", "value", true, false}, {"C", "", true, false},
		{"N", "value", false, false}, {"U", "value", false, false}, {"I", "value", false, false},
	} {
		a := Authentication{TransStatus: test.status, Value: test.value, NonPayment: test.nonPayment}
		if a.Proves() != test.want {
			t.Errorf("status %q, value %q, non-payment %t: proves %t", test.status, test.value, test.nonPayment, a.Proves())
		}
	}
}

// TestAuthenticationIsIssued: a result about anything but what was asked for is somebody else's.
func TestAuthenticationIsIssued(t *testing.T) {
	a := Authentication{ServerTransID: "1", Directory: "ds", DSTransID: "2", ACSTransID: "3", NonPayment: true}
	r := Result{ServerTransID: "1", Directory: "ds", DSTransID: "2", ACSTransID: "3", NonPayment: true}
	if !a.Issued(r) {
		t.Error("its own result is refused")
	}
	for name, change := range map[string]func(*Result){
		"directory": func(r *Result) { r.Directory = "other" },
		"server id": func(r *Result) { r.ServerTransID = "9" },
		"DS id":     func(r *Result) { r.DSTransID = "9" },
		"ACS id":    func(r *Result) { r.ACSTransID = "9" },
		"category":  func(r *Result) { r.NonPayment = false },
	} {
		other := r
		if change(&other); a.Issued(other) {
			t.Errorf("a result with another %s is taken", name)
		}
	}
}
