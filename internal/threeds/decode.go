package threeds

import (
	"io"
	"slices"
	"strings"
)

// expected says what may come.
type expected struct {
	types   []string // message types; an Erro may come in answer to anything and is always let in
	version string   // of the message that is answered; "" for any that we speak
	about   Message  // the message that is answered, for rules that look at it
	stream  *stream  // takes a long list element by element; needs version
}

// maxDetail is the length of errorDetail.
const maxDetail = 2048

// decode reads a message and holds it against the rules of its version. violation is what to answer; an
// Erro must not be answered at all, so a violation found in one has MessageType "Erro". err is a failure
// to read.
func decode(r io.Reader, want expected) (m Message, violation *Erro, err error) {
	source := &capped{r: r, left: maxMessage}
	if want.stream != nil {
		source.left = maxPRes
	}
	found := faults{strict: tables[want.version].strict()}
	p := newParser(source, want.stream.checked(&found, want))
	fields, syntax := p.message()
	if source.err != nil {
		return Message{}, nil, source.err
	}
	if syntax != nil {
		return Message{}, refuse(invalidMessage, "message", Message{}), nil
	}
	m = Message{fields: fields}
	m.Type, m.Version = m.text("messageType"), m.text("messageVersion")
	table, violation := m.envelope(want)
	if violation != nil {
		return m, violation, nil
	}
	found.strict = table.strict()
	for _, name := range p.duplicates {
		found.add(duplicateElement, name)
	}
	found.check(table[m.Type], m.fields, want.about, "")
	return m, found.violation(m), nil
}

// envelope says which rules a message has to obey, or why it has no business here.
func (m *Message) envelope(want expected) (Table, *Erro) {
	kind := m.fields["messageType"]
	if !slices.Contains(kinds, m.Type) {
		m.Type = ""
	}
	if m.Type == "Erro" { // comes in whatever version its sender likes, above all with code 102
		table, ok := tables[m.Version]
		if !ok {
			table = tables[spoken[0]]
		}
		return table, nil
	}
	switch {
	case empty(kind):
		return nil, refuse(missingElement, "messageType", *m)
	case !slices.Contains(want.types, m.Type):
		return nil, refuse(invalidMessage, "messageType", *m)
	}
	version := m.fields["messageVersion"]
	table, speak := tables[m.Version]
	switch {
	case empty(version):
		return nil, refuse(missingElement, "messageVersion", *m)
	case !Version.admits(m.Version):
		return nil, refuse(invalidFormat, "messageVersion", *m)
	case !speak:
		return nil, refuse(unspokenVersion, strings.Join(spoken, ","), *m)
	case want.version != "" && want.version != m.Version: // we speak it, but this exchange has another
		return nil, refuse(invalidFormat, "messageVersion", *m)
	}
	return table, nil
}

// checked is a stream whose elements are held against the rules of their list before they are handed on.
func (s *stream) checked(found *faults, want expected) *stream {
	if s == nil {
		return nil
	}
	rules := tables[want.version][want.types[0]]
	rows := rules[slices.IndexFunc(rules, func(r Rule) bool { return r.Field == s.field })]
	return &stream{s.field, func(element map[string]any) {
		if element == nil {
			found.add(invalidFormat, s.field)
			return
		}
		found.checkListed(rows, element, nil, want.about, s.field)
		if found.clean() {
			s.take(element)
		}
	}}
}

// capped reads no more than a message may hold and remembers why reading failed, so that a line that broke
// is told from a message that is wrong.
type capped struct {
	r    io.Reader
	left int64
	err  error
}

func (c *capped) Read(b []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		c.err = errTooLarge
		return 0, c.err
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
