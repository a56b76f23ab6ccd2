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
	var found faults
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
	if len(p.duplicates) > 0 {
		return m, refuse(duplicateElement, names(p.duplicates), m), nil
	}
	found.check(table[m.Type], m.fields, want.about, "")
	return m, found.violation(m), nil
}

// envelope says which rules a message has to obey, or why it has no business here.
func (m *Message) envelope(want expected) (Table, *Erro) {
	_, known := tables[spoken[0]][m.Type]
	if !known {
		m.Type = ""
	}
	if m.Type == "Erro" { // comes in whatever version its sender likes, above all with code 102
		table, ok := tables[m.Version]
		if !ok {
			table = tables[spoken[0]]
		}
		return table, nil
	}
	if !slices.Contains(want.types, m.Type) {
		return nil, refuse(invalidMessage, "messageType", *m)
	}
	version, there := m.fields["messageVersion"]
	table, speak := tables[m.Version]
	switch text, _ := version.(string); {
	case !there:
		return nil, refuse(missingElement, "messageVersion", *m)
	case text == "":
		return nil, refuse(invalidFormat, "messageVersion", *m)
	case !speak || want.version != "" && want.version != text:
		return nil, refuse(unspokenVersion, "messageVersion", *m)
	}
	return table, nil
}

// violation is the Erro for what was found, or nil. Of several kinds the first is named, of one kind all.
func (f *faults) violation(m Message) *Erro {
	switch {
	case len(f.critical) > 0:
		return refuse(criticalUnknown, names(f.critical), m)
	case len(f.missing) > 0:
		return refuse(missingElement, names(f.missing), m)
	case len(f.malformed) > 0:
		return refuse(invalidFormat, names(f.malformed), m)
	}
	return nil
}

func names(list []string) string {
	s := strings.Join(list, ",")
	return s[:min(len(s), maxDetail)]
}

// checked is a stream whose elements are held against the rules of their list before they are handed on.
func (s *stream) checked(found *faults, want expected) *stream {
	if s == nil {
		return nil
	}
	rules := tables[want.version][want.types[0]]
	list := rules[slices.IndexFunc(rules, func(r Rule) bool { return r.Field == s.field })]
	return &stream{s.field, func(element map[string]any) {
		if element == nil {
			found.add(&found.malformed, s.field)
			return
		}
		found.checkElement(list, element, want.about, s.field)
		if found.clean() {
			s.take(element)
		}
	}}
}

func (f *faults) clean() bool { return len(f.missing)+len(f.malformed)+len(f.critical) == 0 }

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
