package simulator

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// requestor is a gateway's end of the directory line.
type requestor struct {
	t      *testing.T
	w      *World
	client *http.Client
}

func newRequestor(t *testing.T, w *World) *requestor {
	t.Helper()
	kit := w.Kit()
	pair, err := tls.X509KeyPair([]byte(kit.ClientCert), []byte(kit.ClientKey))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: caPool(t, kit)}}
	t.Cleanup(transport.CloseIdleConnections)
	return &requestor{t: t, w: w, client: &http.Client{Transport: transport}}
}

func caPool(t *testing.T, kit Kit) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(kit.CA)) {
		t.Fatal("no CA in the kit")
	}
	return pool
}

func (r *requestor) post(body string) object {
	r.t.Helper()
	res, err := r.client.Post(r.w.Kit().DirectoryURL, "application/json; charset=utf-8", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("status %d, %v", res.StatusCode, err)
	}
	o, err := parseObject(text)
	if err != nil {
		r.t.Fatalf("answer: %v", err)
	}
	return o
}

func (r *requestor) ask(o object) object {
	r.t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.post(string(body))
}

// areq makes an AReq; elements given replace or (if nil) remove its own.
func (r *requestor) areq(pan string, change object) object {
	o := object{
		"messageType": "AReq", "messageVersion": "2.2.0", "messageCategory": "01", "deviceChannel": "02",
		"threeDSServerTransID": r.w.stage.random.uuid(), "threeDSServerRefNumber": "3DS_LOA_SER_TEST_020200_00001",
		"threeDSServerURL": "https://127.0.0.1:1/rreq", "threeDSRequestorID": "requestor-1", "threeDSRequestorName": "Toko Kopi",
		"threeDSRequestorURL": "https://toko.example", "threeDSRequestorAuthenticationInd": "01", "threeDSCompInd": "N",
		"notificationURL": "http://127.0.0.1:1/3ds/home", "acctNumber": pan, "cardExpiryDate": "3012",
		"acquirerBIN": "400001", "acquirerMerchantID": "MERCHANT0000001", "mcc": "5734", "merchantCountryCode": "360",
		"merchantName": "Toko Kopi", "purchaseAmount": "10000000", "purchaseCurrency": "360", "purchaseExponent": "2",
		"purchaseDate": "20261123081500", "transType": "01", "browserAcceptHeader": "text/html", "browserUserAgent": "test/1",
		"browserIP": "127.0.0.1", "browserLanguage": "en-GB", "browserJavascriptEnabled": true, "browserJavaEnabled": false,
		"browserColorDepth": "24", "browserScreenHeight": "1080", "browserScreenWidth": "1920", "browserTZ": "-420",
	}
	if _, ok := rangeOf(pan); ok && enrolmentOf(pan).method == "" {
		o["threeDSCompInd"] = "U"
	}
	switch change["messageVersion"] {
	case "2.1.0":
		delete(o, "browserJavascriptEnabled")
	case newest:
		o["acceptLanguage"], o["acquirerCountryCode"], o["acquirerCountryCodeSource"] = []string{"en-GB", "en"}, "360", "01"
	}
	maps.Copy(o, change)
	maps.DeleteFunc(o, func(_ string, v any) bool { return v == nil })
	return o
}

// matrix is a Visa of the matrix.
func matrix(digits string) string {
	pan, ok := NumberFor("visa", digits)
	if !ok {
		panic("no such card: " + digits)
	}
	return pan
}

// adding turns an AReq for a payment into one for a card that is added, with a change of its own.
func adding(change object) object {
	o := object{"messageCategory": "02", "threeDSRequestorAuthenticationInd": "04"}
	for _, r := range purchaseRules {
		o[r.name] = nil
	}
	maps.Copy(o, change)
	return o
}

