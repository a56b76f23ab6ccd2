package payment

import (
	"cmp"
	"errors"
	"strings"
	"time"
)

// Authentication is one EMV 3-D Secure transaction: an AReq and what came of it.
type Authentication struct {
	ServerTransID ServerTransID
	Version       string // "2.2.0"
	MethodURL     string // where the browser runs the 3DS Method; empty: the range has none
	Asked         time.Time
	Restarts      int // challenges before this one that broke, or never began

	// Preference is what the bank was asked about a challenge (threeDSRequestorChallengeInd, EMV 3DS 2.2 table A.1).
	Preference string
	// StepUp: the issuer has declined to authorise before it knows who pays.
	StepUp bool

	// NonPayment asks the bank to authenticate the payer for a card that is stored, not for an amount
	// (messageCategory 02, EMV 3DS 2.2 table A.1).
	NonPayment bool

	// What was authenticated. Only this may be authorised with the proof.
	Amount   Money
	Merchant BusinessID
	Token    TokenID

	// Directory is who is asked: the directory server that has the card, and then the one that answered.
	Directory string

	// From the ARes.
	DSTransID  string
	ACSTransID string
	ACSURL     string // where a challenge is posted

	// Refused: the AReq was not sent, or not taken, for what it said. Nobody was asked who pays, and nobody was silent.
	Refused bool

	// The result, from the ARes without a challenge and from the RReq after one.
	Challenged  bool
	TransStatus string // Y N U A R I (EMV 3DS 2.2 §6.3.1)
	Reason      string // transStatusReason
	Cancel      string // challengeCancel
	ECI         string
	Value       string // authenticationValue, 28 characters of base64 as received
	Cardholder  string // cardholderInfo, shown to the payer when the bank says no
}

// MaxRestarts is how many broken challenges an attempt survives.
const MaxRestarts = 3

// What may be asked about a challenge.
const (
	NoChallenge      = "02" // not asked for
	PreferChallenge  = "03"
	MandateChallenge = "04"
	RiskAnalysed     = "05" // the risk was analysed, and an exemption is asked for; since 2.2.0
	DataShareOnly    = "06" // the bank is told, and not asked; since 2.2.0
)

// Prefer is what a merchant's bank is asked about a challenge. After a soft decline it is mandated: the issuer has
// said so. Version 2.1.0 knows no exemption, so there a challenge is only not asked for.
func (a Authentication) Prefer(m Merchant) string {
	switch {
	case a.StepUp, m.MandateChallenge:
		return MandateChallenge
	case m.Exemption == "", a.NonPayment: // whoever stores a card is to be known
		return PreferChallenge
	case a.Version == "2.1.0":
		return NoChallenge
	}
	return exemptions[m.Exemption]
}

// Exemption is why a merchant asks banks not to challenge its payers.
type Exemption string

const (
	ExemptionTRA       Exemption = "TRA"        // transaction risk analysis
	ExemptionDataShare Exemption = "DATA_SHARE" // the bank is told, and not asked
)

var exemptions = map[Exemption]string{ExemptionTRA: RiskAnalysed, ExemptionDataShare: DataShareOnly}

// Known says whether there is such an exemption.
func (e Exemption) Known() bool { return exemptions[e] != "" }

// Flow names how the payer was authenticated, as the v3 API writes it.
func (a Authentication) Flow() string {
	if a.Challenged {
		return "CHALLENGE"
	}
	return "FRICTIONLESS"
}

// Covers says whether what was authenticated is what is about to be authorised.
func (a Authentication) Covers(amount Money, merchant BusinessID, token TokenID) bool {
	return a.Amount == amount && a.Merchant == merchant && a.Token == token
}

// cancelFailures maps challengeCancel to a failure code; any other reason is AUTHENTICATION_FAILED.
var cancelFailures = map[string]FailureCode{
	"03": Timeout, "04": Timeout, "05": Timeout, "08": Timeout,
	"06": ProcessorError, "07": ProcessorError,
}

// Failure is the failure code of a result that is not a proof.
func (a Authentication) Failure() FailureCode {
	if code, ok := cancelFailures[a.Cancel]; ok {
		return code
	}
	return AuthenticationFailed
}

// Result is what a directory server says at the end of a challenge (RReq, EMV 3DS 2.2 §6.8 table B.8).
type Result struct {
	Directory     string // identity in the certificate of who sent it
	Version       string // messageVersion
	ServerTransID ServerTransID
	DSTransID     string
	ACSTransID    string
	NonPayment    bool // messageCategory 02
	TransStatus   string
	Reason        string
	Cancel        string
	ECI           string
	Value         string
	Cardholder    string // cardholderInfo, which an RReq has from EMV 3DS 2.3.1 on
}

// Conclude is the authentication with the result of its challenge.
func (a Authentication) Conclude(r Result) Authentication {
	a.Challenged = true
	a.TransStatus, a.Reason, a.Cancel, a.ECI, a.Value = r.TransStatus, r.Reason, r.Cancel, r.ECI, r.Value
	a.Cardholder = cmp.Or(r.Cardholder, a.Cardholder)
	return a
}

// ErrUnanswered reports that a directory server said nothing to an AReq, or that a system behind it failed (EMV 3DS 2.2
// table A.4, codes 4xx): the bank could not be asked, and nothing that the AReq said is why.
var ErrUnanswered = errors.New("payment: the directory server did not answer")

// ErrOtherVersion reports a result in another protocol version than its authentication began in (EMV 3DS 2.3.1 table A.4,
// code 203).
var ErrOtherVersion = errors.New("payment: the result speaks another version of 3-D Secure")

// OtherError reports a result of the right directory server about another transaction than the one that it names, by the
// elements that differ. To whoever does not tell them it is an ErrNotFound.
type OtherError struct{ Elements []string }

func (e *OtherError) Error() string {
	return "payment: the result differs from its authentication in " + strings.Join(e.Elements, ",")
}

// Unwrap says that there is no such transaction.
func (e *OtherError) Unwrap() error { return ErrNotFound }

// AskedOf says whether a directory server is the one that was asked about an attempt, whatever became of the AReq: all
// that an attempt asks is about one card.
func (r Request) AskedOf(directory string) bool {
	a := r.Authentication
	if a == nil && r.SoftDecline != nil {
		a = r.SoftDecline.Authentication
	}
	return a != nil && a.Directory == directory
}

// Issued is nil where a result comes from who answered the AReq, about the same transaction and what it asked for. Else it
// is ErrNotFound, and to that directory server alone an *OtherError.
func (a Authentication) Issued(r Result) error {
	if a.Directory != r.Directory || a.ServerTransID != r.ServerTransID {
		return ErrNotFound
	}
	var differ []string
	if a.DSTransID != r.DSTransID {
		differ = append(differ, "dsTransID")
	}
	if a.ACSTransID != r.ACSTransID {
		differ = append(differ, "acsTransID")
	}
	if a.NonPayment != r.NonPayment {
		differ = append(differ, "messageCategory")
	}
	if differ != nil {
		return &OtherError{differ}
	}
	return nil
}
