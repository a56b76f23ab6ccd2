package card

import (
	"fmt"
	"io"
	"log/slog"
)

// Every way in which Go turns a value into text ends in these methods. Format covers all verbs of fmt,
// String a panic, LogValue slog, MarshalText JSON, XML and YAML, MarshalBinary gob. There are no Unmarshal
// methods: what is masked cannot come back, and a raw value comes in only through Parse.

// hidden keeps a value out of fmt's sight. What lies in an unexported field fmt does not ask how it wants to
// be printed, it prints what it finds: a slice or a struct behind one pointer too, when the verb is wrong for
// it (%!d(*[]uint8=&[49 50 51])). It never follows two pointers, and prints an address.
type hidden[T any] struct{ at **T }

func hide[T any](value T) hidden[T] {
	at := &value
	return hidden[T]{&at}
}

// get returns nil when nothing is hidden.
func (h hidden[T]) get() *T {
	if h.at == nil {
		return nil
	}
	return *h.at
}

const (
	maskedCVN    = "***" // also for four digits: the length would tell the brand
	maskedExpiry = "**/**"
)

func (p PAN) String() string                 { return p.Masked() }
func (p PAN) Format(s fmt.State, _ rune)     { _, _ = io.WriteString(s, p.String()) }
func (p PAN) LogValue() slog.Value           { return slog.StringValue(p.String()) }
func (p PAN) MarshalText() ([]byte, error)   { return []byte(p.String()), nil }
func (p PAN) MarshalBinary() ([]byte, error) { return p.MarshalText() }

func (c CVN) String() string {
	if c.IsZero() {
		return ""
	}
	return maskedCVN
}
func (c CVN) Format(s fmt.State, _ rune)     { _, _ = io.WriteString(s, c.String()) }
func (c CVN) LogValue() slog.Value           { return slog.StringValue(c.String()) }
func (c CVN) MarshalText() ([]byte, error)   { return []byte(c.String()), nil }
func (c CVN) MarshalBinary() ([]byte, error) { return c.MarshalText() }

func (e Expiry) String() string {
	if e.IsZero() {
		return ""
	}
	return maskedExpiry
}
func (e Expiry) Format(s fmt.State, _ rune)     { _, _ = io.WriteString(s, e.String()) }
func (e Expiry) LogValue() slog.Value           { return slog.StringValue(e.String()) }
func (e Expiry) MarshalText() ([]byte, error)   { return []byte(e.String()), nil }
func (e Expiry) MarshalBinary() ([]byte, error) { return e.MarshalText() }

// Fields has no exported field to marshal; this keeps its addresses out of logs, too.
func (f Fields) String() string             { return "card fields" }
func (f Fields) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, f.String()) }
func (f Fields) LogValue() slog.Value       { return slog.StringValue(f.String()) }
