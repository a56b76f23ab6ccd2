package api

import (
	"encoding/json"
	"fmt"
	"time"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

// cardsTerms are the card's channel_properties that say how it is to be paid with.
type cardsTerms struct {
	MIDLabel               string                 `json:"mid_label"`
	SkipThreeDS            bool                   `json:"skip_three_ds"`
	CardOnFileType         payment.CardOnFileType `json:"card_on_file_type"`
	TransactionSequence    payment.Sequence       `json:"transaction_sequence"`
	NetworkTransactionID   string                 `json:"network_transaction_id"`
	RecurringConfiguration recurring              `json:"recurring_configuration"`
}

type recurring struct {
	Frequency int    `json:"recurring_frequency,omitempty"` // days
	Expiry    string `json:"recurring_expiry,omitempty"`
}

// check refuses an agreement whose last day is over wherever on earth the parties are. place is where the terms
// stand in the body.
func (t cardsTerms) check(place string, now time.Time) error {
	const lastZone = -12 * time.Hour // of UTC, where a day ends last
	last := t.RecurringConfiguration.Expiry
	if last == "" || last >= now.UTC().Add(lastZone).Format(time.DateOnly) {
		return nil
	}
	return gate.Invalid(payment.Field{Path: place + "/recurring_configuration/recurring_expiry", Message: "must NOT be in the past"})
}

func (t cardsTerms) onFile() payment.CardOnFile {
	return payment.CardOnFile{
		Type: t.CardOnFileType, Sequence: t.TransactionSequence, Frequency: t.RecurringConfiguration.Frequency,
		Expiry: t.RecurringConfiguration.Expiry, NetworkTransactionID: t.NetworkTransactionID,
	}
}

// channelProperties are those of a payment request, a payment or a payment token.
type channelProperties struct {
	MIDLabel               string                 `json:"mid_label,omitempty"`
	SuccessReturnURL       string                 `json:"success_return_url,omitempty"`
	FailureReturnURL       string                 `json:"failure_return_url,omitempty"`
	SkipThreeDS            bool                   `json:"skip_three_ds"`
	CardOnFileType         payment.CardOnFileType `json:"card_on_file_type,omitempty"`
	TransactionSequence    payment.Sequence       `json:"transaction_sequence,omitempty"`
	RecurringConfiguration *recurring             `json:"recurring_configuration,omitempty"`
	StatementDescriptor    string                 `json:"statement_descriptor,omitempty"`
	BillingInformation     json.RawMessage        `json:"billing_information,omitempty"`
	CardDetails            cardDetails            `json:"card_details"`
}

type cardDetails struct {
	MaskedCardNumber      string `json:"masked_card_number"`
	ExpiryMonth           string `json:"expiry_month"`
	ExpiryYear            string `json:"expiry_year"`
	Fingerprint           string `json:"fingerprint,omitempty"` // gone with the card's number
	Network               string `json:"network"`
	CardholderFirstName   string `json:"cardholder_first_name,omitempty"`
	CardholderLastName    string `json:"cardholder_last_name,omitempty"`
	CardholderEmail       string `json:"cardholder_email,omitempty"`
	CardholderPhoneNumber string `json:"cardholder_phone_number,omitempty"`
}

// requestEcho is what the API repeats of a payment request or a payment token as it was sent.
type requestEcho struct {
	Description         string          `json:"description,omitempty"`
	Metadata            json.RawMessage `json:"metadata,omitempty"`
	Items               json.RawMessage `json:"items,omitempty"`
	ShippingInformation json.RawMessage `json:"shipping_information,omitempty"`
	StatementDescriptor string          `json:"statement_descriptor,omitempty"`
	BillingInformation  json.RawMessage `json:"billing_information,omitempty"`
}

// readEcho reads what was kept to be repeated; of an attempt of a session that is nothing.
func readEcho(kept json.RawMessage) (e requestEcho, err error) {
	if len(kept) > 0 {
		err = json.Unmarshal(kept, &e)
	}
	return e, err
}

// viewChannel shows how a card is used, and what may be shown of it.
func viewChannel(t payment.Token, terms payment.Terms, e requestEcho) channelProperties {
	v := channelProperties{
		MIDLabel: terms.MIDLabel, SuccessReturnURL: terms.SuccessReturnURL, FailureReturnURL: terms.FailureReturnURL,
		SkipThreeDS: terms.SkipThreeDS, CardOnFileType: terms.OnFile.Type, TransactionSequence: terms.OnFile.Sequence,
		StatementDescriptor: e.StatementDescriptor, BillingInformation: e.BillingInformation,
		CardDetails: cardDetails{
			MaskedCardNumber: t.Masked,
			ExpiryMonth:      fmt.Sprintf("%02d", t.ExpiryMonth), ExpiryYear: fmt.Sprintf("%04d", t.ExpiryYear),
			Fingerprint: t.Fingerprint, Network: t.Brand,
			CardholderFirstName: t.Cardholder.FirstName, CardholderLastName: t.Cardholder.LastName,
			CardholderEmail: t.Cardholder.Email, CardholderPhoneNumber: t.Cardholder.Phone,
		},
	}
	if r := (recurring{terms.OnFile.Frequency, terms.OnFile.Expiry}); r != (recurring{}) {
		v.RecurringConfiguration = &r
	}
	return v
}
