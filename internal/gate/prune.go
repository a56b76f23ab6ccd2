package gate

// prune drops from a valid value every member that the schema at a pointer does not name, and says whether
// there was one. Objects for which the schema names no members are free, as metadata is.
//
// So that what is said to be ignored is: a card number in a member of the caller's own invention is neither
// repeated nor stored, and encoding/json, which takes "AMOUNT" for amount, cannot give a door another value
// than the one that was judged here.
func (c *contract) prune(pointer string, value any) (dropped bool) {
	pointer = c.follow(pointer)
	switch v := value.(type) {
	case map[string]any:
		named, ok := c.at(pointer + "/properties").(map[string]any)
		if !ok {
			return false
		}
		for name, member := range v {
			if _, ok := named[name]; !ok {
				delete(v, name)
				dropped = true
			} else if c.prune(pointer+"/properties/"+escape(name), member) {
				dropped = true
			}
		}
	case []any:
		for _, item := range v {
			if c.prune(pointer+"/items", item) {
				dropped = true
			}
		}
	}
	return dropped
}
