package simulator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// object is a JSON object of an EMV 3DS message. Numbers are json.Number.
type object map[string]any

func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

var (
	errNotJSON   = errors.New("not one JSON object")
	errDuplicate = errors.New("an element occurs twice")
)

// parseObject reads one JSON object. encoding/json keeps the last of two equal names silently;
// EMV 3DS calls that an error (204), at any depth.
func parseObject(text []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotJSON
	}
	o, ok := v.(object)
	if !ok {
		return nil, errNotJSON
	}
	return o, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil || depth > 16 {
		return nil, errNotJSON
	}
	switch token {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			key, err := d.Token()
			name, ok := key.(string)
			if err != nil || !ok {
				return nil, errNotJSON
			}
			if _, twice := o[name]; twice {
				return nil, errDuplicate
			}
			if o[name], err = parseValue(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return o, notJSON(err)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, notJSON(err)
	}
	return token, nil
}

func notJSON(err error) error {
	if err != nil {
		return errNotJSON
	}
	return nil
}

// encodeURL is base64url without padding, as EMV 3DS wants it in forms.
func encodeURL(o object) string {
	text, err := json.Marshal(o)
	if err != nil { // strings and booleans always marshal
		panic("simulator: a message of our own does not marshal")
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// decodeURL reads base64url, padded or not.
func decodeURL(text string) (object, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, errNotJSON
	}
	return parseObject(raw)
}

// erro is what an Erro message says (EMV 3DS 2.2 table B.10); detail names elements, never values.
type erro struct {
	code, description, detail string
}

func (e *erro) Error() string {
	return fmt.Sprintf("Erro %s %s: %s", e.code, e.description, e.detail)
}

func erroFor(err error) *erro {
	var e *erro
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, errDuplicate):
		return &erro{"204", "duplicate data element", "an element occurs twice"}
	default:
		return &erro{"101", "message received invalid", "not one JSON object"}
	}
}

// message renders an Erro of the component D (directory server) or A (ACS), about a message of
// the given type.
func (e *erro) message(component, version, about string, ids object) object {
	o := object{
		"messageType": "Erro", "messageVersion": version, "errorCode": e.code, "errorComponent": component,
		"errorDescription": e.description, "errorDetail": e.detail, "errorMessageType": about,
	}
	for _, name := range []string{"threeDSServerTransID", "dsTransID", "acsTransID"} {
		if id := ids.text(name); uuidShape.MatchString(id) {
			o[name] = id
		}
	}
	return o
}
