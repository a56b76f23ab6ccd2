package threeds

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// Message is an EMV 3DS message: one JSON object.
type Message struct {
	Type    string // messageType: "AReq"
	Version string // messageVersion: "2.2.0"

	fields map[string]any // as encoding/json decodes them, numbers as json.Number
}

func newMessage(kind, version string, fields map[string]any) Message {
	fields["messageType"], fields["messageVersion"] = kind, version
	return Message{Type: kind, Version: version, fields: fields}
}

// text is the value of an element, or "" where it is absent or no text.
func (m Message) text(field string) string {
	s, _ := m.fields[field].(string)
	return s
}

// cardholderInfo is what the bank says to the payer, or "": a text, and from 2.3.1 on an object that has one.
func (m Message) cardholderInfo() string {
	if info, ok := m.fields["cardholderInfo"].(map[string]any); ok {
		return scalar(info["text"])
	}
	return m.text("cardholderInfo")
}

// id is the value of an element that is a transaction id, or "".
func (m Message) id(field string) string {
	if s := m.text(field); UUID.admits(s) {
		return s
	}
	return ""
}

// encode writes the message as JSON, its elements in the order of their names.
func (m Message) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(m.fields)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// maxDepth of objects and lists within each other. No message comes near it.
const maxDepth = 20

// maxDuplicates that are worth naming to whoever sent them.
const maxDuplicates = 10

var (
	errNotObject = errors.New("threeds: the message is not one JSON object")
	errTooLarge  = errors.New("threeds: the message is too large")
)

// streamed stands in a message for a list whose elements were handed on one by one: their number.
type streamed int

// stream takes the elements of one list at the top of a message as they are read, so that a large one is
// never in memory as a whole.
type stream struct {
	field string
	take  func(element map[string]any) // nil where an element is no object
}

// parser reads JSON as strictly as EMV 3DS wants it: encoding/json alone keeps the last of two elements of
// the same name without a word.
type parser struct {
	decoder    *json.Decoder
	path       []string // names of the objects that are open
	duplicates []string // elements that are there twice, "messageExtension.id"
	stream     *stream
}

func newParser(r io.Reader, s *stream) *parser {
	p := &parser{decoder: json.NewDecoder(r), stream: s}
	p.decoder.UseNumber()
	return p
}

// message reads one object and nothing after it.
func (p *parser) message() (map[string]any, error) {
	if token, err := p.decoder.Token(); err != nil {
		return nil, err
	} else if token != json.Delim('{') {
		return nil, errNotObject
	}
	fields, err := p.object(1)
	if err != nil {
		return nil, err
	}
	if _, err := p.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	return fields, nil
}

// object reads the rest of an object whose brace was read.
func (p *parser) object(depth int) (map[string]any, error) {
	fields := map[string]any{}
	for p.decoder.More() {
		token, err := p.decoder.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errNotObject
		}
		p.path = append(p.path, name)
		if _, twice := fields[name]; twice {
			p.duplicate()
		}
		streaming := depth == 1 && p.stream != nil && p.stream.field == name
		if fields[name], err = p.value(depth, streaming); err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
	}
	_, err := p.decoder.Token()
	return fields, err
}

// duplicate notes that the element that the path leads to was there before.
func (p *parser) duplicate() {
	name := printable(strings.Join(p.path, "."), 128)
	if len(p.duplicates) < maxDuplicates && !slices.Contains(p.duplicates, name) {
		p.duplicates = append(p.duplicates, name)
	}
}

func (p *parser) value(depth int, streaming bool) (any, error) {
	token, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	delim, nested := token.(json.Delim)
	switch {
	case !nested:
		return token, nil
	case depth == maxDepth:
		return nil, errNotObject
	case delim == '{':
		return p.object(depth + 1)
	}
	list, n := []any{}, streamed(0)
	for p.decoder.More() {
		element, err := p.value(depth+1, false)
		if err != nil {
			return nil, err
		}
		if streaming {
			object, _ := element.(map[string]any)
			p.stream.take(object)
			n++
			continue
		}
		list = append(list, element)
	}
	if _, err := p.decoder.Token(); err != nil {
		return nil, err
	}
	if streaming {
		return n, nil
	}
	return list, nil
}
