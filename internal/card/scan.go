package card

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the scalars of JSON (RFC 8259) in place and copies nothing. A byte that does not belong is
// where pos stands when a method fails.
type scanner struct {
	body []byte
	pos  int
}

func (s *scanner) invalid() error { return &SyntaxError{s.pos} }

// peek returns the next byte, or 0 at the end, which begins no value.
func (s *scanner) peek() byte {
	if s.pos == len(s.body) {
		return 0
	}
	return s.body[s.pos]
}

func (s *scanner) take(b byte) bool {
	if s.pos == len(s.body) || s.body[s.pos] != b {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) space() {
	for s.take(' ') || s.take('\n') || s.take('\r') || s.take('\t') {
	}
}

// scalar passes a string, number, true, false or null.
func (s *scanner) scalar() error {
	switch s.peek() {
	case '"':
		_, err := s.str()
		return err
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.body[s.pos:], []byte(w)) {
		return s.invalid()
	}
	s.pos += len(w)
	return nil
}

// number passes a number of any size; nobody computes with it here.
func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.invalid()
	}
	if s.take('.') && !s.digits() {
		return s.invalid()
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.invalid()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}

// str passes a string and returns what is between its quotes, escapes and all: a part of body. Invalid
// UTF-8 is not JSON (RFC 8259 section 8.1); a reader that mends it could see another key than Cut did.
func (s *scanner) str() ([]byte, error) {
	if !s.take('"') {
		return nil, s.invalid()
	}
	start := s.pos
	for s.pos < len(s.body) {
		switch b := s.body[s.pos]; {
		case b == '"':
			s.pos++
			return s.body[start : s.pos-1], nil
		case b == '\\':
			s.pos++
			if err := s.escape(); err != nil {
				return nil, err
			}
		case b < 0x20:
			return nil, s.invalid()
		default:
			r, size := utf8.DecodeRune(s.body[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return nil, s.invalid()
			}
			s.pos += size
		}
	}
	return nil, s.invalid()
}

// escape passes what follows a backslash.
func (s *scanner) escape() error {
	if s.take('u') {
		for range 4 {
			if !isHex(s.peek()) {
				return s.invalid()
			}
			s.pos++
		}
		return nil
	}
	if b := s.peek(); b == 0 || bytes.IndexByte([]byte(`"\/bfnrt`), b) < 0 {
		return s.invalid()
	}
	s.pos++
	return nil
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'f'
}

// unescape resolves the escapes of a string that str has passed. It allocates once: a buffer that grows
// leaves copies behind that nobody wipes.
func unescape(raw []byte) []byte {
	text := make([]byte, 0, len(raw)) // no escape is shorter than what it stands for
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			text = append(text, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r := hexRune(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				pair := rune(utf8.RuneError) // a half alone
				if i+6 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					pair = utf16.DecodeRune(r, hexRune(raw[i+3:]))
				}
				if r = pair; r != utf8.RuneError {
					i += 6
				}
			}
			text = utf8.AppendRune(text, r)
		default: // " \ /
			text = append(text, raw[i])
		}
	}
	return text
}

// hexRune reads four hex digits.
func hexRune(b []byte) (r rune) {
	for _, d := range b[:4] {
		if d >= 'a' {
			d -= 'a' - 'A'
		}
		if d >= 'A' {
			d -= 'A' - '9' - 1
		}
		r = r<<4 | rune(d-'0')
	}
	return r
}
