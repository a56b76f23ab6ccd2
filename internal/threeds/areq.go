package threeds

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/text/language"

	"reprise/internal/card"
	"reprise/internal/payment"
)

// AuthenticationRequest is what an AReq is made from.
type AuthenticationRequest struct {
	Authentication  payment.Authentication // ServerTransID, Version, what is to be authenticated
	Merchant        payment.Merchant
	PAN             card.PAN
	Expiry          card.Expiry
	Cardholder      payment.Cardholder
	OnFile          payment.CardOnFile // the agreement on which the card is used, if any
	Browser         Browser
	MethodCompleted string // threeDSCompInd: Y, N, or U where the range has no Method
	NotificationURL string // where the ACS brings the browser home; at most 256 characters
	Challenge       string // threeDSRequestorChallengeInd: "03", "04"
	At              time.Time
}

// areq builds the AReq of a card that belongs to a directory server.
func (d *directory) areq(q AuthenticationRequest) (Message, error) {
	version := q.Authentication.Version
	if _, ok := tables[version]; !ok {
		return Message{}, fmt.Errorf("threeds: AReq in a version that we do not speak: %q", version)
	}
	country, err := numericCountry(q.Merchant.Country)
	if err != nil {
		return Message{}, err
	}
	acquirer, err := numericCountry(q.Merchant.AcquiredIn())
	if err != nil {
		return Message{}, err
	}
	fields := map[string]any{"deviceChannel": "02"} // browser
	for name, value := range d.identity() {
		put(fields, name, value)
	}
	for name, value := range map[string]string{
		"threeDSServerTransID": string(q.Authentication.ServerTransID),
		"threeDSRequestorURL":  q.Merchant.Website,
		"threeDSCompInd":       q.MethodCompleted,
		"notificationURL":      q.NotificationURL,

		"acctNumber":     q.PAN.Reveal(),
		"cardExpiryDate": expiry(q.Expiry),

		"acquirerBIN":         q.Merchant.AcquirerBIN,
		"acquirerMerchantID":  q.Merchant.CardAcceptor,
		"mcc":                 q.Merchant.MCC,
		"merchantCountryCode": country,
		"merchantName":        truncate(q.Merchant.Name, 40),
	} {
		put(fields, name, value)
	}
	if since(version, "2.3.1") {
		fields["acquirerCountryCode"], fields["acquirerCountryCodeSource"] = acquirer, "01" // 3DS Server
		if q.Challenge != "" {
			fields["threeDSRequestorChallengeInd"] = []any{q.Challenge}
		}
	} else {
		put(fields, "threeDSRequestorChallengeInd", q.Challenge)
	}
	if err := q.purpose(fields); err != nil {
		return Message{}, err
	}
	q.Browser.describe(fields, version)
	describeCardholder(q.Cardholder, fields, version)
	return newMessage("AReq", version, fields), nil
}

// purpose says what the payer is authenticated for: a purchase, or a card that is stored, which has no amount
// and no kind of purchase (EMV 3DS 2.2 table B.1, message category 02).
func (q AuthenticationRequest) purpose(fields map[string]any) error {
	if q.Authentication.NonPayment {
		put(fields, "messageCategory", nonPayment)
		put(fields, "threeDSRequestorAuthenticationInd", "04") // add a card
		return nil
	}
	amount := q.Authentication.Amount
	currency, ok := payment.NumericCurrency(amount.Currency)
	if !ok {
		return fmt.Errorf("threeds: currency %q has no ISO 4217 number", amount.Currency)
	}
	exponent, otherwise := q.Merchant.DirectoryExponents[amount.Currency]
	if !otherwise {
		exponent = payment.Exponent(amount.Currency)
	}
	units, err := amount.In(exponent)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"messageCategory":  forPayment,
		"purchaseAmount":   strconv.FormatInt(units, 10),
		"purchaseCurrency": currency,
		"purchaseExponent": strconv.Itoa(exponent),
		"purchaseDate":     q.At.UTC().Format(layouts[Second]),
		"transType":        "01", // goods or services
	} {
		put(fields, name, value)
	}
	put(fields, "threeDSRequestorAuthenticationInd", "01") // payment
	for name, value := range q.agreement() {
		fields[name] = value
	}
	return nil
}

// agreement is what an AReq says of the agreement that a first payment begins, or nothing. Until 2.2 a message that says
// recurring needs both the last day and how often, so an agreement without either is a payment like any other. From
// 2.3.1 on it may leave both open; the amount is never fixed, for all that we know.
func (q AuthenticationRequest) agreement() map[string]any {
	f := q.OnFile
	if f.Type != payment.Recurring || f.Sequence != payment.Initial {
		return nil
	}
	fields := map[string]any{"threeDSRequestorAuthenticationInd": "02"}
	last, err := time.Parse(time.DateOnly, f.Expiry)
	ends, regular := err == nil, f.Frequency >= 1 && f.Frequency <= 9999
	if ends {
		fields["recurringExpiry"] = last.Format(layouts[Date])
	}
	if regular {
		fields["recurringFrequency"] = strconv.Itoa(f.Frequency)
	}
	if !since(q.Authentication.Version, "2.3.1") {
		if !ends || !regular {
			return nil
		}
		return fields
	}
	indicator := map[string]any{"amountInd": "02", "frequencyInd": "02"} // variable
	if regular {
		indicator["frequencyInd"] = "01" // fixed
		fields["recurringDate"] = q.At.UTC().AddDate(0, 0, f.Frequency).Format(layouts[Date])
	}
	fields["recurringInd"] = indicator
	return fields
}

// identity is who we are in every AReq to a directory server.
func (d Directory) identity() map[string]string {
	return map[string]string{
		"threeDSServerRefNumber":  d.ServerRef,
		"threeDSServerOperatorID": d.OperatorID,
		"threeDSServerURL":        d.ResultsURL,
		"threeDSRequestorID":      d.RequestorID,
		"threeDSRequestorName":    d.RequestorName,
	}
}

// misnamed is the error of ids that no AReq may carry. What comes from elsewhere is not looked at.
func (d Directory) misnamed() error {
	identity, fields := d.identity(), map[string]any{}
	for name, value := range identity {
		put(fields, name, value)
	}
	own := slices.DeleteFunc(slices.Clone(tables[spoken[0]]["AReq"]), func(r Rule) bool {
		_, ours := identity[r.Field]
		return !ours
	})
	found := faults{strict: tables[spoken[0]].strict()}
	found.check(own, fields, Message{}, "")
	if violation := found.violation(Message{Type: "AReq", Version: spoken[0]}); violation != nil {
		return fmt.Errorf("threeds: directory %q: %w", d.Name, violation)
	}
	return nil
}

// expiry is YYMM, or empty where the card has no date.
func expiry(e card.Expiry) string {
	if e.IsZero() {
		return ""
	}
	return e.YYMM()
}

// numericCountry turns ISO 3166-1 alpha-2 into the three digits that messages have.
func numericCountry(code string) (string, error) {
	region, err := language.ParseRegion(code)
	if err != nil || len(code) != 2 || !region.IsCountry() {
		return "", fmt.Errorf("threeds: %q is no ISO 3166 country", code)
	}
	return fmt.Sprintf("%03d", region.M49()), nil
}

// truncate cuts a text to a number of characters.
func truncate(s string, most int) string {
	n := 0
	for i := range s {
		if n++; n > most {
			return s[:i]
		}
	}
	return s
}
