package payment

import "slices"

// Verdict is what a result of 3-D Secure leads to.
type Verdict string

const (
	VerdictAuthorise Verdict = "authorise"
	VerdictFail      Verdict = "fail"
	VerdictStepUp    Verdict = "step up" // the bank challenges the payer
	VerdictAgain     Verdict = "again"   // another AReq, for the same payer
	VerdictRefuse    Verdict = "refuse"  // it fails, and whoever says such a thing breaks the protocol
)

// Event is what a verdict is to the state machine.
func (v Verdict) Event() EventKind {
	switch v {
	case VerdictAuthorise:
		return Prove
	case VerdictStepUp:
		return Challenge
	case VerdictAgain:
		return Restart
	}
	return Disprove
}

// outcome is what one decision looks at.
type outcome struct {
	Authentication
	scheme   string // Token.Brand
	merchant Merchant
}

// condition is what must hold beside the transStatus, by name, so that the table can be read and printed.
type condition string

const (
	valueless    condition = "a payment, and no authenticationValue"
	contradicted condition = "the ECI is another status's"
	answered     condition = "it is the result of a challenge"
	neverBegun   condition = "the challenge never began (challengeCancel 05), and may be begun again"
	notAsked     condition = "no exemption was asked for"
	dataOnly     condition = "only data was to be shared (threeDSRequestorChallengeInd 06)"
	wanted       condition = "after a soft decline"
	noAttempts   condition = "the merchant refuses attempts"
	refused      condition = "the AReq was refused, by us or by who got it"
	soughtBefore condition = "a challenge before it came to nothing"
	anyway       condition = "the merchant goes on without authentication"
)

var conditions = map[condition]func(outcome) bool{
	valueless:    func(o outcome) bool { return o.Value == "" && !o.NonPayment },
	contradicted: outcome.contradicted,
	answered:     func(o outcome) bool { return o.Challenged },
	neverBegun:   func(o outcome) bool { return o.Cancel == "05" && o.Restarts < MaxRestarts },
	notAsked:     func(o outcome) bool { return !o.exempted() },
	dataOnly:     func(o outcome) bool { return o.Preference == DataShareOnly },
	wanted:       func(o outcome) bool { return o.StepUp },
	noAttempts:   func(o outcome) bool { return o.merchant.RefuseAttempts },
	refused:      func(o outcome) bool { return o.Refused },
	soughtBefore: func(o outcome) bool { return o.Restarts > 0 },
	anyway:       func(o outcome) bool { return o.merchant.AllowUnauthenticated },
}

// decision is a row of the table: of the rows of a transStatus the first whose condition holds counts.
type decision struct {
	status  string // transStatus (EMV 3DS 2.2 table A.1); empty: any other
	when    condition
	verdict Verdict
	why     string
}

