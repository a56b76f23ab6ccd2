package gate

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/message"
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

// isLoopback tells names and addresses that never leave this machine (RFC 6761 section 6.3).
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// letterCase is a vocabulary without keywords of its own: wherever properties are named, it refuses a
// member whose name is one of them but for letter case. encoding/json, which the doors read bodies with,
// takes "AMOUNT" for amount, so without this the contract would judge one member and a door use another.
func letterCase() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL: "urn:reprise:letter-case",
		Compile: func(_ *jsonschema.CompilerContext, schema map[string]any) (jsonschema.SchemaExt, error) {
			named, ok := schema["properties"].(map[string]any)
			if !ok {
				return nil, nil
			}
			return properties(named), nil
		},
	}
}

type properties map[string]any

func (p properties) Validate(ctx *jsonschema.ValidatorContext, v any) {
	for name := range object(v) {
		if _, ok := p[name]; ok {
			continue
		}
		for _, known := range list(p) {
			if strings.EqualFold(name, known) {
				ctx.AddError(&otherCase{known})
			}
		}
	}
}

// otherCase is the error kind of letterCase.
type otherCase struct{ known string }

func (*otherCase) KeywordPath() []string { return []string{"properties"} }

func (*otherCase) LocalizedString(*message.Printer) string { return "property in another letter case" }
