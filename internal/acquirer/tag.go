package acquirer

import (
	"errors"
	"strings"
)

// Tags of DE48, the field that ISO 8583 leaves to the parties (docs/acquirer-profile.md).
const (
	tagStoredCredential = "22"
	tagECI              = "42"
	tagAuthentication   = "43"
	tagFirstUse         = "63"
	tagThreeDS          = "66"
	tagAdvice           = "84"
	tagCVN              = "92"
)

var errTags = errors.New("DE48 is not tagged data")

// tag is one entry of DE48: two characters, the length of the value in two digits, the value.
type tag struct{ id, value string }

// formatTags writes DE48 in the order given, into one buffer: a CVN is not to be left in others that were outgrown. Values
// longer than 99 characters do not exist in the profile.
func formatTags(tags []tag) string {
	size := 0
	for _, t := range tags {
		size += 4 + len(t.value)
	}
	var s strings.Builder
	s.Grow(size)
	for _, t := range tags {
		s.WriteString(t.id)
		s.WriteByte(byte('0' + len(t.value)/10))
		s.WriteByte(byte('0' + len(t.value)%10))
		s.WriteString(t.value)
	}
	return s.String()
}

// parseTags reads DE48. Tags that we do not know are kept: a host may say more than it was asked. A tag
// given twice is refused, because two readers would believe different ones.
func parseTags(s string) (map[string]string, error) {
	tags := map[string]string{}
	for s != "" {
		if len(s) < 4 || !only(s[2:4], isDigit) {
			return nil, errTags
		}
		id, length := s[:2], int(s[2]-'0')*10+int(s[3]-'0')
		if s = s[4:]; length > len(s) {
			return nil, errTags
		}
		if _, twice := tags[id]; twice {
			return nil, errTags
		}
		tags[id], s = s[:length], s[length:]
	}
	return tags, nil
}

// Positions of DE44, counted from 1 as network manuals do.
const (
	positionAVS = 2
	positionCVN = 10
)

// result returns a position of DE44, "" where the host gave none.
func result(de44 string, position int) string {
	if len(de44) < position || de44[position-1] == ' ' {
		return ""
	}
	return de44[position-1 : position]
}