// decisions is the one table from a result of 3-D Secure to what becomes of the attempt
// (docs/3ds-decisions.md is printed from it).
var decisions = []decision{
	{"Y", valueless, VerdictRefuse, "there is nothing that shows it to the issuer (EMV 3DS 2.2 table B.2)"},
	{"Y", contradicted, VerdictRefuse, "status and ECI cannot both be true, and the acquirer would be told the ECI"},
	{"Y", "", VerdictAuthorise, "authenticated"},

	{"A", valueless, VerdictRefuse, "there is nothing that shows it to the issuer (EMV 3DS 2.2 table B.2)"},
	{"A", contradicted, VerdictRefuse, "status and ECI cannot both be true, and the acquirer would be told the ECI"},
	{"A", wanted, VerdictFail, "the issuer wants the payer authenticated, and nobody was"},
	{"A", noAttempts, VerdictFail, "the merchant wants payers who were authenticated"},
	{"A", "", VerdictAuthorise, "the scheme stood in for a bank that could not be asked"},

	{"I", answered, VerdictRefuse, "a challenge has another end"},
	{"I", notAsked, VerdictRefuse, "it is the answer to an exemption that nobody asked for"},
	{"I", contradicted, VerdictRefuse, "status and ECI cannot both be true, and the acquirer would be told the ECI"},
	{"I", "", VerdictAuthorise, "taken note of, as the merchant asked; who pays for fraud is not shifted"},

	{"C", answered, VerdictRefuse, "a challenge has another end"},
	{"C", dataOnly, VerdictRefuse, "who only shares data is not challenged"},
	{"C", "", VerdictStepUp, "the bank wants to talk with the payer"},

	{"U", neverBegun, VerdictAgain, "the payer's page came after the bank's 30 s"},
	{"U", wanted, VerdictFail, "the issuer wants the payer authenticated, and nobody was"},
	{"U", answered, VerdictFail, "the bank wanted to see the payer: who never comes must not get around it"},
	{"U", soughtBefore, VerdictFail, "the bank wanted to see the payer: who breaks it off must not get around it"},
	{"U", refused, VerdictFail, "a browser says some of what is in it: who sends what nobody takes must not get around the bank"},
	{"U", anyway, VerdictAuthorise, "as if 3-D Secure was skipped: nothing is shown to the issuer"},
	{"U", "", VerdictFail, "could not be authenticated"},

	{"N", neverBegun, VerdictAgain, "the payer's page came after the bank's 30 s"},
	{"N", "", VerdictFail, "not authenticated"},
	{"R", "", VerdictFail, "the issuer asks not to try, and is not tried again"},
	{"D", "", VerdictRefuse, "decoupled authentication was not asked for"},
	{"S", "", VerdictRefuse, "secure payment confirmation was not offered"},
	{"", "", VerdictRefuse, "there is no such status"},
}

// Decide says what a result leads to, and why. The card's scheme says what its ECI means, the merchant what it
// accepts.
func (a Authentication) Decide(scheme string, m Merchant) (v Verdict, why string) {
	o := outcome{a, scheme, m}
	for _, d := range decisions {
		if d.status != a.TransStatus && d.status != "" {
			continue
		}
		if d.when == "" || conditions[d.when](o) {
			return d.verdict, d.why
		}
	}
	return VerdictRefuse, "" // the last row holds for all
}

// exempted says whether the AReq asked for what I answers (threeDSRequestorChallengeInd, EMV 3DS 2.2 table A.1).
func (a Authentication) exempted() bool {
	return a.Preference == RiskAnalysed || a.Preference == DataShareOnly
}

// eciScheme is what the ECIs of schemes that agree about them mean: which belong to a transStatus.
type eciScheme struct {
	brands      []string
	payment     map[string][]string
	nonPayment  map[string][]string
	description string
}

// ecis are the values that the schemes publish. An ECI is optional in EMV 3DS.
var ecis = []eciScheme{
	{
		brands: []string{"VISA", "AMEX", "JCB"}, description: "Visa, American Express, JCB",
		payment:    map[string][]string{"Y": {"05"}, "A": {"06"}, "I": {"07"}, "U": {"07"}, "N": {"07"}, "R": {"07"}},
		nonPayment: map[string][]string{"Y": {"05"}, "A": {"06"}, "I": {"07"}, "U": {"07"}, "N": {"07"}, "R": {"07"}},
	},
	{
		brands: []string{"MASTERCARD"}, description: "Mastercard",
		// 04 is data share, 06 an exemption, 07 a recurring payment that was authenticated.
		payment:    map[string][]string{"Y": {"02", "07"}, "A": {"01"}, "I": {"04", "06"}, "U": {"00"}, "N": {"00"}, "R": {"00"}},
		nonPayment: map[string][]string{"Y": {"N2"}, "A": {"N2"}, "U": {"N0"}, "N": {"N0"}, "R": {"N0"}},
	},
}

// contradicted says whether the ECI is one that the scheme gives to other results only. One that is in no list is
// the scheme's to know: they add values, and no sale is lost for one that is new.
func (o outcome) contradicted() bool {
	for _, s := range ecis {
		if !slices.Contains(s.brands, o.scheme) {
			continue
		}
		lists := s.payment
		if o.NonPayment {
			lists = s.nonPayment
		}
		if slices.Contains(lists[o.TransStatus], o.ECI) {
			return false
		}
		for _, lists := range []map[string][]string{s.payment, s.nonPayment} {
			for _, list := range lists {
				if slices.Contains(list, o.ECI) {
					return true
				}
			}
		}
	}
	return false
}
