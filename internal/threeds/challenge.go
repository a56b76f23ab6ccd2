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

// maxSessionData bytes fit into threeDSSessionData, which has 1024 characters of base64url.
const maxSessionData = 768

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

// ChallengeForm is what the browser posts to the ACS. window is a challengeWindowSize, "01" to "05".
// sessionData comes back with the CRes; it passes through browser and ACS, so it holds no secret. More than
// 768 bytes of it are left out, as an ACS would cut or refuse them.
func (s *Server) ChallengeForm(a payment.Authentication, window, sessionData string) Form {
	creq := newMessage("CReq", a.Version, map[string]any{
		"threeDSServerTransID": string(a.ServerTransID),
		"acsTransID":           a.ACSTransID,
		"challengeWindowSize":  window,
	})
	form := Form{URL: a.ACSURL, Fields: map[string]string{"creq": encodeForm(creq.fields)}}
	if sessionData != "" && len(sessionData) <= maxSessionData {
		form.Fields["threeDSSessionData"] = base64.RawURLEncoding.EncodeToString([]byte(sessionData))
	}
	return form
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
	SessionData   string                // that of ChallengeForm; "" where it did not come back
}

var errBrowserForm = errors.New("threeds: the browser brought no message that can be read")

// ParseChallengeResponse reads the form that the ACS has the browser post to the notificationURL. An Erro
// comes in the field cres, erro or error, depending on the ACS.
func ParseChallengeResponse(form url.Values) (ChallengeResponse, error) {
	var r ChallengeResponse
	if data, err := decodeBase64(form.Get("threeDSSessionData")); err == nil && len(data) <= maxSessionData {
		r.SessionData = string(data)
	}
	for _, field := range []string{"cres", "erro", "error"} {
		if !form.Has(field) {
			continue
		}
		m, err := parseForm(form.Get(field))
		if err != nil {
			return ChallengeResponse{}, err
		}
		id := m.text("threeDSServerTransID")
		r.Erro, r.ServerTransID = m.Type == "Erro", payment.ServerTransID(id)
		if UUID.admits(id) && m.Type == "CRes" || r.Erro && (id == "" || UUID.admits(id)) {
			return r, nil
		}
		return ChallengeResponse{}, errBrowserForm
	}
	return ChallengeResponse{}, errBrowserForm
}

// ParseMethodNotification reads the form that the ACS has the hidden frame post when the 3DS Method is done.
func ParseMethodNotification(form url.Values) (payment.ServerTransID, error) {
	m, err := parseForm(form.Get("threeDSMethodData"))
	if err != nil {
		return "", err
	}
	id := m.text("threeDSServerTransID")
	if !UUID.admits(id) {
		return "", errBrowserForm
	}
	return payment.ServerTransID(id), nil
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
