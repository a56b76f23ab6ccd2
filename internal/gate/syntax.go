package gate

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"reprise/internal/payment"
)

// Limits of what is taken for a body of this API.
const (
	maxBody   = 256 << 10 // bytes
	maxDepth  = 32
	maxNumber = 32 // characters
)

// checkSyntax reads JSON in place, keeping nothing of the values, and refuses what encoding/json lets pass
// although readers differ on it (RFC 7493, I-JSON) or choke on it:
//
//   - a member name twice in an object: the contract would judge one and a reader take the other;
//   - invalid UTF-8, and U+0000, which PostgreSQL's text cannot hold;
//   - half of a surrogate pair, which encoding/json replaces, so that two texts would become one;
//   - a number of absurd size: 1e999999999 is 11 bytes here and a gigabyte as a big.Rat;
//   - deep nesting.
func checkSyntax(body []byte) error {
	s := syntax{b: body}
	s.space()
	err := s.value(0)
	if err == nil {
		s.space()
		if s.i != len(body) {
			err = malformed()
		}
	}
	return err
}

func malformed() error {
	return Invalid(payment.Field{Path: "/body", Message: "must be valid JSON"})
}

// decode decodes a body that has passed checkSyntax. Numbers stay as written, so that amounts are exact.
func decode(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, malformed() // the decoder's own text quotes the input
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, malformed()
	}
	return v, nil
}

type syntax struct {
	b []byte
	i int

	names [][]byte // of the objects that are open, as they are compared, the innermost last
}

// fewNames are as many members of an object as are compared with each other; of more a set is made.
const fewNames = 16

func (s *syntax) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == '\n' || s.b[s.i] == '\r') {
		s.i++
	}
}

// take steps over a byte if it is next.
func (s *syntax) take(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *syntax) value(depth int) error {
	if depth > maxDepth {
		return payment.Refuse("REQUEST_TOO_LARGE", "The request body is nested too deeply")
	}
	if s.i == len(s.b) {
		return malformed()
	}
	switch c := s.b[s.i]; {
	case c == '{':
		return s.object(depth)
	case c == '[':
		return s.array(depth)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.b[s.i:], []byte(word)) {
			s.i += len(word)
			return nil
		}
	}
	return malformed()
}

func (s *syntax) object(depth int) error {
	s.i++
	from := len(s.names)
	defer func() { s.names = s.names[:from] }()
	var many map[string]bool
	for s.space(); !s.take('}'); s.space() {
		if len(s.names) > from {
			if !s.take(',') {
				return malformed()
			}
			s.space()
		}
		if s.i == len(s.b) || s.b[s.i] != '"' {
			return malformed()
		}
		quoted, err := s.text()
		if err != nil {
			return err
		}
		name := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			var unescaped string
			if json.Unmarshal(quoted, &unescaped) != nil {
				return malformed()
			}
			name = []byte(unescaped)
		}
		if many, err = s.name(name, from, many); err != nil {
			return err
		}
		s.space()
		if !s.take(':') {
			return malformed()
		}
		s.space()
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// name takes note of a member of the object whose names begin at from, unless it is there already. many has them all, once
// they are too many to be compared one by one.
func (s *syntax) name(name []byte, from int, many map[string]bool) (map[string]bool, error) {
	before := s.names[from:]
	if many == nil && len(before) == fewNames {
		many = map[string]bool{}
		for _, earlier := range before {
			many[string(earlier)] = true
		}
	}
	if many == nil && slices.ContainsFunc(before, func(earlier []byte) bool { return bytes.Equal(earlier, name) }) || many[string(name)] {
		return nil, Invalid(payment.Field{Path: "/body", Message: "must NOT have a member name twice in one object"})
	}
	if many != nil {
		many[string(name)] = true
	}
	if len(before) < fewNames {
		s.names = append(s.names, name)
	}
	return many, nil
}

func (s *syntax) array(depth int) error {
	s.i++
	first := true
	for s.space(); !s.take(']'); s.space() {
		if !first {
			if !s.take(',') {
				return malformed()
			}
			s.space()
		}
		first = false
		if err := s.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

// text steps over a string and returns it with its quotes, as written.
func (s *syntax) text() ([]byte, error) {
	start := s.i
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			quoted := s.b[start:s.i]
			if !utf8.Valid(quoted) {
				return nil, Invalid(payment.Field{Path: "/body", Message: "must be valid UTF-8"})
			}
			return quoted, nil
		case c < ' ':
			return nil, malformed()
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, malformed()
}

// escape steps from a backslash to the last byte of its escape.
func (s *syntax) escape() error {
	s.i++
	if s.i == len(s.b) {
		return malformed()
	}
	if s.b[s.i] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), s.b[s.i]) < 0 {
			return malformed()
		}
		return nil
	}
	unit, err := s.unit()
	switch {
	case err != nil:
		return err
	case unit == 0:
		return Invalid(payment.Field{Path: "/body", Message: "must NOT hold the character U+0000"})
	case !utf16.IsSurrogate(unit):
		return nil
	}
	if bytes.HasPrefix(s.b[s.i+1:], []byte(`\u`)) {
		s.i += 2
		second, err := s.unit()
		if err != nil {
			return err
		}
		if utf16.DecodeRune(unit, second) != utf8.RuneError {
			return nil
		}
	}
	return Invalid(payment.Field{Path: "/body", Message: "must NOT hold half of a surrogate pair"})
}

// unit steps from the u of an escape to the last of its four digits, and returns what they stand for.
func (s *syntax) unit() (unit rune, err error) {
	if len(s.b)-s.i < 5 {
		return 0, malformed()
	}
	for range 4 {
		s.i++
		unit <<= 4
		switch c := s.b[s.i]; {
		case '0' <= c && c <= '9':
			unit |= rune(c - '0')
		case 'a' <= c && c <= 'f':
			unit |= rune(c-'a') + 10
		case 'A' <= c && c <= 'F':
			unit |= rune(c-'A') + 10
		default:
			return 0, malformed()
		}
	}
	return unit, nil
}

// number steps over a number: RFC 8259 section 6, with at most two digits of exponent.
func (s *syntax) number() error {
	start := s.i
	s.take('-')
	if !s.take('0') && s.digits() == 0 {
		return malformed()
	}
	if s.take('.') && s.digits() == 0 {
		return malformed()
	}
	exponent := 0
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if exponent = s.digits(); exponent == 0 {
			return malformed()
		}
	}
	if exponent > 2 || s.i-start > maxNumber {
		return Invalid(payment.Field{Path: "/body", Message: "must NOT have a number out of range"})
	}
	return nil
}

// digits steps over digits and counts them.
func (s *syntax) digits() int {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}
