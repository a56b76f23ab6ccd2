package payment

// Outcome of a message to the acquirer. A decline is not an error, and no answer is not a decline.
type Outcome string

const (
	Approved Outcome = "APPROVED"
	Declined Outcome = "DECLINED"
	// Unknown: no answer in time. It is reversed until acknowledged and never guessed.
	Unknown Outcome = "UNKNOWN"
	// Unwanted: approved, but not as asked (another amount, part of it, a CVN that does not match). The
	// payment fails and the approval is reversed.
	Unwanted Outcome = "UNWANTED"
	// Unsent: not one byte left. The payment fails and there is nothing to reverse.
	Unsent Outcome = "UNSENT"
)

// Answer is what came of a message to the acquirer: an authorisation of any purpose, or an advice.
type Answer struct {
	Outcome       Outcome
	Failure       FailureCode // unless approved or unknown
	Authorization Authorization

	// StepUp: declined because the issuer wants the payer authenticated first (a soft decline).
	StepUp bool
}

// Mismatch says whether the issuer found the CVN wrong.
func (a Answer) Mismatch() bool { return a.Failure == InvalidCVN || a.Authorization.CVNResult == "N" }

// Authorization holds what the acquirer answered, under the names of the v3 API's
// payment_details.authorization_data. Empty strings were not sent by the host.
type Authorization struct {
	AuthorizationCode    string // DE38
	ResponseCode         string // DE39, raw
	ResponseDescriptor   string // our text for it
	RRN                  string // DE37
	NetworkTransactionID string // DE62
	AcquirerMerchantID   string // DE42
	ReconciliationID     string // DE63
	CVNResult            string // M, N, or the network's letter
	AVSResult            string // M, N, or the network's letter
	AdviceCode           string // Mastercard merchant advice code
}

// Stops says whether the issuer forbids to try the card again: Mastercard merchant advice codes 03 (do not try
// again) and 21 (payment cancelled).
func (a Authorization) Stops(brand string) bool {
	return brand == "MASTERCARD" && (a.AdviceCode == "03" || a.AdviceCode == "21")
}

// FailureCode is the v3 API's failure_code of a payment.
type FailureCode string

const (
	AuthenticationFailed       FailureCode = "AUTHENTICATION_FAILED"
	CardDeclined               FailureCode = "CARD_DECLINED"
	ChannelUnavailable         FailureCode = "CHANNEL_UNAVAILABLE"
	DeclinedByIssuer           FailureCode = "DECLINED_BY_ISSUER"
	DeclinedByProcessor        FailureCode = "DECLINED_BY_PROCESSOR"
	ExpiredCard                FailureCode = "EXPIRED_CARD"
	InactiveOrUnauthorizedCard FailureCode = "INACTIVE_OR_UNAUTHORIZED_CARD"
	InsufficientBalance        FailureCode = "INSUFFICIENT_BALANCE"
	InvalidCVN                 FailureCode = "INVALID_CVV" // the wire enum's spelling
	IssuerUnavailable          FailureCode = "ISSUER_UNAVAILABLE"
	PartnerTimeout             FailureCode = "PARTNER_TIMEOUT_ERROR"
	PaymentRequestExpired      FailureCode = "PAYMENT_REQUEST_EXPIRED"
	ProcessorError             FailureCode = "PROCESSOR_ERROR"
	ServerError                FailureCode = "SERVER_ERROR"
	StolenCard                 FailureCode = "STOLEN_CARD"
	SuspectedFraudulent        FailureCode = "SUSPECTED_FRAUDULENT"
	Timeout                    FailureCode = "TIMEOUT_ERROR"
	UserDeclined               FailureCode = "USER_DECLINED_PAYMENT"
)
