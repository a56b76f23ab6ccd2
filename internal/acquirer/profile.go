package acquirer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// message is one ISO 8583 message: data elements by number, as characters. It holds card data, so it is
// never logged, printed or put into an error.
type message struct {
	mti    string
	fields map[int]string
}

// class is what a data element may consist of (ISO 8583:1987 §3.2).
type class string

const (
	n      class = "digits"
	an     class = "letters and digits, filled with spaces on the right"
	ans    class = "printable ASCII"
	tagged class = "tagged data"
)

func (c class) holds(value string) bool {
	switch c {
	case n:
		return only(value, isDigit)
	case an:
		value = strings.TrimRight(value, " ")
		return value != "" && only(value, func(b byte) bool {
			return isDigit(b) || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		})
	case ans:
		return only(value, isPrintable)
	case tagged:
		_, err := parseTags(value)
		return err == nil && only(value, isPrintable)
	}
	return false
}

func isDigit(b byte) bool     { return b >= '0' && b <= '9' }
func isPrintable(b byte) bool { return b >= ' ' && b <= '~' }

func only(s string, allowed func(byte) bool) bool {
	for i := range len(s) {
		if !allowed(s[i]) {
			return false
		}
	}
	return true
}

// element is a row of the profile's table. A fixed one has no length on the wire (digits is 0); of a
// variable one, digits says how many characters its length takes.
type element struct {
	number   int
	class    class
	digits   int
	min, max int
	presence string // by column: M mandatory, C conditional, - never
}

// columns are the messages of the profile in the order of the table below. An 0100 and an 0200 differ in what
// they do with the money and not in their fields; a repeat differs from what it repeats in the MTI alone.
var columns = map[string]int{
	"0100": 0, "0200": 0, "0110": 1, "0210": 1, "0220": 2, "0221": 2, "0420": 3, "0421": 3, "0230": 4, "0430": 4,
	"0800": 5, "0810": 6,
}

// answers tells which message answers which.
var answers = map[string]string{
	"0100": "0110", "0200": "0210", "0220": "0230", "0221": "0230", "0420": "0430", "0421": "0430", "0800": "0810",
}

// elements is the table of docs/acquirer-profile.md, from which messages are packed, unpacked and checked.
var elements = []element{
	{2, n, 2, 12, 19, "MCMM---"},       // PAN
	{3, n, 0, 6, 6, "MMMMM--"},         // processing code
	{4, n, 0, 12, 12, "MMMMM--"},       // amount in minor units of DE49
	{7, n, 0, 10, 10, "MMMMMMM"},       // transmission date and time, MMDDhhmmss UTC
	{11, n, 0, 6, 6, "MMMMMMM"},        // systems trace audit number
	{12, n, 0, 6, 6, "MMMM---"},        // local time, hhmmss
	{13, n, 0, 4, 4, "MMMM---"},        // local date, MMDD
	{14, n, 0, 4, 4, "M------"},        // card expiry, YYMM
	{18, n, 0, 4, 4, "M-MM---"},        // merchant category code
	{19, n, 0, 3, 3, "M-MM---"},        // acquiring country
	{22, n, 0, 3, 3, "M------"},        // entry mode
	{25, n, 0, 2, 2, "M-MM---"},        // condition code
	{32, n, 2, 1, 11, "MMMMM--"},       // acquiring institution
	{33, n, 2, 1, 11, "MMMM---"},       // forwarding institution
	{37, an, 0, 12, 12, "MMMMM--"},     // retrieval reference number
	{38, an, 0, 6, 6, "-CMC---"},       // authorisation code
	{39, an, 0, 2, 2, "-M--M-M"},       // response code
	{41, ans, 0, 8, 8, "MMMMM--"},      // terminal
	{42, ans, 0, 15, 15, "MMMM---"},    // card acceptor
	{43, ans, 0, 40, 40, "M------"},    // name and location
	{44, ans, 2, 1, 25, "-C-----"},     // results by position
	{48, tagged, 3, 4, 999, "CC-----"}, // tagged data
	{49, n, 0, 3, 3, "MMMMM--"},        // currency
	{62, an, 3, 1, 15, "-C-----"},      // network transaction id
	{63, an, 3, 1, 22, "-C-----"},      // acquirer's own reference
	{70, n, 0, 3, 3, "-----MM"},        // network management code
	{90, n, 0, 42, 42, "--MM---"},      // original data elements
	{95, n, 0, 42, 42, "---C---"},      // replacement amounts
}

// fault says which rule a message breaks. It names fields and never quotes them.
type fault struct {
	mti   string
	field int // 0: the message as a whole
	rule  string
}

func (f fault) Error() string {
	if f.field == 0 {
		return fmt.Sprintf("ISO 8583 %s: %s", f.mti, f.rule)
	}
	return fmt.Sprintf("ISO 8583 %s DE%d: %s", f.mti, f.field, f.rule)
}

