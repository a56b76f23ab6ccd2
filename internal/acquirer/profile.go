package acquirer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	iso8583errors "github.com/moov-io/iso8583/errors"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
)

// message is one ISO 8583 message: data elements by number, as characters. It holds card data, so it is
// never logged, printed or put into an error.
type message struct {
	mti    string
	fields map[int]string
}

// class is what a data element may consist of (ISO 8583:1987 §3.2). The codec checks none of this: it
// would pack an amount of "12AB".
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

// spec is the same table as the codec wants it. Every field is a string: a number would lose its zeros,
// "000000" would go out as "0". The bitmap is 8 bytes that grow to 16 by its first bit; the codec's ready
// made specification always sends 16 and never sets that bit, which others cannot read.
var spec = codec(elements)

func codec(elements []element) *iso8583.MessageSpec {
	fixed := func(length int) *field.Spec {
		return &field.Spec{Length: length, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}
	}
	fields := map[int]field.Field{
		0: field.NewString(fixed(4)),
		1: field.NewBitmap(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
	}
	for _, e := range elements {
		s := fixed(e.max)
		switch e.digits {
		case 2:
			s.Pref = prefix.ASCII.LL
		case 3:
			s.Pref = prefix.ASCII.LLL
		}
		fields[e.number] = field.NewString(s)
	}
	return &iso8583.MessageSpec{Name: "Reprise acquirer profile", Fields: fields}
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

// encode packs a message with its length before it, ready for one write.
func encode(m message) ([]byte, error) {
	if err := check(m); err != nil {
		return nil, err
	}
	packer := iso8583.NewMessage(spec)
	packer.MTI(m.mti)
	for number, value := range m.fields {
		if err := packer.Field(number, value); err != nil {
			return nil, fault{m.mti, number, "cannot be set"}
		}
	}
	body, err := packer.Pack()
	if err != nil || len(body) > longestFrame {
		return nil, fault{m.mti, 0, "cannot be packed"} // not the codec's words: they quote
	}
	frame := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(body)), uint16(len(body)))
	frame = append(frame, body...)
	clear(body) // it holds PAN and CVN
	return frame, nil
}

// decode unpacks a message without its length. It accepts only what the profile could have packed: the
// codec alone would overlook bytes behind the last field, a length written as "+5", and any content.
func decode(body []byte) (got message, err error) {
	m := message{mti: string(body[:min(4, len(body))]), fields: map[int]string{}}
	if _, ok := columns[m.mti]; !ok {
		return message{}, errForeign
	}
	defer func() {
		if recover() != nil { // what a host sends must not end the process, whatever the codec thinks of it
			got, err = message{}, fault{m.mti, 0, "made the codec panic"}
		}
	}()
	unpacker := iso8583.NewMessage(spec)
	if err := unpacker.Unpack(body); err != nil {
		rule := "cannot be unpacked"
		if at := new(iso8583errors.UnpackError); errors.As(err, &at) {
			rule = "field " + at.FieldID + " cannot be unpacked"
		}
		return message{}, fault{m.mti, 0, rule}
	}
	bitmap := unpacker.Bitmap()
	if bitmap.Len() > 128 {
		return message{}, fault{m.mti, 0, "has a third bitmap"}
	}
	rest := body[4+bitmap.Len()/8:]
	for _, e := range elements {
		if !bitmap.IsSet(e.number) {
			continue
		}
		value, err := unpacker.GetString(e.number)
		if err != nil {
			return message{}, fault{m.mti, e.number, "cannot be read"}
		}
		if e.digits > 0 && string(rest[:e.digits]) != fmt.Sprintf("%0*d", e.digits, len(value)) {
			return message{}, fault{m.mti, e.number, "length is not digits"}
		}
		rest = rest[e.digits+len(value):]
		m.fields[e.number] = value
	}
	if len(rest) > 0 {
		return message{}, fault{m.mti, 0, "has bytes behind its last field"}
	}
	return m, check(m)
}
