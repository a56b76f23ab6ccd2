package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"sync"
	"time"
)

// issuer is the cardholder's bank: accounts, the ledger, and the authentication values that its
// own ACS has given out.
type issuer struct {
	stage  *stage
	key    []byte // random per process: account names mean nothing elsewhere
	ledger *ledger

	mu     sync.Mutex
	values map[string]*proof
}

// proof is an authentication value that the ACS issued, and for what: a card that is added has the amount zero
// and no currency.
type proof struct {
	account, amount, currency string // amount as digits without leading zeros
	dsTransID, eci            string
	challenged                bool // the cardholder was seen
	used                      bool
}

func newIssuer(s *stage) *issuer {
	return &issuer{
		stage:  s,
		key:    s.random.bytes(32),
		ledger: newLedger(),
		values: map[string]*proof{},
	}
}

// account names the account of a PAN; the PAN cannot be found again from it (PCI DSS 3.5.1.1).
func (i *issuer) account(pan string) string { return i.seal("account", pan) }

func (i *issuer) seal(purpose, text string) string {
	mac := hmac.New(sha256.New, i.key)
	mac.Write([]byte(purpose + "\x00" + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// prove gives out a new authentication value.
func (i *issuer) prove(scheme string, p proof) (value string) {
	value = base64.StdEncoding.EncodeToString(i.stage.random.bytes(schemes[scheme].avBytes))
	i.mu.Lock()
	defer i.mu.Unlock()
	i.values[value] = &p
	return value
}

// spend checks an authentication value against what it was given for, and uses it up. challenged says whether the
// cardholder was seen for it.
func (i *issuer) spend(value string, p proof) (challenged, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	issued := i.values[value]
	if issued == nil {
		return false, false
	}
	if issued.currency == "" {
		p.currency = "" // zero of whatever currency the card's status is asked in
	}
	if p.challenged = issued.challenged; *issued != p {
		return false, false
	}
	issued.used = true
	return p.challenged, true
}

// question is what the host asks the issuer. The PAN and the CVN are gone when it has answered.
type question struct {
	pan, expiry, cvn string // expiry YYMM; cvn may be empty
	fault            Fault  // approve only half, or decline
	entry            Entry  // what the host knows for the ledger: kind, amount, currency

	value, eci, dsTransID string // value is empty without 3-D Secure
}

// decision is the issuer's answer.
type decision struct {
	code      string // DE39
	amount    int64  // approved; differs from what was asked only with code 10
	approval  string // DE38
	results   string // DE44
	network   string // DE62
	reference string // DE63
	advice    string // Mastercard's merchant advice code
	entry     int    // in the ledger; 0 if nothing was booked
}

const digits = "0123456789"

// decide authorises and books. Results of checks are given whatever the decision is; reasons to
// decline come in the order expired, amount, CVN, authentication, balance.
func (i *issuer) decide(p question) decision {
	r, ok := rangeOf(p.pan)
	if !ok {
		return decision{code: "14", amount: p.entry.Amount}
	}
	scheme := schemes[r.scheme]
	d := decision{code: "00", amount: p.entry.Amount}

	valueResult, challenged := byte(' '), false
	if p.value != "" {
		valueResult = '1'
		seen, ok := i.spend(p.value, proof{
			account: i.account(p.pan), amount: trimZeros(p.entry.Amount), currency: p.entry.Currency,
			dsTransID: p.dsTransID, eci: p.eci,
		})
		if challenged = seen; ok {
			valueResult = '2'
		}
	}
	byAmount := declineFor(p.entry.Amount, p.entry.Currency, r.scheme, challenged)
	cvnResult := byte(' ')
	switch {
	case p.cvn == "":
	case p.cvn == scheme.mismatch, p.cvn == scheme.waved, byAmount == "82":
		cvnResult = 'N'
	default:
		cvnResult = 'M'
	}
	d.results = results(cvnResult, valueResult)

	switch {
	case p.fault.Behaviour == behaviourDecline:
		d.code = p.fault.Code
	case expired(p.expiry, i.stage.now()):
		d.code = "54"
	case byAmount != "":
		d.code = byAmount
	case p.cvn == scheme.mismatch:
		d.code = scheme.badCVN
	case valueResult == '1':
		d.code = "05"
	}
	if d.code == "00" {
		i.book(p, r.scheme, &d)
	}
	if r.scheme == "mastercard" {
		d.advice = adviceFor[d.code]
		if p.fault.AdviceCode != "" {
			d.advice = p.fault.AdviceCode
		}
	}
	return d
}

func (i *issuer) book(p question, scheme string, d *decision) {
	now := i.stage.now()
	if p.fault.Behaviour == behaviourPartial {
		d.code, d.amount = "10", p.entry.Amount/2
	}
	e := p.entry
	e.Account, e.Card, e.Scheme, e.Amount, e.At = i.account(p.pan), mask(p.pan), scheme, d.amount, now.UTC()
	if e.Kind != "verification" { // that approves nothing
		e.ApprovalCode = i.stage.random.text(6, digits+"ABCDEFGHJKLMNPQRSTUVWXYZ")
	} else if scheme == "visa" || scheme == "mastercard" {
		d.code = "85" // no reason to decline; the others say 00
	}
	e.TransactionID = "016" + i.stage.random.text(12, digits)
	var ok bool
	if d.entry, ok = i.ledger.book(e); !ok {
		d.code, d.amount = overBalance, p.entry.Amount
		return
	}
	d.approval, d.network = e.ApprovalCode, e.TransactionID
	// 22 digits, the first nine being the second without the leading 1 of our time.
	seconds := now.UTC().Unix() % 1_000_000_000
	d.reference = padDigits(seconds, 9) + i.stage.random.text(13, digits)
}

// adviceFor is Mastercard's merchant advice code: 01 update the card, 02 try again later, 03 do not
// try again.
var adviceFor = map[string]string{"14": "03", "43": "03", "54": "01", "57": "03", "82": "01"}

// results is DE44 by position: 2 address, 10 CVN, 13 authentication value; space is not given.
func results(cvn, value byte) string {
	r := []byte(strings.Repeat(" ", 13))
	r[1], r[9], r[12] = 'Y', cvn, value
	return strings.TrimRight(string(r), " ")
}

// expired: a card is good to the end of its month (UTC).
func expired(yymm string, now time.Time) bool {
	end, err := time.Parse("0601", yymm)
	return err != nil || !now.UTC().Before(end.AddDate(0, 1, 0))
}