func TestDirectoryWantsItsOwnCertificates(t *testing.T) {
	w := startWorld(t, nil)
	kit := w.Kit()
	bare := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: caPool(t, kit)}}}
	if res, err := bare.Post(kit.DirectoryURL, "application/json", strings.NewReader("{}")); err == nil {
		res.Body.Close()
		t.Error("a client without a certificate was served")
	}
	other := startWorld(t, nil).Kit()
	pair, err := tls.X509KeyPair([]byte(other.ClientCert), []byte(other.ClientKey))
	if err != nil {
		t.Fatal(err)
	}
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: caPool(t, kit), Certificates: []tls.Certificate{pair}}}}
	if res, err := stranger.Post(kit.DirectoryURL, "application/json", strings.NewReader("{}")); err == nil {
		res.Body.Close()
		t.Error("a client of another CA was served")
	}
	for name, part := range map[string]string{"client": kit.ClientCert, "server": kit.ServerCert} {
		if !strings.Contains(part, "BEGIN CERTIFICATE") {
			t.Errorf("no %s certificate in the kit", name)
		}
	}
}

func TestCardRanges(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	preq := object{
		"messageType": "PReq", "messageVersion": "2.2.0", "threeDSServerRefNumber": "3DS_LOA_SER_TEST_020200_00001",
		"threeDSServerTransID": w.stage.random.uuid(), "threeDSServerOperatorID": "10075020",
	}
	pres := r.ask(preq)
	if pres.text("messageType") != "PRes" || pres.text("threeDSServerTransID") != preq.text("threeDSServerTransID") ||
		!uuidShape.MatchString(pres.text("dsTransID")) {
		t.Fatalf("PRes: %v", pres)
	}
	within := func(pan string) (row object, ok bool) {
		for _, v := range pres["cardRangeData"].([]any) {
			row = v.(object)
			if low := row.text("startRange"); len(low) == len(pan) && low <= pan && pan <= row.text("endRange") {
				return row, true
			}
		}
		return nil, false
	}
	for _, c := range cards {
		row, ok := within(c.pan)
		newest := "2.2.0"
		if c.pan[0] == '5' {
			newest = "2.3.1"
		}
		if !ok || row.text("acsStartProtocolVersion") != "2.1.0" || row.text("acsEndProtocolVersion") != newest {
			t.Errorf("%s: %v", c.pan, row)
		}
		method := row.text("threeDSMethodURL")
		if jcb := strings.HasPrefix(c.pan, "3337"); jcb != (method == "") || !jcb && method != w.Kit().ACSOrigin+"/method" {
			t.Errorf("%s: threeDSMethodURL %q", c.pan, method)
		}
	}
	if _, ok := within("6011000000000004"); ok {
		t.Error("a range that is not ours")
	}

	preq["serialNum"] = pres.text("serialNum")
	if again := r.ask(preq); again["cardRangeData"] != nil || again.text("messageType") != "PRes" {
		t.Errorf("nothing new: %v", again)
	}
	preq["serialNum"] = "1"
	if e := r.ask(preq); e.text("errorCode") != "307" {
		t.Errorf("unknown serial number: %v", e)
	}
	delete(preq, "serialNum")
	delete(preq, "threeDSServerRefNumber")
	if e := r.ask(preq); e.text("errorCode") != "201" || e.text("errorDetail") != "threeDSServerRefNumber" || e.text("errorMessageType") != "PReq" {
		t.Errorf("incomplete: %v", e)
	}
}

