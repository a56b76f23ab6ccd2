package store

import (
	"bytes"
	"encoding/json"
	"reflect"

	"reprise/internal/payment"
)

// decodeRow reads an object that will be written again. What this version does not know of it goes to unread.
func decodeRow(data []byte, into any, unread *payment.Unread) error {
	all := json.NewDecoder(bytes.NewReader(data))
	all.DisallowUnknownFields()
	if all.Decode(into) == nil {
		return nil
	}
	reflect.ValueOf(into).Elem().SetZero()
	err := decode(data, into) // without an error, something was unknown
	*unread = payment.Unread(data)
	return err
}

// encodeRow writes an object with what was unread of it.
func encodeRow[T any](object T, unread payment.Unread) (string, error) {
	now, err := encode(object)
	if err != nil || unread == "" {
		return now, err
	}
	var read T
	if err := decode([]byte(unread), &read); err != nil {
		return "", err
	}
	known, err := encode(read)
	if err != nil {
		return "", err
	}
	return encode(carry(json.RawMessage(now), json.RawMessage(unread), json.RawMessage(known)))
}

// carry is a value as it now is, with what was in it when it was read and not in what was known of it: members of
// objects, at any depth, where the object is still there; in a list, of those items that did not change.
func carry(now, read, known json.RawMessage) json.RawMessage {
	if bytes.Equal(read, known) {
		return now
	}
	if members, ok := alike[map[string]json.RawMessage](now, read, known); ok {
		for name, value := range members[1] {
			is, isThere := members[0][name]
			knew, isKnown := members[2][name]
			switch {
			case isThere && isKnown:
				members[0][name] = carry(is, value, knew)
			case !isThere && !isKnown:
				members[0][name] = value
			}
		}
		return joined(members[0])
	}
	if items, ok := alike[[]json.RawMessage](now, read, known); ok {
		for i := range min(len(items[0]), len(items[1]), len(items[2])) {
			if bytes.Equal(items[0][i], items[2][i]) {
				items[0][i] = carry(items[0][i], items[1][i], items[2][i])
			}
		}
		return joined(items[0])
	}
	return now
}

// alike takes values apart that are all objects, or all lists.
func alike[T map[string]json.RawMessage | []json.RawMessage](texts ...json.RawMessage) (parts []T, ok bool) {
	parts = make([]T, len(texts))
	for i, text := range texts {
		if string(text) == "null" || json.Unmarshal(text, &parts[i]) != nil {
			return nil, false
		}
	}
	return parts, true
}

// joined puts together what was taken apart, which cannot fail.
func joined(parts any) json.RawMessage {
	text, _ := json.Marshal(parts)
	return text
}
