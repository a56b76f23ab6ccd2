package card

import "fmt"

// What takes the place of a card field in the rest of a body: valid by the schema, and the same for every
// card, so that nothing downstream can tell one from another.
const (
	placeholderCVN    = `"000"`
	placeholderNumber = `"4111111111111111"`
	placeholderMonth  = `"12"`
	placeholderYear   = `"2099"`
)

// SyntaxError says that a body is not valid JSON, and where, and nothing of what stood there.
type SyntaxError struct {
	Offset int // in bytes from the start
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("body is not valid JSON (at byte %d)", e.Offset)
}

// Cut takes the card fields out of the raw body of a request before anyone else sees it: cvn, card_number,
// expiry_month and expiry_year, at the top and in channel_properties.card_details. In rest each is replaced
// by a fixed placeholder that is valid by the schema; all other bytes are as they came. rest is a new
// buffer, so the caller can Wipe the body, and should.
//
// Fields are not judged here but by their own methods. Refused is what would leave in doubt where a card
// field is or which one counts: invalid JSON (*SyntaxError), a body or a folder of card fields that is no
// object, a card field given twice, nesting beyond reason (*FieldError). With an error nothing is returned.
//
// It reads JSON by itself because encoding/json would copy card data into strings and buffers of its own,
// takes "CVN" for "cvn", quotes the input in its errors and mends invalid UTF-8.
func Cut(body []byte) (rest []byte, fields Fields, err error) {
	c := cutter{scanner: scanner{body: body}, rest: make([]byte, 0, len(body)+longestPlaceholders)}
	if err := c.document(); err != nil {
		c.fields.Wipe()
		return nil, Fields{}, err
	}
	return append(c.rest, body[c.kept:]...), c.fields, nil
}

// longestPlaceholders is how much rest may be longer than body, so that it is allocated once.
const longestPlaceholders = len(placeholderCVN + placeholderNumber + placeholderMonth + placeholderYear)

// cutter walks a body once and copies it into rest but for the card fields.
type cutter struct {
	scanner
	rest   []byte
	kept   int // body up to here is in rest
	fields Fields
}

// folder is an object that may hold card fields, or another folder.
type folder int

const (
	plain      folder = iota // holds neither
	top                      // the body itself
	properties               // channel_properties
	details                  // channel_properties.card_details
)

func (c *cutter) document() error {
	c.space()
	if err := c.value(top, "/body", 0); err != nil {
		return err
	}
	c.space()
	if c.pos != len(c.body) {
		return c.invalid()
	}
	return nil
}

// maxDepth is far beyond any body of the API, and far below what would strain the stack.
const maxDepth = 64

// value walks one value. What is to be a folder has to be an object, or else card fields could hide in it
// from Cut and not from a lenient reader; only null, which is an absent folder, is let through.
func (c *cutter) value(in folder, path string, depth int) error {
	if depth > maxDepth {
		return &FieldError{"/body", "must not be nested so deeply"}
	}
	next := c.peek()
	if in != plain && next != '{' && (in == top || next != 'n') {
		if err := c.value(plain, path, depth); err != nil { // malformed comes first
			return err
		}
		return &FieldError{path, "must be an object"}
	}
	switch next {
	case '{':
		return c.object(in, path, depth)
	case '[':
		return c.array(path, depth)
	default:
		return c.scalar()
	}
}

func (c *cutter) array(path string, depth int) error {
	c.pos++ // [
	c.space()
	if c.take(']') {
		return nil
	}
	for {
		c.space()
		if err := c.value(plain, path, depth+1); err != nil {
			return err
		}
		c.space()
		switch {
		case c.take(','):
		case c.take(']'):
			return nil
		default:
			return c.invalid()
		}
	}
}

func (c *cutter) object(in folder, path string, depth int) error {
	c.pos++ // {
	c.space()
	if c.take('}') {
		return nil
	}
	for {
		c.space()
		raw, err := c.str()
		if err != nil {
			return err
		}
		c.space()
		if !c.take(':') {
			return c.invalid()
		}
		c.space()
		if err := c.member(in, string(unescape(raw)), path, depth); err != nil {
			return err
		}
		c.space()
		switch {
		case c.take(','):
		case c.take('}'):
			return nil
		default:
			return c.invalid()
		}
	}
}

// member walks the value of one key of an object.
func (c *cutter) member(in folder, name, path string, depth int) error {
	switch {
	case in == top && name == "channel_properties":
		return c.value(properties, path+"/"+name, depth+1)
	case in == properties && name == "card_details":
		if c.fields.folder == "" && c.peek() == '{' {
			c.fields.folder = path + "/" + name
		}
		return c.value(details, path+"/"+name, depth+1)
	case in == top || in == details:
		switch name {
		case "cvn":
			return c.cut(&c.fields.cvn, placeholderCVN, path, name, depth)
		case "card_number":
			return c.cut(&c.fields.number, placeholderNumber, path, name, depth)
		case "expiry_month":
			return c.cut(&c.fields.month, placeholderMonth, path, name, depth)
		case "expiry_year":
			return c.cut(&c.fields.year, placeholderYear, path, name, depth)
		}
	}
	return c.value(plain, path, depth+1)
}

// cut takes one value out of a folder.
func (c *cutter) cut(slot *hidden[field], placeholder, folder, name string, depth int) error {
	path := folder + "/" + name
	c.fields.folder = folder
	if slot.get() != nil {
		return &FieldError{path, "must be given only once"}
	}
	*slot = hide(field{path: path})
	c.rest = append(append(c.rest, c.body[c.kept:c.pos]...), placeholder...)
	if c.peek() == '"' {
		raw, err := c.str()
		if err != nil {
			return err
		}
		slot.get().text, slot.get().isString = unescape(raw), true
	} else if err := c.value(plain, path, depth+1); err != nil {
		return err
	}
	c.kept = c.pos
	return nil
}
