package threeds

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

var underway = payment.Authentication{
	ServerTransID: serverID, ACSTransID: acsID, Version: "2.2.0",
	MethodURL: "https://acs.example/method", ACSURL: "https://acs.example/challenge",
}

// opened decodes a form field as an ACS does: base64url, strictly without padding.
func opened(t *testing.T, field string) (fields map[string]any) {
	t.Helper()
	text, err := base64.RawURLEncoding.Strict().DecodeString(field)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestMethodForm(t *testing.T) {
	form := newWorld(t).MethodForm(underway, "https://gateway.example/m")
	if form.URL != underway.MethodURL || len(form.Fields) != 1 {
		t.Errorf("got %v", form)
	}
	want := map[string]any{"threeDSServerTransID": serverID, "threeDSMethodNotificationURL": "https://gateway.example/m"}
	if diff := cmp.Diff(want, opened(t, form.Fields["threeDSMethodData"])); diff != "" {
		t.Error(diff)
	}
}

func TestChallengeForm(t *testing.T) {
	w := newWorld(t)
	form := w.ChallengeForm(underway, "02")
	if form.URL != underway.ACSURL || len(form.Fields) != 1 {
		t.Errorf("got %v", form)
	}
	want := map[string]any{
		"messageType": "CReq", "messageVersion": "2.2.0", "threeDSServerTransID": serverID,
		"acsTransID": acsID, "challengeWindowSize": "02",
	}
	if diff := cmp.Diff(want, opened(t, form.Fields["creq"])); diff != "" {
		t.Error(diff)
	}
}

func TestParseChallengeResponse(t *testing.T) {
	cres := `{"messageType":"CRes","messageVersion":"2.2.0","threeDSServerTransID":"` + serverID + `","acsTransID":"` + acsID + `","transStatus":"Y"}`
	erro := `{"messageType":"Erro","messageVersion":"2.2.0","errorCode":"402","threeDSServerTransID":"` + serverID + `","x":"??>>~~"}`
	done := ChallengeResponse{ServerTransID: serverID, ACSTransID: acsID}
	failed := ChallengeResponse{ServerTransID: serverID, Erro: true}
	raw, padded, standard := base64.RawURLEncoding, base64.URLEncoding, base64.StdEncoding
	for _, test := range []struct {
		name string
		form url.Values
		want ChallengeResponse // zero is an error
	}{
		{"unpadded", url.Values{"cres": {raw.EncodeToString([]byte(cres))}}, done},
		{"padded", url.Values{"cres": {padded.EncodeToString([]byte(cres + " "))}}, done},
		{"Erro as cres", url.Values{"cres": {raw.EncodeToString([]byte(erro))}}, failed},
		{"Erro as erro", url.Values{"erro": {padded.EncodeToString([]byte(erro))}}, failed},
		{"Erro as error", url.Values{"error": {standard.EncodeToString([]byte(erro))}}, failed},
		{"through a form that was not escaped", url.Values{"error": {strings.ReplaceAll(standard.EncodeToString([]byte(erro)), "+", " ")}}, failed},
		{"Erro of nothing", url.Values{"cres": {raw.EncodeToString([]byte(`{"messageType":"Erro"}`))}}, ChallengeResponse{Erro: true}},
		{"nothing", url.Values{}, ChallengeResponse{}},
		{"empty", url.Values{"cres": {""}}, ChallengeResponse{}},
		{"not base64", url.Values{"cres": {"%%%"}}, ChallengeResponse{}},
		{"not JSON", url.Values{"cres": {raw.EncodeToString([]byte("x"))}}, ChallengeResponse{}},
		{"twice", url.Values{"cres": {raw.EncodeToString([]byte(`{"messageType":"Erro",` + cres[1:]))}}, ChallengeResponse{}},
		{"no id", url.Values{"cres": {raw.EncodeToString([]byte(`{"messageType":"CRes"}`))}}, ChallengeResponse{}},
		{"another message", url.Values{"cres": {raw.EncodeToString([]byte(strings.Replace(cres, "CRes", "RReq", 1)))}}, ChallengeResponse{}},
		{"too large", url.Values{"cres": {strings.Repeat("A", maxMessage+1)}}, ChallengeResponse{}},
	} {
		got, err := ParseChallengeResponse(test.form)
		if got != test.want || (err != nil) != (test.want == ChallengeResponse{}) {
			t.Errorf("%s: got %v, %v", test.name, got, err)
		}
	}
}
