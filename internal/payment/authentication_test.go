package payment

import (
	"errors"
	"slices"
	"testing"
)

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
	if err := a.Issued(r); err != nil {
		t.Errorf("its own result is refused: %v", err)
	}
	for name, test := range map[string]struct {
		change func(*Result)
		want   []string
	}{
		"directory":                   {func(r *Result) { r.Directory = "other" }, nil},
		"directory and all else":      {func(r *Result) { *r = Result{Directory: "other", ServerTransID: "1"} }, nil},
		"server id":                   {func(r *Result) { r.ServerTransID = "9" }, nil},
		"DS id":                       {func(r *Result) { r.DSTransID = "9" }, []string{"dsTransID"}},
		"ACS id":                      {func(r *Result) { r.ACSTransID = "9" }, []string{"acsTransID"}},
		"category":                    {func(r *Result) { r.NonPayment = false }, []string{"messageCategory"}},
		"DS id, ACS id, and category": {func(r *Result) { r.DSTransID, r.ACSTransID, r.NonPayment = "", "", false }, []string{"dsTransID", "acsTransID", "messageCategory"}},
	} {
		other := r
		test.change(&other)
		err := a.Issued(other)
		var named []string
		if differs, ok := errors.AsType[*OtherError](err); ok {
			named = differs.Elements
		}
		if !errors.Is(err, ErrNotFound) || !slices.Equal(named, test.want) {
			t.Errorf("a result with another %s: %v, want %q", name, err, test.want)
		}
	}
}