func TestAuthentications(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	for _, c := range []struct {
		pan    string
		change object
		want   string
		eci    string
		bytes  int
	}{
		{pan: "4000000000001091", want: "C"},
		{pan: "4000000000002503", want: "C"},
		{pan: "5200000000002151", want: "C"},
		{pan: "340000000002534", want: "C"},
		{pan: "3337000000200004", want: "C"},
		{pan: "4000000000001000", want: "Y", eci: "05", bytes: 20},
		{pan: "5200000000001005", want: "Y", eci: "02", bytes: 21},
		{pan: "340000000002708", want: "Y", eci: "05", bytes: 20},
		{pan: "4111111111111111", want: "Y", eci: "05", bytes: 20},
		{pan: "4111111111111111", change: object{"messageVersion": "2.1.0", "browserJavascriptEnabled": nil}, want: "Y", eci: "05", bytes: 20},
		{pan: "4111111111111111", change: object{"threeDSRequestorChallengeInd": "04"}, want: "C"},
		{pan: "4000000000000010", change: object{"threeDSRequestorChallengeInd": "04"}, want: "N"},
		{pan: "5200000000000015", want: "N"},
		{pan: "4200350000000801", want: "C"},
		{pan: "4200350000000801", change: object{"purchaseCurrency": "764", "purchaseAmount": "2000"}, want: "C"},
		{pan: "4200350000000801", change: object{"purchaseCurrency": "764", "purchaseAmount": "1999"}, want: "Y", eci: "05", bytes: 20},
		{pan: "4000000000001000", change: adding(nil), want: "Y", eci: "05", bytes: 20},
		{pan: "4000000000001000", change: adding(object{"messageVersion": "2.1.0", "browserJavascriptEnabled": nil}), want: "Y", eci: "05", bytes: 20},
		{pan: "4000000000001000", change: adding(object{"threeDSRequestorChallengeInd": "04"}), want: "C"},
		{pan: "4000000000001091", change: adding(nil), want: "C"},
		{pan: "4200350000000801", change: adding(nil), want: "C"},
		{pan: "5200000000001005", change: adding(object{"merchantName": nil, "acquirerBIN": nil, "acquirerMerchantID": nil, "mcc": nil, "merchantCountryCode": nil}), want: "Y", eci: "N2"},
		{pan: "5200000000000015", change: adding(nil), want: "N", eci: "N0"},
		{pan: "4000000000000010", change: adding(nil), want: "N"},
		{pan: "340000000002708", change: adding(nil), want: "Y", eci: "05", bytes: 20},
		{pan: "3337000000200004", change: adding(nil), want: "C"},
		{pan: "4000000000001000", change: object{"browserJavascriptEnabled": false, "browserTZ": nil, "browserColorDepth": nil}, want: "Y", eci: "05", bytes: 20},
	} {
		ask := r.areq(c.pan, c.change)
		ares := r.ask(ask)
		if ares.text("transStatus") != c.want {
			t.Errorf("%s %v: %v", c.pan, c.change, ares)
			continue
		}
		for _, id := range []string{"dsTransID", "acsTransID"} {
			if !uuidShape.MatchString(ares.text(id)) {
				t.Errorf("%s: %s %q", c.pan, id, ares.text(id))
			}
		}
		if ares.text("threeDSServerTransID") != ask.text("threeDSServerTransID") || ares.text("messageVersion") != ask.text("messageVersion") ||
			ares.text("acsReferenceNumber") == "" || ares.text("dsReferenceNumber") == "" {
			t.Errorf("%s: %v", c.pan, ares)
		}
		raw, err := base64.StdEncoding.DecodeString(ares.text("authenticationValue"))
		if err != nil || len(raw) != c.bytes || ares.text("eci") != c.eci || c.bytes > 0 && len(ares.text("authenticationValue")) != 28 {
			t.Errorf("%s: authenticationValue of %d bytes, ECI %q", c.pan, len(raw), ares.text("eci"))
		}
		if c.want == "C" && (ares.text("acsURL") != w.Kit().ACSOrigin+"/challenge" || ares.text("authenticationType") == "" || ares.text("acsChallengeMandated") != "Y") {
			t.Errorf("%s: %v", c.pan, ares)
		}
		if c.want == "N" && ares.text("transStatusReason") != "01" {
			t.Errorf("%s: %v", c.pan, ares)
		}
	}
	wantComplaints(t, w)
}