// errForeign is a message that does not even begin like one of the profile's. Its MTI is not quoted: it
// may be anything.
var errForeign = errors.New("ISO 8583 message type is not in the profile")

// check holds a message against the table.
func check(m message) error {
	column, ok := columns[m.mti]
	if !ok {
		return errForeign
	}
	known := 0
	for _, e := range elements {
		value, given := m.fields[e.number]
		if given {
			known++
		}
		switch presence := e.presence[column]; {
		case !given && presence == 'M':
			return fault{m.mti, e.number, "missing"}
		case !given:
		case presence == '-':
			return fault{m.mti, e.number, "not in this message"}
		case len(value) < e.min || len(value) > e.max:
			return fault{m.mti, e.number, fmt.Sprintf("has %d characters, not %d to %d", len(value), e.min, e.max)}
		case !e.class.holds(value):
			return fault{m.mti, e.number, "is not " + string(e.class)}
		}
	}
	if known != len(m.fields) {
		return fault{m.mti, 0, "has a field that is not in the profile"}
	}
	return nil
}

// longestFrame is more than the profile's longest message, and the end of patience with a length that
// makes no sense.
const longestFrame = 2048

// Sizes on the wire. A bitmap of 8 bytes grows to 16, and its first bit says so.
const (
	headerSize = 2 // the length of what follows
	typeSize   = 4
	bitmapSize = 8
	grown      = 0x80
)

// encode packs a message with its length before it, ready for one write. There is one copy of what is in it.
func encode(m message) ([]byte, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	bitmap, size := bitmapSize, 0
	for _, e := range elements {
		if value, given := m.fields[e.number]; given {
			size += e.digits + len(value)
			if e.number > 8*bitmapSize {
				bitmap = 2 * bitmapSize
			}
		}
	}
	if size += typeSize + bitmap; size > longestFrame {
		return nil, fault{m.mti, 0, "is longer than a frame"}
	}
	frame := make([]byte, headerSize+size)
	binary.BigEndian.PutUint16(frame, uint16(size))
	copy(frame[headerSize:], m.mti)
	bits, rest := frame[headerSize+typeSize:][:bitmap], frame[headerSize+typeSize+bitmap:]
	if bitmap > bitmapSize {
		bits[0] |= grown
	}
	for _, e := range elements {
		value, given := m.fields[e.number]
		if !given {
			continue
		}
		bits[(e.number-1)/8] |= bit(e.number)
		for i, length := e.digits-1, len(value); i >= 0; i, length = i-1, length/10 {
			rest[i] = byte('0' + length%10)
		}
		rest = rest[e.digits+copy(rest[e.digits:], value):]
	}
	return frame, nil
}

// bit is that of a data element, in its byte of a bitmap.
func bit(number int) byte { return grown >> ((number - 1) % 8) }

// decode unpacks a message without its length. It accepts only what the profile could have packed,
// but for a second bitmap with nothing in it.
func decode(body []byte) (message, error) {
	m := message{mti: string(body[:min(typeSize, len(body))])}
	if _, ok := columns[m.mti]; !ok {
		return message{}, errForeign
	}
	bits := body[typeSize:]
	length := bitmapSize
	if len(bits) > 0 && bits[0]&grown != 0 {
		length = 2 * bitmapSize
	}
	switch {
	case len(bits) < length:
		return message{}, fault{m.mti, 0, "ends in its bitmap"}
	case length > bitmapSize && bits[bitmapSize]&grown != 0:
		return message{}, fault{m.mti, 0, "has a third bitmap"}
	}
	bits, rest := bits[:length], bits[length:]
	m.fields = make(map[int]string, len(elements))
	left := elements
	for number := 2; number <= 8*length; number++ {
		if bits[(number-1)/8]&bit(number) == 0 {
			continue
		}
		for len(left) > 0 && left[0].number < number {
			left = left[1:]
		}
		if len(left) == 0 || left[0].number != number {
			return message{}, fault{m.mti, number, "is not in the profile"} // nobody knows where it would end
		}
		value, more, rule := left[0].take(rest)
		if rule != "" {
			return message{}, fault{m.mti, number, rule}
		}
		m.fields[number], rest = value, more
	}
	if len(rest) > 0 {
		return message{}, fault{m.mti, 0, "has bytes behind its last field"}
	}
	return m, check(m)
}

// take reads an element at the beginning of what is left of a message, or says which rule it breaks.
func (e element) take(from []byte) (value string, rest []byte, rule string) {
	length := e.max
	if e.digits > 0 {
		length = 0
		for _, digit := range from[:min(e.digits, len(from))] {
			if !isDigit(digit) {
				return "", nil, "length is not digits"
			}
			length = 10*length + int(digit-'0')
		}
	}
	if len(from) < e.digits+length {
		return "", nil, "is cut off"
	}
	from = from[e.digits:]
	return string(from[:length]), from[length:], ""
}
