package threeds

import (
	"net/netip"
	"strconv"
	"strings"
)

// Browser is what the payer's browser says of itself (EMV 3DS 2.2 table A.1, data elements browser*):
// sizes in pixels, TimeZone in minutes, positive west of UTC.
type Browser struct {
	AcceptHeader, UserAgent, Language, IP string
	JavaEnabled                           bool
	ColorDepth                            int
	ScreenHeight, ScreenWidth, TimeZone   int
	Window                                string // challengeWindowSize that fits, "01" to "05"
}

// describe puts the browser into an AReq, in the shapes that the rules want.
func (b Browser) describe(fields map[string]any, version string) {
	if version != "2.1.0" {
		fields["browserJavascriptEnabled"] = true // a script told us all this
	}
	fields["browserJavaEnabled"] = b.JavaEnabled
	accept := b.AcceptHeader
	if accept == "" {
		accept = "*/*" // what no header means (RFC 9110 §12.5.1)
	}
	put(fields, "browserAcceptHeader", truncate(accept, 2048))
	put(fields, "browserUserAgent", truncate(b.UserAgent, 2048))
	put(fields, "browserLanguage", shortLanguage(b.Language))
	put(fields, "browserIP", plainIP(b.IP))
	put(fields, "browserColorDepth", colorDepth(b.ColorDepth))
	put(fields, "browserScreenHeight", strconv.Itoa(b.ScreenHeight))
	put(fields, "browserScreenWidth", strconv.Itoa(b.ScreenWidth))
	put(fields, "browserTZ", strconv.Itoa(b.TimeZone))
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

// shortLanguage cuts a language tag to eight characters without cutting a subtag in two.
func shortLanguage(tag string) string {
	for len(tag) > 8 {
		end := strings.LastIndexByte(tag, '-')
		if end < 0 {
			return tag[:8] // no registered language is so long (RFC 5646 §2.1)
		}
		tag = tag[:end]
	}
	return tag
}

// plainIP is the address without a zone, which means nothing to others; empty where it is none.
func plainIP(s string) string {
	address, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return address.Unmap().WithZone("").String()
}