// judges misses every element of a table where it is required, and refuses it where it is malformed.
func (r *requestor) judges(version, category string, rules []rule) {
	pan := matrix("0000")
	asked := func(change object) object {
		all := object{"messageVersion": version}
		maps.Copy(all, change)
		if category == "02" {
			all = adding(all)
		}
		return r.areq(pan, all)
	}
	for _, rule := range rules {
		switch rule.name {
		case "messageType", "messageVersion", "messageCategory", "acctNumber": // what all else is judged by
			continue
		}
		if rule.must != nil && rule.must(asked(nil)) {
			e := r.ask(asked(object{rule.name: nil}))
			if e.text("errorCode") != "201" || !slices.Contains(strings.Split(e.text("errorDetail"), ","), rule.name) {
				r.t.Errorf("%s, category %s, without %s: %v", version, category, rule.name, e)
			}
		}
		for _, bad := range []any{"", "?" + strings.Repeat("x", 2100), 7, []string{}} {
			change := object{rule.name: bad}
			switch { // what goes with it
			case strings.HasSuffix(rule.name, "AddrState"):
				change[strings.TrimSuffix(rule.name, "State")+"Country"] = "360"
			case rule.name == "trustListStatus":
				change["trustListStatusSource"] = "01"
			case rule.name == "recurringAmount":
				change["recurringCurrency"], change["recurringExponent"] = "360", "2"
			}
			if e := r.ask(asked(change)); e.text("errorCode") != "203" || e.text("errorDetail") != rule.name {
				r.t.Errorf("%s, category %s, %s of %T: %v", version, category, rule.name, bad, e)
			}
		}
	}
}

func TestAReqIsJudged(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	const pan = "4000000000001000"
	used := r.areq(pan, nil)
	r.ask(used)
	for _, version := range versions {
		for category, rules := range areqTables[version] {
			r.judges(version, category, rules)
		}
	}
	for _, c := range []struct {
		change       object
		code, detail string
	}{
		{object{"messageVersion": "2.3.1"}, "102", "messageVersion"}, // these cards' bank does not speak it
		{object{"messageVersion": "2.4.0"}, "102", "messageVersion"},
		{object{"acctNumber": matrix("4000"), "messageVersion": "2.3.1"}, "102", "messageVersion"},
		{object{"acctNumber": matrix("3000")}, "102", "messageVersion"},
		{object{"acctNumber": matrix("3000"), "messageVersion": "2.3.1", "acceptLanguage": nil, "acquirerCountryCode": nil}, "201", "acceptLanguage,acquirerCountryCode"},
		{object{"acctNumber": matrix("3000"), "messageVersion": "2.3.1", "threeDSRequestorChallengeInd": "03"}, "203", "threeDSRequestorChallengeInd"},
		{object{"acctNumber": matrix("3000"), "messageVersion": "2.3.1", "whiteListStatus": "Y"}, "203", "whiteListStatus"},
		{object{"acctNumber": matrix("3000"), "messageVersion": "2.3.1", "cardSecurityCode": "123"}, "203", "cardSecurityCode"},
		{object{"acctNumber": matrix("3000"), "messageVersion": "2.3.1", "threeDSRequestorAuthenticationInd": "02"}, "201", "recurringInd"},
		{object{"acctNumber": matrix("3000"), "messageVersion": "2.3.1", "threeDSRequestorAuthenticationInd": "02",
			"recurringInd": object{"amountInd": "01", "frequencyInd": "01"}}, "201", "recurringFrequency,recurringAmount,recurringDate"},
		{object{"threeDSRequestorChallengeInd": []string{"03"}}, "203", "threeDSRequestorChallengeInd"},
		{object{"acceptLanguage": []string{"en"}}, "203", "acceptLanguage"},
		{object{"acctNumber": "4000000000001001"}, "305", "acctNumber"},
		{object{"acctNumber": "6011000000000004"}, "305", "acctNumber"},
		{object{"purchaseCurrency": "000"}, "304", "purchaseCurrency"},
		{object{"purchaseExponent": "0"}, "305", "purchaseExponent"},
		{object{"purchaseAmount": "0100"}, "203", "purchaseAmount"},
		{object{"threeDSServerTransID": used.text("threeDSServerTransID")}, "305", "threeDSServerTransID"},
		{object{"threeDSServerTransID": "e537f539-d59f-1ebe-8d56-7fdc31a8e9b4"}, "203", "threeDSServerTransID"},
		{object{"threeDSServerURL": "http://127.0.0.1/rreq"}, "203", "threeDSServerURL"},
		{object{"browserColorDepth": "30"}, "203", "browserColorDepth"},
		{object{"browserScreenHeight": nil, "browserTZ": nil}, "201", "browserScreenHeight,browserTZ"},
		{object{"messageVersion": "2.1.0", "browserJavascriptEnabled": false, "browserTZ": nil}, "201", "browserTZ"},
		{object{"messageVersion": "2.1.0", "threeDSRequestorChallengeInd": "06"}, "203", "threeDSRequestorChallengeInd"},
		{object{"sdkAppID": "x"}, "203", "sdkAppID"},
		{object{"messageCategory": "03"}, "203", "messageCategory"},
		{object{"messageCategory": "02", "threeDSRequestorAuthenticationInd": "04"}, "203", "purchaseAmount,purchaseCurrency,purchaseDate,purchaseExponent,transType"},
		{adding(object{"threeDSRequestorAuthenticationInd": "01"}), "203", "threeDSRequestorAuthenticationInd"},
		{adding(object{"threeDSRequestorAuthenticationInd": "02"}), "203", "threeDSRequestorAuthenticationInd"},
		{adding(object{"acquirerBIN": nil}), "201", "acquirerBIN"},
		{adding(object{"messageCategory": "01", "transType": "01"}), "201", "purchaseAmount,purchaseCurrency,purchaseExponent,purchaseDate"},
		{object{"threeDSRequestorAuthenticationInd": "02"}, "201", "recurringExpiry,recurringFrequency"},
		{object{"billAddrState": "JK"}, "201", "billAddrCountry"},
		{object{"mobilePhone": object{"cc": "62"}}, "203", "mobilePhone"},
		{object{"messageExtension": []object{{"name": "x", "id": "y", "criticalityIndicator": true, "data": object{}}}}, "202", "messageExtension"},
	} {
		e := r.ask(r.areq(pan, c.change))
		if e.text("messageType") != "Erro" || e.text("errorCode") != c.code || e.text("errorDetail") != c.detail ||
			e.text("errorComponent") != "D" || e.text("errorMessageType") != "AReq" {
			t.Errorf("%v: %v", c.change, e)
		}
	}
	for body, code := range map[string]string{
		`{"messageType":"AReq","messageType":"AReq"}`: "204",
		`{"messageType":"AReq","a":{"b":1,"b":2}}`:    "204",
		`{"messageType":"AReq"`:                       "101",
		`[]`:                                          "101",
		`{} {}`:                                       "101",
		`{"messageType":"RReq"}`:                      "101",
	} {
		if e := r.post(body); e.text("errorCode") != code {
			t.Errorf("%s: %v", body, e)
		}
	}
	for _, c := range w.Complaints() {
		if strings.Contains(c.What, pan) || strings.Contains(c.What, "xxx") {
			t.Errorf("a complaint quotes a value: %s", c.What)
		}
	}
}

