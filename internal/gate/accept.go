package gate

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"reprise/internal/payment"
)

// checkAccept refuses a caller who says that he will not read JSON (RFC 9110 section 12.5.1). Of the ranges
// that cover it the most specific counts, so "*/*, application/json;q=0" is such a caller. What is not a
// media range says nothing.
func checkAccept(h http.Header) error {
	best, quality := -1, 1.0
	for _, part := range strings.Split(strings.Join(h.Values("Accept"), ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		kind, sub, ok := strings.Cut(media, "/")
		if err != nil || !ok {
			continue
		}
		specific := 0
		switch {
		case media == "application/json":
			specific = 3
		case kind == "application" && sub == "*":
			specific = 2
		case kind == "*" && sub == "*":
			specific = 1
		}
		if specific < best || specific == 0 && best > 0 {
			continue
		}
		q := 1.0
		if specific == 0 {
			q = 0 // another type: by itself it leaves JSON out
		} else if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if specific > best || q > quality {
			best, quality = specific, q
		}
	}
	if quality == 0 {
		return payment.Refuse("NOT_ACCEPTABLE", "The answer is application/json, which the Accept header leaves out")
	}
	return nil
}
