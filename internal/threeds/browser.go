package threeds

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Browser is what the payer's browser says of itself (EMV 3DS 2.2 table A.1, data elements browser*):
// sizes in pixels, TimeZone in minutes, positive west of UTC.
type Browser struct {
	AcceptHeader, UserAgent, Language, IP string
	AcceptLanguage                        string // the header as it came, may be empty
	JavaEnabled                           bool
	ColorDepth                            int
	ScreenHeight, ScreenWidth, TimeZone   int
	Window                                string // challengeWindowSize that fits, "01" to "05"
}

// describe puts the browser into an AReq, in the shapes that the rules of its version want.
func (b Browser) describe(fields map[string]any, version string) {
	if since(version, "2.2.0") {
		fields["browserJavascriptEnabled"] = true // a script told us all this
	}
	longest, language := 8, cmp.Or(tag(b.Language), undetermined)
	if since(version, "2.3.1") {
		longest = 35
		fields["acceptLanguage"] = acceptLanguages(b.AcceptLanguage, language)
	}
	fields["browserJavaEnabled"] = b.JavaEnabled
	put(fields, "browserAcceptHeader", cmp.Or(clean(b.AcceptHeader, 2048), "*/*")) // what no header means (RFC 9110 §12.5.1)
	put(fields, "browserUserAgent", cmp.Or(clean(b.UserAgent, 2048), unnamed))
	put(fields, "browserLanguage", shortLanguage(language, longest))
	put(fields, "browserIP", plainIP(b.IP))
	put(fields, "browserColorDepth", colorDepth(b.ColorDepth)) // 2.3.1 takes more, and not everybody has noticed
	put(fields, "browserScreenHeight", strconv.Itoa(b.ScreenHeight))
	put(fields, "browserScreenWidth", strconv.Itoa(b.ScreenWidth))
	put(fields, "browserTZ", strconv.Itoa(b.TimeZone))
}

// unnamed is the user agent of a browser that does not say it. The element is required, and a payer must not keep the
// bank from being asked by leaving a header out.
const unnamed = "unknown"

// clean is a header as an element takes it, which is text: a header is bytes. It has at most so many characters, and is
// empty where it says nothing.
func clean(header string, most int) string {
	header = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || strange(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(header))
	return truncate(strings.TrimSpace(header), most)
}

// colorDepth is the next lower depth of the list: phones and HDR screens report 30, which is not in it.
func colorDepth(bits int) string {
	depth := colorDepths[0]
	for _, listed := range colorDepths {
		if n, _ := strconv.Atoi(listed); n <= bits {
			depth = listed
		}
	}
	return depth
}

// undetermined is the language of a browser that does not name one (RFC 5646 §4.1). The element is required.
const undetermined = "und"

// tag is what of a text may stand in a language tag (RFC 5646 §2.1).
func tag(language string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return -1
	}, language)
}

// shortLanguage cuts a language tag to a length without cutting a subtag in two.
func shortLanguage(tag string, longest int) string {
	for len(tag) > longest {
		end := strings.LastIndexByte(tag, '-')
		if end < 0 {
			return tag[:longest] // no registered language is so long (RFC 5646 §2.1)
		}
		tag = tag[:end]
	}
	return tag
}

// acceptLanguages are the language tags of an Accept-Language header in their order, without weights (RFC 9110 §12.5.4);
// where there are none, the language that the browser speaks.
func acceptLanguages(header, language string) []any {
	var all []any
	for one := range strings.SplitSeq(clean(header, len(header)), ",") {
		one, _, _ = strings.Cut(one, ";")
		if one = strings.TrimSpace(one); one != "" && one != "*" && !slices.Contains(all, any(one)) && len(all) < 99 {
			all = append(all, truncate(one, 100))
		}
	}
	if all == nil {
		all = []any{truncate(language, 100)}
	}
	return all
}

// plainIP is the address without a zone, which means nothing to others; empty where it is none.
func plainIP(s string) string {
	address, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return address.Unmap().WithZone("").String()
}
