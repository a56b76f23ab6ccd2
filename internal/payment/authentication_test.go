package payment

import "testing"

// TestWhatTheBankIsAskedAboutAChallenge: an issuer's wish goes before the merchant's, and 2.1.0 knows no exemption.
func TestWhatTheBankIsAskedAboutAChallenge(t *testing.T) {
	for _, test := range []struct {
		merchant Merchant
		version  string
		stepUp   bool
		want     string
	}{
		{Merchant{}, "2.2.0", false, "03"},
		{Merchant{MandateChallenge: true}, "2.2.0", false, "04"},
		{Merchant{Exemption: ExemptionTRA}, "2.2.0", false, "05"},
		{Merchant{Exemption: ExemptionDataShare}, "2.3.1", false, "06"},
		{Merchant{Exemption: ExemptionTRA}, "2.1.0", false, "02"},
		{Merchant{Exemption: ExemptionDataShare}, "2.1.0", false, "02"},
		{Merchant{Exemption: ExemptionDataShare}, "2.2.0", true, "04"},
		{Merchant{}, "2.1.0", true, "04"},
	} {
		if got := (Authentication{Version: test.version, NonPayment: true}).Prefer(test.merchant); test.merchant.Exemption != "" && got != "03" {
			t.Errorf("%+v, a card is stored: %s", test.merchant, got)
		}
		if got := (Authentication{Version: test.version, StepUp: test.stepUp}).Prefer(test.merchant); got != test.want {
			t.Errorf("%+v, %s, step-up %t: %s, want %s", test.merchant, test.version, test.stepUp, got, test.want)
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
