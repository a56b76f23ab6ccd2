package checkout

import (
	"encoding/base64"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"reprise/internal/payment"
)

const submitPath = "/v3/payment_with_session"

// cardFields are the values that the tests here submit.
var cardFields = regexp.MustCompile(`\b(73|737|7373|7a7|\d*1091)\b`)

func submission(more string) string {
	return `{"payment_session_id":"` + session + `",` + more + `}`
}

func TestSubmit(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	w := d.send("POST", submitPath, publicKey, submission(`"cvn":"737","device":{"fingerprint":"f"},"confirm_save":false,"other":1`))
	got := decoded(t, w)
	if w.Code != 200 || got["payment_request_id"] != string(d.c.Request.ID) || d.sealed != "737" {
		t.Fatalf("%d %v", w.Code, got)
	}
	want := "https://pay.example/pay/" + page + "#k=" + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	if got["action_url"] != want || got["message"] != acceptedMessage {
		t.Errorf("%v", got)
	}
	if h := w.Header(); h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
}

func TestSubmitWithoutThreeDS(t *testing.T) {
	c := caseIn(payment.Submitted)
	c.Session.SkipThreeDS = true
	c.Session.Open, c.Request = "", nil
	d := newDoor(t, c)
	got := decoded(t, d.send("POST", submitPath, publicKey, submission(`"cvn":"737"`)))
	if _, there := got["action_url"]; there || d.sent != "737" || d.sealed != "" || d.c.Request.State != payment.Succeeded {
		t.Errorf("%v", got)
	}
}

func TestSubmitIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		key, body string
		status    int
		code      string
		path      string // of the member that is named; empty: none
	}{
		"no key":        {"", submission(`"cvn":"737"`), 401, "INVALID_API_KEY", ""},
		"secret key":    {secretKey, submission(`"cvn":"737"`), 401, "INVALID_API_KEY", ""},
		"no CVN":        {publicKey, submission(`"device":{}`), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"empty CVN":     {publicKey, submission(`"cvn":""`), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"short CVN":     {publicKey, submission(`"cvn":"73"`), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"long CVN":      {publicKey, submission(`"cvn":"7373"`), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"no digits":     {publicKey, submission(`"cvn":"7a7"`), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"a number":      {publicKey, submission(`"cvn":737`), 400, "API_VALIDATION_ERROR", "/body/cvn"},
		"twice":         {publicKey, submission(`"cvn":"737","cvn":"737"`), 400, "", ""},
		"no session":    {publicKey, `{"cvn":"737"}`, 400, "API_VALIDATION_ERROR", "/body"},
		"other session": {publicKey, `{"cvn":"737","payment_session_id":"ps-000000000000000000000000"}`, 404, "NOT_FOUND", ""},
		"a card number": {publicKey, submission(`"cvn":"737","card_number":"4000000000001091"`), 400, "API_VALIDATION_ERROR", "/body/card_number"},
		"an expiry":     {publicKey, submission(`"cvn":"737","expiry_month":"07"`), 400, "API_VALIDATION_ERROR", "/body/card_number"},
		"not JSON":      {publicKey, `cvn=737`, 400, "", ""},
		"an array":      {publicKey, `["737"]`, 400, "API_VALIDATION_ERROR", "/body"},
	} {
		t.Run(name, func(t *testing.T) {
			c := caseIn(payment.Submitted)
			c.Session.Open, c.Request = "", nil
			d := newDoor(t, c)
			w := d.send("POST", submitPath, test.key, test.body)
			got := decoded(t, w)
			if w.Code != test.status || test.code != "" && got["error_code"] != test.code {
				t.Errorf("%d %v", w.Code, got)
			}
			if fields, _ := got["errors"].([]any); test.path != "" {
				if len(fields) != 1 || !strings.HasPrefix(fields[0].(map[string]any)["path"].(string), test.path) {
					t.Errorf("%v", got)
				}
			}
			for _, text := range []string{w.Body.String(), d.log.String()} {
				if cardFields.MatchString(text) {
					t.Errorf("a card field is repeated: %s", text)
				}
			}
			if d.sealed != "" || d.sent != "" || d.c.Request != nil {
				t.Error("something was kept")
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	w := d.send("OPTIONS", submitPath, "", "")
	allowed := strings.ToLower(w.Header().Get("Access-Control-Allow-Headers"))
	if w.Code != 204 || !strings.Contains(allowed, "authorization") || !strings.Contains(allowed, "content-type") {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w = d.send("OPTIONS", "/pay/"+page+"/cvn", "", ""); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("the attempt's page is for itself alone")
	}
}

// TestWhatIsKeptHasNoShare: the answer under an idempotency key leads nobody to the CVN.
func TestWhatIsKeptHasNoShare(t *testing.T) {
	d := newDoor(t, caseIn(payment.Submitted))
	r := httptest.NewRequest("POST", submitPath, strings.NewReader(submission(`"cvn":"737"`)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k1")
	r.SetBasicAuth(publicKey, "")
	w := httptest.NewRecorder()
	d.mux.ServeHTTP(w, r)
	want := `{"message":"` + acceptedMessage + `","payment_request_id":"` + string(d.c.Request.ID) + `"}`
	if w.Code != 200 || !strings.Contains(w.Body.String(), "#k=") || string(d.kept) != want {
		t.Errorf("%d %s, kept %s", w.Code, w.Body, d.kept)
	}
}
