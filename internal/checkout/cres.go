package checkout

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// broken tells whether the bank's page came back with an error message instead of a CRes (EMV 3DS 2.2
// §A.5.5): the transaction cannot be challenged any more and has to be authenticated anew. Some send the
// Erro in the field cres, some in one of its own.
func broken(field func(name string) string) bool {
	if field("erro") != "" || field("error") != "" {
		return true
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(field("cres"), "="))
	if err != nil {
		return false
	}
	var m struct {
		MessageType string `json:"messageType"`
	}
	return json.Unmarshal(text, &m) == nil && m.MessageType == "Erro"
}
