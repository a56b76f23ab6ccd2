package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"reprise/internal/acquirer"
	"reprise/internal/payment"
)

// MerchantForm is a merchant as operators write it, in a file or by flags. What the fields mean is said at
// payment.Merchant.
type MerchantForm struct {
	Name    string `json:"name"`
	City    string `json:"city"`
	Country string `json:"country"`
	MCC     string `json:"mcc"`
	Website string `json:"website"`

	AcquirerBIN string `json:"acquirer_bin"`
	MerchantID  string `json:"merchant_id"`
	TerminalID  string `json:"terminal_id"`

	AcquirerCountry string `json:"acquirer_country"`

	Accounts           []AccountForm  `json:"accounts"`
	AcquirerExponents  map[string]int `json:"acquirer_exponents"`
	DirectoryExponents map[string]int `json:"directory_exponents"`

	AllowCardDetails bool `json:"allow_card_details"`
	AllowSkipThreeDS bool `json:"allow_skip_three_ds"`
	MaxDeclines      int  `json:"max_declines"`
	ReuseCustomers   bool `json:"reuse_customers"`
	MandateChallenge bool `json:"mandate_challenge"`

	Exemption            string `json:"exemption,omitempty"`
	RefuseAttempts       bool   `json:"refuse_attempts"`
	AllowUnauthenticated bool   `json:"allow_unauthenticated"`
}

// AccountForm is what a merchant is to an acquirer for a scheme, a label, or both. Ids that it leaves out
// are the merchant's own.
type AccountForm struct {
	Scheme      string `json:"scheme,omitempty"`
	Label       string `json:"mid_label,omitempty"`
	AcquirerBIN string `json:"acquirer_bin,omitempty"`
	MerchantID  string `json:"merchant_id,omitempty"`
	TerminalID  string `json:"terminal_id,omitempty"`

	AcquirerCountry string `json:"acquirer_country,omitempty"`
}

// ReadMerchantForm reads a form from JSON. A member that no form has is an error: a permission that was
// mistyped would otherwise be taken for given.
func ReadMerchantForm(text []byte) (MerchantForm, error) {
	var f MerchantForm
	err := readForm(text, &f)
	return f, err
}

// ReadAccountForm reads "scheme=VISA,mid_label=online,terminal_id=WEB00002".
func ReadAccountForm(text string) (AccountForm, error) {
	var a AccountForm
	fields := map[string]*string{
		"scheme": &a.Scheme, "mid_label": &a.Label, "acquirer_bin": &a.AcquirerBIN, "merchant_id": &a.MerchantID, "terminal_id": &a.TerminalID,
		"acquirer_country": &a.AcquirerCountry,
	}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(pair, "=")
		field := fields[strings.TrimSpace(name)]
		if !ok || field == nil {
			return a, fmt.Errorf("account %q: %q is not NAME=VALUE with a name of %s", text, pair, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		*field = strings.TrimSpace(value)
	}
	return a, nil
}

func readForm(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("the merchant's file: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the merchant's file: something follows after the merchant")
	}
	return nil
}

// CreateMerchant writes a new merchant and returns its business id. All that is wrong is reported at once.
func (o *Office) CreateMerchant(ctx context.Context, f MerchantForm) (payment.BusinessID, error) {
	var random [8]byte
	if _, err := io.ReadFull(o.outside.Rand, random[:]); err != nil {
		return "", fmt.Errorf("no randomness: %w", err)
	}
	m := payment.Merchant{ID: payment.BusinessID(payment.ObjectID(o.outside.Now(), random))}
	if err := f.apply(&m); err != nil {
		return "", err
	}
	return m.ID, o.store.SaveMerchant(ctx, payment.Merchant{}, m, o.by)
}

// ChangeMerchant lets change have its way with the form of a merchant. Payments that are under way are made
// as the merchant is when they come to it.
func (o *Office) ChangeMerchant(ctx context.Context, id string, change func(*MerchantForm) error) error {
	m, err := o.merchant(ctx, id)
	if err != nil {
		return err
	}
	was, f := m, formOf(m)
	if err := change(&f); err != nil {
		return err
	}
	if err := f.apply(&m); err != nil {
		return err
	}
	return o.store.SaveMerchant(ctx, was, m, o.by)
}

// MerchantForm returns the form of a merchant, from which ReadMerchantForm would make the same one.
func (o *Office) MerchantForm(ctx context.Context, id string) (MerchantForm, error) {
	m, err := o.merchant(ctx, id)
	return formOf(m), err
}

// Merchants lists all merchants, by name, without their endpoints.
func (o *Office) Merchants(ctx context.Context) ([]payment.Merchant, error) {
	return o.store.Merchants(ctx)
}

func (o *Office) merchant(ctx context.Context, id string) (payment.Merchant, error) {
	m, err := o.store.Merchant(ctx, payment.BusinessID(id))
	if errors.Is(err, payment.ErrNotFound) {
		err = fmt.Errorf("there is no merchant %s", id)
	}
	return m, err
}