func TestMethodIndicatorIsChecked(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	r.ask(r.areq("4000000000001000", object{"threeDSCompInd": "Y"}))
	r.ask(r.areq("4000000000001000", object{"threeDSCompInd": "U"}))
	r.ask(r.areq("3337000000000008", object{"threeDSCompInd": "N"}))
	wantComplaints(t, w,
		"directory: AReq: threeDSCompInd Y, but the 3DS Method did not run",
		"directory: AReq: threeDSCompInd U goes with a card range without threeDSMethodURL, and only there",
		"directory: AReq: threeDSCompInd U goes with a card range without threeDSMethodURL, and only there")
}

// TestAuthenticationValueIsSpentOnce pays with a frictionless proof, at the acquirer's end.
func TestAuthenticationValueIsSpentOnce(t *testing.T) {
	w := startWorld(t, nil)
	r, g := newRequestor(t, w), signedOn(t, w)
	for _, pan := range []string{"4000000000001000", "5200000000001005"} {
		ares := r.ask(r.areq(pan, nil))
		private := func(value, eci, ds string) map[int]string {
			return map[int]string{48: "2204C101" + "4202" + eci + "4328" + value + "66372" + ds + "9203123"}
		}
		value, eci, ds := ares.text("authenticationValue"), ares.text("eci"), ares.text("dsTransID")
		pay := func(name, pan string, change map[int]string, code string, result byte) {
			t.Helper()
			a := g.ask(g.buy(pan, change))
			if a.fields[39] != code || len(a.fields[44]) != 13 || a.fields[44][12] != result {
				t.Errorf("%s: DE39 %q, DE44 %q", name, a.fields[39], a.fields[44])
			}
		}
		pay("another card", "4111111111111111", private(value, eci, ds), "05", '1')
		pay("another ECI", pan, private(value, "06", ds), "05", '1')
		pay("another DS transaction", pan, private(value, eci, w.stage.random.uuid()), "05", '1')
		other := private(value, eci, ds)
		other[4] = "000010000001"
		pay("another amount", pan, other, "05", '1')
		other = private(value, eci, ds)
		other[49] = "840"
		pay("another currency", pan, other, "05", '1')
		pay("as authenticated", pan, private(value, eci, ds), "00", '2')
		pay("a second time", pan, private(value, eci, ds), "05", '1')
	}
	wantComplaints(t, w)
}

