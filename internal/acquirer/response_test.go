package acquirer

import (
	"os"
	"strings"
	"testing"

	"reprise/internal/payment"
)

// testdata/network-response-codes.tsv is the API's published table, as printed: code, description, mapped
// code.
func TestResponsesAreTheAPIsTable(t *testing.T) {
	text, err := os.ReadFile("testdata/network-response-codes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	moved := map[string]payment.FailureCode{
		"INVALID_CARD": payment.InactiveOrUnauthorizedCard, "ISSUER_SUSPECT_FRAUD": payment.SuspectedFraudulent,
		"PROCESS_ERROR": payment.ProcessorError, "TRANSACTION_BLOCKED": payment.DeclinedByIssuer,
		"PARTIAL_APPROVAL": payment.ProcessorError, "SUCCESS": "",
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, row := range rows {
		columns := strings.Split(row, "\t")
		want := response{columns[1], payment.FailureCode(columns[2])}
		if code, ok := moved[columns[2]]; ok {
			want.failure = code
		}
		if got := meaning("", columns[0]); got != want {
			t.Errorf("%s: %v, want %v", columns[0], got, want)
		}
	}
	if ours := map[network]bool{{"", "00"}: true, {"", "08"}: true, {"", "68"}: true, {"MASTERCARD", "65"}: true}; len(rows) != 78 || len(responses) != len(rows)+len(ours) {
		t.Errorf("%d rows there, %d here, of which %d are ours", len(rows), len(responses), len(ours))
	}
}

// Every failure code of the table is one that the API knows.
func TestResponsesStayInTheEnum(t *testing.T) {
	enum := map[payment.FailureCode]bool{
		payment.AuthenticationFailed: true, payment.CardDeclined: true, payment.DeclinedByIssuer: true,
		payment.DeclinedByProcessor: true, payment.ExpiredCard: true, payment.InactiveOrUnauthorizedCard: true,
		payment.InsufficientBalance: true, payment.InvalidCVN: true, payment.IssuerUnavailable: true,
		payment.PartnerTimeout: true, payment.ProcessorError: true, payment.StolenCard: true,
		payment.SuspectedFraudulent: true,
	}
	for key, r := range responses {
		if approved := key.code == "00" || key.code == "08" || key.code == "11" || key.code == "85"; approved == enum[r.failure] {
			t.Errorf("%v: %q", key, r.failure)
		}
		if r.descriptor == "" {
			t.Errorf("%v has no words", key)
		}
	}
}
