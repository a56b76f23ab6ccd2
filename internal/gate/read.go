package gate

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"reprise/internal/payment"
)

// read reads a body into one buffer that nobody else holds. io.ReadAll would leave parts of it behind in
// every buffer it outgrows.
func (g *Gate) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, tooLarge(w)
	}
	most := int64(maxBody)
	if r.ContentLength >= 0 {
		most = r.ContentLength
	}
	// What is announced and does not come takes no memory. One byte more is where the end of a body is seen.
	buffer := make([]byte, 0, min(most, 8<<10)+1)
	body := http.MaxBytesReader(w, r.Body, maxBody)
	for {
		if len(buffer) == cap(buffer) {
			larger := append(make([]byte, 0, min(2*int64(cap(buffer)), most+1)), buffer...)
			clear(buffer)
			buffer = larger
		}
		n, err := body.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			clear(buffer)
			var over *http.MaxBytesError
			if errors.As(err, &over) {
				return nil, tooLarge(w)
			}
			var turnedAway *payment.Error
			if errors.As(err, &turnedAway) {
				return nil, turnedAway
			}
			// The caller went away or sends nonsense (a broken chunk); nothing of ours failed.
			return nil, Invalid(payment.Field{Path: "/body", Message: "must be sent completely"})
		}
	}
	if len(buffer) == 0 {
		return nil, Invalid(payment.Field{Path: "/body", Message: "must NOT be empty"})
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || !strings.EqualFold(media, "application/json") {
		clear(buffer)
		return nil, payment.Refuse("UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json")
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		clear(buffer)
		return nil, payment.Refuse("UNSUPPORTED_MEDIA_TYPE", "Content-Encoding is not supported: send the body as it is")
	}
	return buffer, nil
}

// tooLarge also hangs up: who sends that much has more, which nobody is to read.
func tooLarge(w http.ResponseWriter) error {
	w.Header().Set("Connection", "close")
	return payment.Refuse("REQUEST_TOO_LARGE", "The request body is too large")
}