// apply makes a merchant what the form says, or says all that is wrong with it.
func (f MerchantForm) apply(m *payment.Merchant) error {
	m.Name, m.City, m.Country, m.MCC, m.Website = f.Name, f.City, f.Country, f.MCC, f.Website
	m.AcquirerBIN, m.CardAcceptor, m.Terminal, m.AcquirerCountry = f.AcquirerBIN, f.MerchantID, f.TerminalID, f.AcquirerCountry
	m.AcquirerExponents, m.DirectoryExponents = f.AcquirerExponents, f.DirectoryExponents
	m.AllowCardDetails, m.AllowSkipThreeDS = f.AllowCardDetails, f.AllowSkipThreeDS
	m.ReuseCustomers, m.MandateChallenge, m.MaxDeclines = f.ReuseCustomers, f.MandateChallenge, f.MaxDeclines
	m.Exemption, m.RefuseAttempts, m.AllowUnauthenticated = payment.Exemption(f.Exemption), f.RefuseAttempts, f.AllowUnauthenticated
	m.Accounts = nil
	for _, a := range f.Accounts {
		account := payment.Account{
			Scheme: a.Scheme, Label: a.Label, AcquirerBIN: a.AcquirerBIN, CardAcceptor: a.MerchantID, Terminal: a.TerminalID,
			AcquirerCountry: a.AcquirerCountry,
		}
		for id, own := range map[*string]string{
			&account.AcquirerBIN: m.AcquirerBIN, &account.CardAcceptor: m.CardAcceptor, &account.Terminal: m.Terminal,
			&account.AcquirerCountry: m.AcquirerCountry,
		} {
			if *id == "" {
				*id = own
			}
		}
		m.Accounts = append(m.Accounts, account)
	}
	return errors.Join(checkMerchant(*m), acquirer.CheckMerchant(*m))
}

func formOf(m payment.Merchant) MerchantForm {
	f := MerchantForm{
		Name: m.Name, City: m.City, Country: m.Country, MCC: m.MCC, Website: m.Website,
		AcquirerBIN: m.AcquirerBIN, MerchantID: m.CardAcceptor, TerminalID: m.Terminal, AcquirerCountry: m.AcquirerCountry,
		AcquirerExponents: m.AcquirerExponents, DirectoryExponents: m.DirectoryExponents,
		AllowCardDetails: m.AllowCardDetails, AllowSkipThreeDS: m.AllowSkipThreeDS,
		ReuseCustomers: m.ReuseCustomers, MandateChallenge: m.MandateChallenge, MaxDeclines: m.MaxDeclines,
		Exemption: string(m.Exemption), RefuseAttempts: m.RefuseAttempts, AllowUnauthenticated: m.AllowUnauthenticated,
	}
	for _, a := range m.Accounts {
		f.Accounts = append(f.Accounts, AccountForm{a.Scheme, a.Label, a.AcquirerBIN, a.CardAcceptor, a.Terminal, a.AcquirerCountry})
	}
	return f
}

// checkMerchant says what the acquirer line does not: what payers, the directory server and we ourselves
// need of a merchant.
func checkMerchant(m payment.Merchant) error {
	var problems []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	need(plain(m.Name, 40), "name is not 1 to 40 characters (EMV 3DS merchantName)")
	need(plain(m.City, 40), "city is not 1 to 40 characters")
	u, err := url.Parse(m.Website)
	need(err == nil && u.Scheme == "https" && u.Host != "" && len(m.Website) <= 2048, "website is not an https URL of at most 2048 characters (EMV 3DS threeDSRequestorURL)")
	for _, counted := range []struct {
		by        string
		exponents map[string]int
	}{{"acquirer", m.AcquirerExponents}, {"directory", m.DirectoryExponents}} {
		for _, currency := range slices.Sorted(maps.Keys(counted.exponents)) {
			_, known := payment.NumericCurrency(currency)
			need(known, "%s exponents: %q is not a currency (ISO 4217)", counted.by, currency)
			digits := counted.exponents[currency]
			need(digits >= 0 && digits <= 4, "%s exponents: %s: not 0 to 4 minor digits", counted.by, currency)
		}
	}
	need(m.MaxDeclines >= 0, "max_declines is below zero")
	need(m.Exemption == "" || m.Exemption.Known(), "exemption %q is neither TRA nor DATA_SHARE", m.Exemption)
	need(m.Exemption == "" || !m.MandateChallenge, "mandate_challenge asks for a challenge, and exemption for none")
	seen := map[[2]string]bool{}
	for _, a := range m.Accounts {
		which := [2]string{a.Scheme, a.Label}
		need(which != [2]string{}, "an account names neither a scheme nor a mid_label, so the merchant's own ids would never be used")
		need(!seen[which], "two accounts have scheme %q and label %q", a.Scheme, a.Label)
		need(a.Label == "" || plain(a.Label, 255), "account of scheme %q: mid_label is not 1 to 255 characters", a.Scheme)
		seen[which] = true
	}
	return errors.Join(problems...)
}

// plain says whether a text has 1 to so many characters, all of them printable, and no space around it.
func plain(s string, longest int) bool {
	length := utf8.RuneCountInString(s)
	unprintable := strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	return length > 0 && length <= longest && utf8.ValidString(s) && s == strings.TrimSpace(s) && !unprintable
}
