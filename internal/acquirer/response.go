package acquirer

import (
	"reprise/internal/card"
	"reprise/internal/payment"
)

// response is what a network response code (DE39) means to the merchant.
type response struct {
	descriptor string              // network_response_code_descriptor
	failure    payment.FailureCode // "" where the issuer said yes
}

// network is the key of a response code: one number is not the same answer from every scheme.
type network struct {
	brand card.Brand // "" for any
	code  string     // DE39
}

// responses is the one table from DE39 to what the API says. It is the table that the v3 API publishes for
// network response codes; the names that it prints outside the failure_code enum have moved into it: an invalid card is
// INACTIVE_OR_UNAUTHORIZED_CARD, ISSUER_SUSPECT_FRAUD is SUSPECTED_FRAUDULENT, PROCESS_ERROR is
// PROCESSOR_ERROR, TRANSACTION_BLOCKED is DECLINED_BY_ISSUER. Added are 00, 08 and 68 of ISO 8583, and
// Mastercard's 65, which asks for the cardholder to be authenticated and is not final as Visa's is.
var responses = map[network]response{
	{"", "00"}:              {"Approved and completed successfully", ""},
	{"", "08"}:              {"Honor with identification", ""},
	{"", "10"}:              {"Partial Approval", payment.ProcessorError},
	{"", "11"}:              {"Approved (V.I.P)", ""},
	{"", "85"}:              {"Approved", ""},
	{"", "01"}:              {"Refer to card issuer", payment.DeclinedByIssuer},
	{"", "02"}:              {"Refer to card issuer", payment.DeclinedByIssuer},
	{"", "03"}:              {"Invalid merchant", payment.DeclinedByIssuer},
	{"", "04"}:              {"Capture card", payment.StolenCard},
	{"", "05"}:              {"Do not honor", payment.DeclinedByIssuer},
	{"", "06"}:              {"Try again using a different card", payment.DeclinedByIssuer},
	{"", "07"}:              {"Pick up card, special condition (fraud account)", payment.StolenCard},
	{"", "12"}:              {"Invalid transaction", payment.InactiveOrUnauthorizedCard},
	{"", "13"}:              {"Invalid amount", payment.InactiveOrUnauthorizedCard},
	{"", "14"}:              {"Invalid card number", payment.InactiveOrUnauthorizedCard},
	{"", "15"}:              {"Invalid issuer", payment.InactiveOrUnauthorizedCard},
	{"", "19"}:              {"Re-enter transaction", payment.ProcessorError},
	{"", "21"}:              {"Payment cancellation", payment.DeclinedByIssuer},
	{"", "25"}:              {"Unable to locate record in file", payment.ProcessorError},
	{"", "28"}:              {"File temporarily not available for update or inquiry", payment.ProcessorError},
	{"", "30"}:              {"Format error", payment.ProcessorError},
	{"", "39"}:              {"No credit account", payment.InvalidCVN},
	{"", "41"}:              {"Stolen card", payment.StolenCard},
	{"", "42"}:              {"Processor error", payment.ProcessorError},
	{"", "43"}:              {"Stolen card", payment.StolenCard},
	{"", "46"}:              {"Closed account", payment.InactiveOrUnauthorizedCard},
	{"", "51"}:              {"Insufficient funds", payment.InsufficientBalance},
	{"", "52"}:              {"No checking account", payment.ProcessorError},
	{"", "53"}:              {"No savings account", payment.ProcessorError},
	{"", "54"}:              {"Expired card", payment.ExpiredCard},
	{"", "55"}:              {"Invalid PIN", payment.InactiveOrUnauthorizedCard},
	{"", "57"}:              {"Transaction not permitted to cardholder", payment.InactiveOrUnauthorizedCard},
	{"", "58"}:              {"Transaction not permitted", payment.DeclinedByIssuer},
	{"", "59"}:              {"Suspected fraud", payment.SuspectedFraudulent},
	{"", "61"}:              {"Limit exceeded", payment.InsufficientBalance},
	{"", "62"}:              {"Restricted card", payment.DeclinedByIssuer},
	{"", "63"}:              {"Security violation", payment.DeclinedByIssuer},
	{"", "64"}:              {"Card declined", payment.DeclinedByProcessor},
	{"", "65"}:              {"Limit exceeded", payment.DeclinedByIssuer},
	{card.Mastercard, "65"}: {"Authentication required", payment.AuthenticationFailed},
	{"", "68"}:              {"Response received too late", payment.PartnerTimeout},
	{"", "70"}:              {"Contact card issuer", payment.DeclinedByIssuer},
	{"", "71"}:              {"PIN not changed", payment.CardDeclined},
	{"", "72"}:              {"Account not yet active", payment.DeclinedByIssuer},
	{"", "74"}:              {"Invalid PIN", payment.DeclinedByProcessor},
	{"", "75"}:              {"Allowable number of PIN tries exceeded", payment.DeclinedByIssuer},
	{"", "78"}:              {"Invalid / nonexistent account specified (general)", payment.InactiveOrUnauthorizedCard},
	{"", "79"}:              {"Life cycle", payment.DeclinedByProcessor},
	{"", "80"}:              {"Credit issuer unavailable", payment.ProcessorError},
	{"", "81"}:              {"Suspected fraud", payment.DeclinedByProcessor},
	{"", "82"}:              {"Invalid CVN", payment.InvalidCVN},
	{"", "83"}:              {"Suspected fraud", payment.SuspectedFraudulent},
	{"", "84"}:              {"Invalid authorization life cycle", payment.DeclinedByIssuer},
	{"", "86"}:              {"Invalid PIN", payment.DeclinedByProcessor},
	{"", "87"}:              {"Purchase amount only, no cash back allowed", payment.CardDeclined},
	{"", "88"}:              {"Cryptographic failure", payment.CardDeclined},
	{"", "89"}:              {"Ineligible to receive financial position information (GIV)", payment.ProcessorError},
	{"", "90"}:              {"Cutoff is in progress", payment.CardDeclined},
	{"", "91"}:              {"Temporary system error", payment.IssuerUnavailable},
	{"", "92"}:              {"Temporary system error", payment.InactiveOrUnauthorizedCard},
	{"", "93"}:              {"Transaction cannot be completed - violation of law", payment.DeclinedByIssuer},
	{"", "94"}:              {"Duplicated transaction", payment.DeclinedByProcessor},
	{"", "96"}:              {"System error", payment.IssuerUnavailable},
	{"", "1A"}:              {"Authentication required", payment.AuthenticationFailed},
	{"", "1Z"}:              {"Temporary system error", payment.ProcessorError},
	{"", "9G"}:              {"Blocked by cardholder/contact cardholder", payment.CardDeclined},
	{"", "5C"}:              {"Transaction not supported/blocked by issuer", payment.DeclinedByIssuer},
	{"", "B1"}:              {"Surcharge amount not permitted on Visa cards or EBT food stamps (U.S. acquirers only)", payment.DeclinedByProcessor},
	{"", "B2"}:              {"Surcharge amount not supported by debit network issuer", payment.DeclinedByProcessor},
	{"", "N0"}:              {"Force STIP", payment.ProcessorError},
	{"", "N3"}:              {"Issuer not available", payment.DeclinedByIssuer},
	{"", "N4"}:              {"Limit exceeded", payment.InsufficientBalance},
	{"", "N5"}:              {"Ineligible for resubmission", payment.ProcessorError},
	{"", "N7"}:              {"Invalid CVN", payment.InvalidCVN},
	{"", "N8"}:              {"Preauthorized amount exceeded", payment.DeclinedByProcessor},
	{"", "P6"}:              {"Denied PIN", payment.CardDeclined},
	{"", "Q1"}:              {"Authentication failed", payment.ProcessorError},
	{"", "R0"}:              {"Stop payment order", payment.DeclinedByIssuer},
	{"", "R1"}:              {"Revocation of authorization order", payment.DeclinedByIssuer},
	{"", "R2"}:              {"Transaction does not qualify for Visa PIN", payment.DeclinedByIssuer},
	{"", "R3"}:              {"Revocation of authorization order", payment.DeclinedByIssuer},
	{"", "Z3"}:              {"Not available for online transaction", payment.DeclinedByIssuer},
}

// softDeclines are the codes by which a scheme's issuer wants the payer authenticated first, and would then decide anew.
var softDeclines = map[network]bool{
	{card.Visa, "1A"}:       true,
	{card.Mastercard, "65"}: true,
}

// meaning looks a code up, for the scheme first. A code that nobody knows is a decline without a reason.
func meaning(brand card.Brand, code string) response {
	for _, key := range []network{{brand, code}, {"", code}} {
		if r, ok := responses[key]; ok {
			return r
		}
	}
	return response{"Card declined", payment.CardDeclined}
}
