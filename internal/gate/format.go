package gate

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// httpsURL is the contract's format for a URL that a browser is sent to.
func httpsURL(allowHTTP bool) *jsonschema.Format {
	bad := errors.New("not an https URL")
	return &jsonschema.Format{Name: "https-url", Validate: func(v any) error {
		text, ok := v.(string)
		if !ok {
			return nil
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || u.User != nil:
			return bad
		case u.Scheme == "https", u.Scheme == "http" && allowHTTP && isLoopback(u.Hostname()):
			return nil
		}
		return bad
	}}
}

// dateTime is the format date-time as Go reads it. The validator's own also takes "t" and "z" and leap
// seconds, on which a door would then fail.
func dateTime() *jsonschema.Format {
	return &jsonschema.Format{Name: "date-time", Validate: func(v any) error {
		text, ok := v.(string)
		if !ok {
			return nil
		}
		return new(time.Time).UnmarshalText([]byte(text))
	}}
}

// cardFree is the contract's format for what people type beside a card, such as a name: no card number, which
// would rest there in the clear. Twelve digits are one, however they are grouped.
func cardFree() *jsonschema.Format {
	return &jsonschema.Format{Name: "card-free", Validate: func(v any) error {
		text, _ := v.(string)
		run := 0
		for _, r := range text {
			switch {
			case unicode.IsDigit(r):
				if run++; run >= 12 {
					return errors.New("a card number")
				}
			case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || r == '.' || r == '/':
			default:
				run = 0
			}
		}
		return nil
	}}
}

// isLoopback tells names and addresses that never leave this machine (RFC 6761 section 6.3).
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
