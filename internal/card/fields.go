package card

import (
	"cmp"
	"errors"
)

// Fields are the card fields that Cut has taken out of a body: the only place where they are judged.
// Wipe it when done. The zero value has none.
type Fields struct {
	cvn, number, month, year hidden[field]
	folder                   string // where those that are absent belong: beside the others
}

// field is what stood under one key. A value that is not a string is not kept.
type field struct {
	path     string // as errors name it: "/body/cvn"
	text     []byte // the string's value, escapes resolved
	isString bool
}

// FieldError says what is wrong with one card field, in words that read on from its path. It never
// repeats the value.
type FieldError struct {
	Path    string // "/body/cvn", "/body/channel_properties/card_details/card_number"
	Message string
}

func (e *FieldError) Error() string { return e.Path + " " + e.Message }

// Path is where a field stood, as errors name it, or belongs: name is "cvn", "card_number", "expiry_month" or
// "expiry_year".
func (f Fields) Path(name string) string {
	part := map[string]hidden[field]{"cvn": f.cvn, "card_number": f.number, "expiry_month": f.month, "expiry_year": f.year}[name]
	if field := part.get(); field != nil {
		return field.path
	}
	return cmp.Or(f.folder, "/body") + "/" + name
}

// Identity is a keyed hash of the number and the expiry, as they were typed, so that a request can be told from one
// with another card. The CVN makes no difference. keyed must be a keyed hash (PCI DSS 3.5.1.1).
func (f Fields) Identity(keyed func([]byte) [32]byte) [32]byte {
	var typed []byte
	for _, part := range []hidden[field]{f.number, f.month, f.year} {
		if field := part.get(); field != nil {
			typed = append(typed, field.text...)
		}
		typed = append(typed, 0)
	}
	defer Wipe(typed)
	return keyed(typed)
}

// HasCVN reports whether the body had a CVN, of whatever kind.
func (f Fields) HasCVN() bool { return f.cvn.get() != nil }

// HasCard reports whether the body had a card number or an expiry, of whatever kind.
func (f Fields) HasCard() bool {
	return f.number.get() != nil || f.month.get() != nil || f.year.get() != nil
}

// CVN judges the CVN by the length that the card demands, 3 or 4. An absent one is an error. Errors are
// *FieldError.
func (f Fields) CVN(want int) (CVN, error) {
	text, err := f.cvn.get().value(f.Path("cvn"))
	if err != nil {
		return CVN{}, err
	}
	cvn, err := ParseCVN(text, want)
	if err != nil {
		return CVN{}, &FieldError{f.cvn.get().path, err.Error()}
	}
	return cvn, nil
}

// PAN judges the card number. Errors are *FieldError.
func (f Fields) PAN() (PAN, error) {
	text, err := f.number.get().value(f.Path("card_number"))
	if err != nil {
		return PAN{}, err
	}
	pan, err := ParsePAN(string(text))
	if err != nil {
		return PAN{}, &FieldError{f.number.get().path, err.Error()}
	}
	return pan, nil
}

// Expiry judges month and year. Errors are *FieldError.
func (f Fields) Expiry() (Expiry, error) {
	month, err := f.month.get().value(f.Path("expiry_month"))
	if err != nil {
		return Expiry{}, err
	}
	year, err := f.year.get().value(f.Path("expiry_year"))
	if err != nil {
		return Expiry{}, err
	}
	expiry, err := ParseExpiry(string(month), string(year))
	switch {
	case errors.Is(err, ErrMonth):
		return Expiry{}, &FieldError{f.month.get().path, err.Error()}
	case err != nil:
		return Expiry{}, &FieldError{f.year.get().path, err.Error()}
	}
	return expiry, nil
}

// Wipe overwrites all of it. It may be called twice.
func (f Fields) Wipe() {
	for _, part := range []hidden[field]{f.cvn, f.number, f.month, f.year} {
		if field := part.get(); field != nil {
			Wipe(field.text)
			field.text = nil
		}
	}
}

// value returns the text of a field that is there and is a string. path is where an absent one belongs.
func (f *field) value(path string) ([]byte, error) {
	switch {
	case f == nil:
		return nil, &FieldError{path, "is required"}
	case !f.isString:
		return nil, &FieldError{f.path, "must be a string"}
	}
	return f.text, nil
}
