package simulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
)

// class is the character class of an ISO 8583 element. The codec does not check it, so we do.
type class byte

const (
	num       class = iota // n: digits
	alnum                  // an: letters and digits
	printable              // ans: printable ASCII, space included
)

// element is the layout of one data element of docs/acquirer-profile.md. Size is exact for fixed
// elements (lengthDigits 0), else the most.
type element struct {
	class        class
	size         int
	lengthDigits int
}

var elements = map[int]element{
	2: {num, 19, 2}, 3: {num, 6, 0}, 4: {num, 12, 0}, 7: {num, 10, 0}, 11: {num, 6, 0}, 12: {num, 6, 0}, 13: {num, 4, 0},
	14: {num, 4, 0}, 18: {num, 4, 0}, 19: {num, 3, 0}, 22: {num, 3, 0}, 25: {num, 2, 0}, 32: {num, 11, 2}, 33: {num, 11, 2},
	37: {alnum, 12, 0}, 38: {alnum, 6, 0}, 39: {alnum, 2, 0}, 41: {printable, 8, 0}, 42: {printable, 15, 0}, 43: {printable, 40, 0},
	44: {printable, 25, 2}, 48: {printable, 999, 3}, 49: {num, 3, 0}, 62: {printable, 999, 3}, 63: {printable, 999, 3}, 70: {num, 3, 0},
	90: {num, 42, 0}, 95: {num, 42, 0},
}

// layout says which elements a message has; any other is refused.
type layout struct {
	must, may []int
}

// layouts are the messages that a gateway may send.
var layouts = map[string]layout{
	"0100": {must: []int{2, 3, 4, 7, 11, 12, 13, 14, 18, 19, 22, 25, 32, 33, 37, 41, 42, 43, 49}, may: []int{48}},
	"0200": {must: []int{2, 3, 4, 7, 11, 12, 13, 14, 18, 19, 22, 25, 32, 33, 37, 41, 42, 43, 49}, may: []int{48}},
	"0220": {must: []int{2, 3, 4, 7, 11, 12, 13, 18, 19, 25, 32, 33, 37, 38, 41, 42, 49, 90}},
	"0221": {must: []int{2, 3, 4, 7, 11, 12, 13, 18, 19, 25, 32, 33, 37, 38, 41, 42, 49, 90}},
	"0420": {must: []int{2, 3, 4, 7, 11, 12, 13, 18, 19, 25, 32, 33, 37, 41, 42, 49, 90}, may: []int{38, 95}},
	"0421": {must: []int{2, 3, 4, 7, 11, 12, 13, 18, 19, 25, 32, 33, 37, 41, 42, 49, 90}, may: []int{38, 95}},
	"0800": {must: []int{7, 11, 70}},
}

// echoed are the elements that an answer repeats.
var echoed = map[string][]int{
	"0110": {3, 4, 7, 11, 12, 13, 32, 33, 37, 41, 42, 49},
	"0210": {3, 4, 7, 11, 12, 13, 32, 33, 37, 41, 42, 49},
	"0230": {3, 4, 7, 11, 32, 37, 41, 49},
	"0430": {3, 4, 7, 11, 32, 37, 41, 49},
	"0810": {7, 11, 70},
}

// message is an ISO 8583 message as texts by element number. It holds a PAN and a CVN while it is
// worked on: never log one.
type message struct {
	mti    string
	fields map[int]string
}

// answer begins the response to m, the third digit of whose type is one more, with what it echoes.
func (m message) answer(code string) message {
	a := message{mti: m.mti[:2] + string(m.mti[2]+1) + "0", fields: map[int]string{39: code}}
	for _, id := range echoed[a.mti] {
		if value, ok := m.fields[id]; ok {
			a.fields[id] = value
		}
	}
	return a
}

// dialect packs and unpacks messages.
type dialect struct {
	spec *iso8583.MessageSpec
	ids  []int // ascending
}

