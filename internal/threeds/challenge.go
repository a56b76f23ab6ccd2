package threeds

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"reprise/internal/payment"
)

// Form is something a browser posts: application/x-www-form-urlencoded fields to a URL.
type Form struct {
	URL    string            `json:"url"`
	Fields map[string]string `json:"fields"`
}

// MethodForm is what the browser posts to the 3DS Method URL, in a hidden frame. The ACS posts to
// notificationURL when it has seen enough (EMV 3DS 2.2 §5.8.1).
func (s *Server) MethodForm(a payment.Authentication, notificationURL string) Form {
	return Form{URL: a.MethodURL, Fields: map[string]string{
		"threeDSMethodData": encodeForm(map[string]any{
			"threeDSServerTransID":         string(a.ServerTransID),
			"threeDSMethodNotificationURL": notificationURL,
		}),
	}}
}

// ChallengeForm is what the browser posts to the ACS. window is a challengeWindowSize, "01" to "05". No
// threeDSSessionData goes with it: the page that posts this stays open around the bank's.
func (s *Server) ChallengeForm(a payment.Authentication, window string) Form {
	creq := newMessage("CReq", a.Version, map[string]any{
		"threeDSServerTransID": string(a.ServerTransID),
		"acsTransID":           a.ACSTransID,
		"challengeWindowSize":  window,
	})
	return Form{URL: a.ACSURL, Fields: map[string]string{"creq": encodeForm(creq.fields)}}
}

// encodeForm writes a message as a browser carries it: base64url without padding. Texts always marshal.
func encodeForm(fields map[string]any) string {
	text, _ := json.Marshal(fields)
	return base64.RawURLEncoding.EncodeToString(text)
}

// ChallengeResponse is what a browser brings home from the ACS. It proves nothing, as the payer could have
// written it: it only says that the challenge is over for this browser.
type ChallengeResponse struct {
	Erro          bool                  // an Erro came in place of a CRes
	ServerTransID payment.ServerTransID // may be empty with an Erro
	ACSTransID    string                // the bank's own name for it, as it came; may be empty
}

var errBrowserForm = errors.New("threeds: the browser brought no message that can be read")

// ParseChallengeResponse reads the form that the ACS has the browser post to the notificationURL. An Erro
// comes in the field cres, erro or error, depending on the ACS.
func ParseChallengeResponse(form url.Values) (ChallengeResponse, error) {
	for _, field := range []string{"cres", "erro", "error"} {
		if !form.Has(field) {
			continue
		}
		m, err := parseForm(form.Get(field))
		if err != nil {
			return ChallengeResponse{}, err
		}
		id := m.text("threeDSServerTransID")
		r := ChallengeResponse{Erro: m.Type == "Erro", ServerTransID: payment.ServerTransID(id), ACSTransID: m.text("acsTransID")}
		if UUID.admits(id) && m.Type == "CRes" || r.Erro && (id == "" || UUID.admits(id)) {
			return r, nil
		}
		return ChallengeResponse{}, errBrowserForm
	}
	return ChallengeResponse{}, errBrowserForm
}

func parseForm(value string) (Message, error) {
	if len(value) > maxMessage {
		return Message{}, errTooLarge
	}
	text, err := decodeBase64(value)
	if err != nil {
		return Message{}, fmt.Errorf("%w: not base64url", errBrowserForm)
	}
	p := newParser(strings.NewReader(string(text)), nil)
	fields, err := p.message()
	if err != nil || len(p.duplicates) > 0 {
		return Message{}, fmt.Errorf("%w: not one JSON object", errBrowserForm)
	}
	m := Message{fields: fields}
	m.Type, m.Version = m.text("messageType"), m.text("messageVersion")
	return m, nil
}

// base64URL is the alphabet of base64url for those who write the other one, whose + a form turns into a blank.
var base64URL = strings.NewReplacer("+", "-", " ", "-", "/", "_", "\r", "", "\n", "", "=", "")

// decodeBase64 takes base64url with and without padding: both are met in the field.
func decodeBase64(s string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(base64URL.Replace(s))
}