// TestValueOfAnAddedCardIsSpentOnce: it is good for the account and for no money, in any currency, once.
func TestValueOfAnAddedCardIsSpentOnce(t *testing.T) {
	w := startWorld(t, nil)
	r := newRequestor(t, w)
	const pan = "4000000000001000"
	ares := r.ask(r.areq(pan, adding(nil)))
	bank := w.acs.issuer
	good := proof{account: bank.account(pan), amount: "0", currency: "360", eci: ares.text("eci"), dsTransID: ares.text("dsTransID")}
	for name, change := range map[string]func(*proof){
		"an amount":           func(p *proof) { p.amount = "1" },
		"another card":        func(p *proof) { p.account = bank.account("4111111111111111") },
		"another transaction": func(p *proof) { p.dsTransID = w.stage.random.uuid() },
	} {
		bad := good
		change(&bad)
		if _, ok := bank.spend(ares.text("authenticationValue"), bad); ok {
			t.Errorf("spent for %s", name)
		}
	}
	if _, ok := bank.spend(ares.text("authenticationValue"), good); !ok {
		t.Error("not spent for what it was given")
	}
	good.currency = "702"
	if _, ok := bank.spend(ares.text("authenticationValue"), good); ok {
		t.Error("spent twice")
	}
}

func TestNoPANIsKept(t *testing.T) {
	log := &bytes.Buffer{}
	w := startWorld(t, func(o *Options) { o.Log = debugLog(log) })
	r, g := newRequestor(t, w), signedOn(t, w)
	const canary = "4929420573595709"
	if !luhn(canary) {
		t.Fatal("canary fails Luhn")
	}
	r.ask(r.areq(canary, object{"threeDSRequestorChallengeInd": "04"}))
	r.ask(r.areq(canary, object{"mcc": canary}))
	r.ask(r.areq(canary, object{canary: canary}))
	g.ask(g.buy(canary, nil))
	g.ask(g.buy(canary, map[int]string{14: "9999"}))
	for _, path := range []string{"/ledger", "/complaints", "/knobs", "/kit"} {
		res, err := http.Get(w.ControlURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		log.Write(body)
	}
	for _, form := range []string{canary, canary[:12], canary[4:]} {
		if strings.Contains(log.String(), form) {
			t.Errorf("the PAN is in a log or an answer of the control port")
		}
	}
	if !strings.Contains(log.String(), "•••• 5709") || !strings.Contains(log.String(), "complaint") {
		t.Error("nothing was searched")
	}
	for _, tr := range w.acs.transactions {
		if diff := cmp.Diff("•••• 5709", tr.card); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzParseObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `{"a":"\u0061"}`, `[`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := parseObject(text)
		if err != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(text, &plain); err != nil {
			t.Fatalf("accepted what is not JSON: %v", err)
		}
		if len(plain) != len(o) {
			t.Fatal("names were lost")
		}
		_ = checkAReq(o)
	})
}

func FuzzDecodeURL(f *testing.F) {
	f.Add("eyJhIjoxfQ")
	f.Add("eyJhIjoxfQ==")
	f.Fuzz(func(t *testing.T, text string) {
		o, err := decodeURL(text)
		if err != nil {
			return
		}
		again, err := decodeURL(encodeURL(o))
		if err != nil || len(again) != len(o) {
			t.Fatal("does not survive encoding")
		}
	})
}
