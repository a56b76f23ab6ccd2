package gate

import (
	"fmt"
	"slices"
)

// shape is which members the contract names in a value, wherever it names them. It is there to drop the
// others, so that what is said to be ignored is: a card number in a member of the caller's own invention is
// neither repeated nor stored, and encoding/json, which takes "AMOUNT" for amount, cannot give a door
// another value than the one that was judged here.
type shape struct {
	members map[string]*shape
	others  *shape // of members with names by the caller, which additionalProperties judges; nil: none
	items   *shape
}

// prune drops from a valid value every member that is not named, and says whether there was one.
func (s *shape) prune(value any) (dropped bool) {
	if s == nil {
		s = &shape{}
	}
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			below := s.members[name]
			if below == nil {
				below = s.others
			}
			if below == nil {
				delete(v, name)
				dropped = true
			} else if below.prune(member) {
				dropped = true
			}
		}
	case []any:
		for _, item := range v {
			if s.items.prune(item) {
				dropped = true
			}
		}
	}
	return dropped
}

// understood are the keywords that may stand in the schema of a request: those that shape follows, those
// that name no members, and those that say nothing of a value. Of others (patternProperties, prefixItems)
// shape would not see the members, and a keyword that is misspelt judges nothing.
var understood = []string{
	"$ref", "allOf", "properties", "additionalProperties", "items",
	"anyOf", "oneOf", "if", "then", "else",
	"not", "required", "dependentRequired", "propertyNames", "type", "enum", "const", "format", "pattern",
	"minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
	"title", "description", "default", "examples", "deprecated", "x-errors",
}

// shape makes the shape of what all the schemas at some pointers judge together. above are the pointers
// that led here.
//
// Members count as named by $ref and allOf, which always apply, but not by anyOf, oneOf, if, then and else:
// where such a branch was not taken, nothing has judged them. So a schema is refused when a branch names a
// member that the schema itself does not.
func (c *contract) shape(pointers, above []string) (*shape, error) {
	s := &shape{}
	var branches []string
	named := map[string][]string{}
	var others, items []string
	for i := 0; i < len(pointers); i++ { // grows
		at := pointers[i]
		if slices.Contains(above, at) || slices.Contains(pointers[:i], at) {
			return nil, fmt.Errorf("%s: stands within itself or twice in one place, and cannot be pruned", at)
		}
		schema := object(c.at(at))
		for _, keyword := range list(schema) {
			if !slices.Contains(understood, keyword) {
				return nil, fmt.Errorf("%s: the schema of a request cannot have %s", at, keyword)
			}
		}
		if schema["$ref"] != nil {
			pointers = append(pointers, c.follow(at))
		}
		pointers = append(pointers, c.each(at, "allOf")...)
		for _, keyword := range []string{"anyOf", "oneOf"} {
			branches = append(branches, c.each(at, keyword)...)
		}
		for _, keyword := range []string{"if", "then", "else"} {
			if schema[keyword] != nil {
				branches = append(branches, at+"/"+keyword)
			}
		}
		for name := range object(schema["properties"]) {
			named[name] = append(named[name], at+"/properties/"+escape(name))
		}
		switch judge := schema["additionalProperties"].(type) {
		case bool:
			if judge {
				return nil, fmt.Errorf("%s: additionalProperties true would keep what nothing judges", at)
			}
		case map[string]any:
			others = append(others, at+"/additionalProperties")
		}
		if schema["items"] != nil {
			items = append(items, at+"/items")
		}
	}
	above = slices.Concat(above, pointers)
	var err error
	if others != nil {
		if s.others, err = c.shape(others, above); err != nil {
			return nil, err
		}
	}
	if items != nil {
		if s.items, err = c.shape(items, above); err != nil {
			return nil, err
		}
	}
	s.members = make(map[string]*shape, len(named))
	for _, name := range list(named) {
		if s.members[name], err = c.shape(named[name], above); err != nil {
			return nil, err
		}
	}
	for _, branch := range branches {
		b, err := c.shape([]string{branch}, above)
		if err != nil {
			return nil, err
		}
		if lacking := s.lacks(b); lacking != "" {
			return nil, fmt.Errorf("%s names %s, which the schema outside of it has to name too", branch, lacking)
		}
	}
	return s, nil
}

// each lists the pointers of the schemas in a keyword's array.
func (c *contract) each(pointer, keyword string) []string {
	schemas, _ := c.at(pointer + "/" + keyword).([]any)
	pointers := make([]string, len(schemas))
	for i := range schemas {
		pointers[i] = fmt.Sprintf("%s/%s/%d", pointer, keyword, i)
	}
	return pointers
}

// lacks names a member that another shape has and this one has not, or "".
func (s *shape) lacks(other *shape) string {
	if other == nil {
		return ""
	}
	if s == nil {
		s = &shape{}
	}
	for _, name := range list(other.members) {
		below := s.members[name]
		if below == nil {
			below = s.others
		}
		if below == nil {
			return "/" + name
		}
		if lacking := below.lacks(other.members[name]); lacking != "" {
			return "/" + name + lacking
		}
	}
	if other.others != nil {
		if s.others == nil {
			return "/* (additionalProperties)"
		}
		if lacking := s.others.lacks(other.others); lacking != "" {
			return "/*" + lacking
		}
	}
	if lacking := s.items.lacks(other.items); lacking != "" {
		return "/0" + lacking
	}
	return ""
}
