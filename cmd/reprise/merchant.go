package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"reprise/internal/app"
)

type merchantCmd struct {
	Create merchantCreateCmd `cmd:"" help:"Make a merchant and print its business id."`
	Update merchantUpdateCmd `cmd:"" help:"Change a merchant."`
	List   merchantListCmd   `cmd:"" help:"List all merchants."`
	Show   merchantShowCmd   `cmd:"" help:"Print a merchant as a file for --file."`
}

// merchantFlags describe a merchant. What a flag says goes before what the file says.
type merchantFlags struct {
	File []byte `help:"JSON file that describes the whole merchant; - is standard input." type:"filecontent" placeholder:"PATH"`

	Name    *string `help:"Name on the payer's statement and on the bank's page; at most 40 characters."`
	City    *string `help:"City."`
	Country *string `help:"Country, ISO 3166-1 alpha-2." placeholder:"ID"`
	MCC     *string `help:"Merchant category code, 4 digits." name:"mcc" placeholder:"5814"`
	Website *string `help:"The shop's https address, for the bank." placeholder:"URL"`

	AcquirerBIN *string  `help:"Acquiring institution, at most 11 digits (ISO 8583 DE32)." name:"acquirer-bin" placeholder:"DIGITS"`
	MerchantID  *string  `help:"Merchant id at the acquirer, at most 15 characters (DE42)." name:"merchant-id" placeholder:"ID"`
	TerminalID  *string  `help:"Terminal id, at most 8 characters (DE41)." name:"terminal-id" placeholder:"ID"`
	AcquirerIn  *string  `help:"The acquirer's country, where that is not the merchant's." name:"acquirer-country" placeholder:"SG"`
	Account     []string `help:"Other ids for a scheme, a mid_label, or both: scheme=VISA,mid_label=online,acquirer_bin=…,merchant_id=…,terminal_id=…,acquirer_country=… What is left out is as above. May be repeated; replaces all accounts." sep:"none" placeholder:"NAME=VALUE,…"`

	AcquirerExponent  map[string]int `help:"Minor digits by which the acquirer counts a currency, where that is not what ISO 4217 says; replaces all." placeholder:"IDR=0"`
	DirectoryExponent map[string]int `help:"The same for the directory servers." placeholder:"IDR=0"`

	AllowCardDetails     *bool   `help:"Let the merchant's server send card numbers to the API." negatable:""`
	AllowSkipThreeDS     *bool   `help:"Let the merchant pay without authenticating the payer." name:"allow-skip-three-ds" negatable:""`
	ReuseCustomers       *bool   `help:"Let an inline customer whose reference_id is known be that customer." negatable:""`
	MandateChallenge     *bool   `help:"Ask the bank to challenge every payer." negatable:""`
	Exemption            *string `help:"Ask banks not to challenge: TRA (the risk was analysed) or DATA_SHARE (the bank is told, and not asked). Only then I, informational, is accepted." placeholder:"TRA"`
	RefuseAttempts       *bool   `help:"Let payments fail where the scheme stood in for the bank (transStatus A)." negatable:""`
	AllowUnauthenticated *bool   `help:"Let the merchant be paid where the payer could not be authenticated (transStatus U), as if 3-D Secure was skipped." negatable:""`
	MaxDeclines          *int    `help:"Declines of one card in 30 days, after which it is left alone; 0 means 15, which Visa allows." placeholder:"15"`
}

// fill makes a form what the flags say, beginning from the file where one is named.
func (c merchantFlags) fill(f *app.MerchantForm) error {
	if c.File != nil {
		form, err := app.ReadMerchantForm(c.File)
		if err != nil {
			return err
		}
		*f = form
	}
	set(&f.Name, c.Name)
	set(&f.City, c.City)
	set(&f.Country, c.Country)
	set(&f.MCC, c.MCC)
	set(&f.Website, c.Website)
	set(&f.AcquirerBIN, c.AcquirerBIN)
	set(&f.MerchantID, c.MerchantID)
	set(&f.TerminalID, c.TerminalID)
	set(&f.AcquirerCountry, c.AcquirerIn)
	set(&f.AllowCardDetails, c.AllowCardDetails)
	set(&f.AllowSkipThreeDS, c.AllowSkipThreeDS)
	set(&f.ReuseCustomers, c.ReuseCustomers)
	set(&f.MandateChallenge, c.MandateChallenge)
	set(&f.Exemption, c.Exemption)
	set(&f.RefuseAttempts, c.RefuseAttempts)
	set(&f.AllowUnauthenticated, c.AllowUnauthenticated)
	set(&f.MaxDeclines, c.MaxDeclines)
	if c.AcquirerExponent != nil {
		f.AcquirerExponents = c.AcquirerExponent
	}
	if c.DirectoryExponent != nil {
		f.DirectoryExponents = c.DirectoryExponent
	}
	if c.Account == nil {
		return nil
	}
	f.Accounts = nil
	var problems []error
	for _, text := range c.Account {
		account, err := app.ReadAccountForm(text)
		f.Accounts, problems = append(f.Accounts, account), append(problems, err)
	}
	return errors.Join(problems...)
}

func set[T any](field *T, flag *T) {
	if flag != nil {
		*field = *flag
	}
}

type merchantCreateCmd struct {
	officeFlags
	merchantFlags
}

func (c *merchantCreateCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		var form app.MerchantForm
		if err := c.fill(&form); err != nil {
			return err
		}
		id, err := office.CreateMerchant(ctx, form)
		if err == nil {
			fmt.Println(id)
		}
		return err
	})
}

type merchantUpdateCmd struct {
	Merchant string `arg:"" help:"Business id."`
	officeFlags
	merchantFlags
}

func (c *merchantUpdateCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		return office.ChangeMerchant(ctx, c.Merchant, c.fill)
	})
}

type merchantListCmd struct{ officeFlags }

func (c *merchantListCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		merchants, err := office.Merchants(ctx)
		if err != nil {
			return err
		}
		rows := []string{"BUSINESS\tNAME\tCOUNTRY\tMCC\tACQUIRER\tMERCHANT ID\tTERMINAL\tACCOUNTS"}
		for _, m := range merchants {
			var accounts []string
			for _, a := range m.Accounts {
				accounts = append(accounts, strings.Trim(a.Scheme+"/"+a.Label, "/"))
			}
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s",
				m.ID, m.Name, m.Country, m.MCC, m.AcquirerBIN, m.CardAcceptor, m.Terminal, strings.Join(accounts, " ")))
		}
		return table(rows)
	})
}

type merchantShowCmd struct {
	Merchant string `arg:"" help:"Business id."`
	officeFlags
}

func (c *merchantShowCmd) Run(log *slog.Logger) error {
	return c.open(log, func(ctx context.Context, office *app.Office) error {
		form, err := office.MerchantForm(ctx, c.Merchant)
		if err != nil {
			return err
		}
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(form)
	})
}