func newDialect() *dialect {
	d := &dialect{}
	spec := &iso8583.MessageSpec{Name: "host", Fields: map[int]field.Field{
		0: field.NewString(&field.Spec{Length: 4, Enc: encoding.ASCII, Pref: prefix.ASCII.Fixed}),
		1: field.NewBitmap(&field.Spec{Length: 8, Enc: encoding.Binary, Pref: prefix.Binary.Fixed}),
	}}
	for id, e := range elements {
		pref := map[int]prefix.Prefixer{0: prefix.ASCII.Fixed, 2: prefix.ASCII.LL, 3: prefix.ASCII.LLL}[e.lengthDigits]
		spec.Fields[id] = field.NewString(&field.Spec{Length: e.size, Enc: encoding.ASCII, Pref: pref})
		d.ids = append(d.ids, id)
	}
	slices.Sort(d.ids)
	d.spec = spec
	return d
}

var errUnreadable = errors.New("not a message of this dialect")

// decode reads one frame, its length prefix already gone. An error means that nothing in the
// frame can be trusted, not even whom to answer; it never quotes the frame.
func (d *dialect) decode(frame []byte) (message, error) {
	if len(frame) < 12 {
		return message{}, errUnreadable
	}
	iso := iso8583.NewMessage(d.spec)
	if err := iso.Unpack(frame); err != nil {
		return message{}, errUnreadable
	}
	mti, err := iso.GetMTI()
	if err != nil || !num.holds(mti) {
		return message{}, errUnreadable
	}
	m := message{mti: mti, fields: map[int]string{}}
	read := 4 + 8
	if frame[4]&0x80 != 0 { // bit 1 announces the secondary bitmap
		read += 8
	}
	for _, id := range d.ids {
		if !iso.Bitmap().IsSet(id) {
			continue
		}
		value, err := iso.GetString(id)
		if err != nil {
			return message{}, errUnreadable
		}
		m.fields[id] = value
		read += elements[id].lengthDigits + len(value)
	}
	if read != len(frame) { // the codec ignores what follows the last element
		return message{}, fmt.Errorf("%w: bytes behind the last element", errUnreadable)
	}
	return m, nil
}

// encode packs a message with its length prefix, so that it goes out in one write.
func (d *dialect) encode(m message) ([]byte, error) {
	iso := iso8583.NewMessage(d.spec)
	iso.MTI(m.mti)
	for _, id := range d.ids {
		value, ok := m.fields[id]
		if !ok {
			continue
		}
		if err := elements[id].check(value); err != nil {
			return nil, fmt.Errorf("DE%d: %w", id, err)
		}
		if err := iso.Field(id, value); err != nil {
			return nil, fmt.Errorf("DE%d: cannot be packed", id)
		}
	}
	packed, err := iso.Pack()
	if err != nil {
		return nil, errors.New("message cannot be packed")
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...), nil
}

// check compares a request with its layout and reports the first fault by element number.
func (m message) check() error {
	l, ok := layouts[m.mti]
	if !ok {
		return errors.New("MTI not spoken here")
	}
	for _, id := range l.must {
		if _, ok := m.fields[id]; !ok {
			return fmt.Errorf("DE%d is missing", id)
		}
	}
	ids := make([]int, 0, len(m.fields))
	for id := range m.fields {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if !slices.Contains(l.must, id) && !slices.Contains(l.may, id) {
			return fmt.Errorf("DE%d does not belong in a %s", id, m.mti)
		}
		if err := elements[id].check(m.fields[id]); err != nil {
			return fmt.Errorf("DE%d: %w", id, err)
		}
	}
	return nil
}

func (e element) check(value string) error {
	if len(value) > e.size || len(value) == 0 || e.lengthDigits == 0 && len(value) != e.size {
		return errors.New("wrong length")
	}
	if !e.class.holds(value) {
		return errors.New("wrong characters")
	}
	return nil
}

func (c class) holds(value string) bool {
	for i := range len(value) {
		b := value[i]
		digit := b >= '0' && b <= '9'
		letter := b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
		switch {
		case digit:
		case letter && c != num:
		case b >= ' ' && b <= '~' && c == printable:
		default:
			return false
		}
	}
	return true
}
