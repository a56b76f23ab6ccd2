package acquirer

import (
	"slices"
	"testing"

	"github.com/moov-io/iso8583"
	"github.com/moov-io/iso8583/encoding"
	"github.com/moov-io/iso8583/field"
	"github.com/moov-io/iso8583/prefix"
	"pgregory.net/rapid"
)

// theirs is our table as a codec wants it that we did not write. Every field is a string: a number would lose its zeros.
func theirs() *iso8583.MessageSpec {
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

// TestAnotherCodec: every message that the profile allows is packed by another codec to the same bytes, and read by it as
// the same.
func TestAnotherCodec(t *testing.T) {
	spec := theirs()
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		frame, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		packer := iso8583.NewMessage(spec)
		packer.MTI(m.mti)
		for number, value := range m.fields {
			if err := packer.Field(number, value); err != nil {
				t.Fatal(err)
			}
		}
		if packed, err := packer.Pack(); err != nil || !slices.Equal(packed, frame[2:]) {
			t.Fatalf("packed as %x, we have %x (%v)", packed, frame[2:], err)
		}
		readsAs(t, spec, frame[2:], m)
	})
}

// readsAs has another codec read a body as a message.
func readsAs(t interface{ Fatalf(string, ...any) }, spec *iso8583.MessageSpec, body []byte, m message) {
	unpacker := iso8583.NewMessage(spec)
	if err := unpacker.Unpack(body); err != nil {
		t.Fatalf("the other codec does not read it: %v", err)
	}
	for _, e := range elements {
		got, err := unpacker.GetString(e.number)
		if err != nil || got != m.fields[e.number] || unpacker.Bitmap().IsSet(e.number) != (m.fields[e.number] != "") {
			t.Fatalf("DE%d is %q to the other codec, to us %q (%v)", e.number, got, m.fields[e.number], err)
		}
	}
}
