package threeds

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// resultLine is our listener for results, with the client of a directory server at the other end.
type resultLine struct {
	*world
	other *authority // of another directory server's
	url   string
}

func newResultLine(t *testing.T) *resultLine {
	authority := newAuthority(t)
	w := newWorld(t, func(o *Options) {
		other := o.Directories[0]
		other.Name, other.ResultNames, other.ResultRoots = "other", []string{"results.other.example"}, authority.roots
		o.Directories = append(o.Directories, other)
	})
	server := httptest.NewUnstartedServer(w.Results())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	ours := w.ca.issue(t, "gateway.example", x509.ExtKeyUsageServerAuth)
	server.TLS = w.ResultsTLS(func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &ours, nil })
	server.StartTLS()
	t.Cleanup(server.Close)
	return &resultLine{w, authority, server.URL}
}

// send posts as the holder of a certificate; nil shows none.
func (l *resultLine) send(t *testing.T, certificate *tls.Certificate, method, contentType, body string) (*http.Response, map[string]any, error) {
	t.Helper()
	config := &tls.Config{RootCAs: l.ca.pool}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), method, l.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	var answer map[string]any
	if len(text) > 0 {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
			t.Errorf("Content-Type %s", got)
		}
	}
	return response, answer, nil
}

func rreq(t *testing.T, more map[string]any) string {
	t.Helper()
	fields := map[string]any{
		"messageType": "RReq", "messageVersion": "2.2.0", "messageCategory": "01",
		"threeDSServerTransID": serverID, "dsTransID": dsID, "acsTransID": acsID,
		"transStatus": "Y", "authenticationType": "02", "authenticationValue": "AAABBZEEBgAAAAAAAAQGAAAAAAA=",
		"eci": "05", "interactionCounter": "01",
	}
	maps.Copy(fields, more)
	maps.DeleteFunc(fields, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestResult(t *testing.T) {
	l := newResultLine(t)
	ds := l.ca.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
	known := payment.Result{
		Directory: "ds", Version: "2.2.0", ServerTransID: serverID, DSTransID: dsID, ACSTransID: acsID,
		TransStatus: "Y", ECI: "05", Value: "AAABBZEEBgAAAAAAAAQGAAAAAAA=",
	}
	var got []payment.Result
	l.result = func(r payment.Result) error {
		got = append(got, r)
		return nil
	}
	want := map[string]any{
		"messageType": "RRes", "messageVersion": "2.2.0", "threeDSServerTransID": serverID,
		"dsTransID": dsID, "acsTransID": acsID, "resultsStatus": "01",
	}
	for range 2 { // a directory server that saw no answer asks again
		response, answer, err := l.send(t, &ds, "POST", "application/json; charset=UTF-8", rreq(t, nil))
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		if diff := cmp.Diff(want, answer); diff != "" {
			t.Errorf("RRes (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]payment.Result{known, known}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}

	got = nil
	cancelled := map[string]any{
		"messageVersion": "2.1.0", "transStatus": "U", "transStatusReason": "14", "challengeCancel": "05",
		"authenticationValue": "AAABBZEEBgAAAAAAAAQGAAAAAAA=", "eci": "07",
	}
	want["messageVersion"], want["resultsStatus"] = "2.1.0", "02"
	_, answer, err := l.send(t, &ds, "POST", "application/json", rreq(t, cancelled))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, answer); diff != "" {
		t.Errorf("RRes of a challenge that never began (-want +got):\n%s", diff)
	}
	known.Version = "2.1.0"
	known.TransStatus, known.Reason, known.Cancel, known.ECI = "U", "14", "05", "07"
	if diff := cmp.Diff([]payment.Result{known}, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}

	got = nil
	saved := map[string]any{"messageCategory": "02", "authenticationValue": nil, "eci": "N2"}
	if _, answer, err = l.send(t, &ds, "POST", "application/json", rreq(t, saved)); err != nil || answer["messageType"] != "RRes" {
		t.Fatal(answer, err)
	}
	known = payment.Result{
		Directory: "ds", Version: "2.2.0", ServerTransID: serverID, DSTransID: dsID, ACSTransID: acsID, NonPayment: true, TransStatus: "Y", ECI: "N2",
	}
	if diff := cmp.Diff([]payment.Result{known}, got); diff != "" {
		t.Errorf("result about a stored card (-want +got):\n%s", diff)
	}
	got = nil
	late := map[string]any{
		"messageVersion": "2.3.1", "transStatus": "N", "transStatusReason": "14", "challengeCancel": "04", "authenticationValue": nil, "eci": nil,
		"authenticationType": nil, "authenticationMethod": []string{"02"}, "cardholderInfo": map[string]any{"text": "Too late."},
	}
	if _, answer, err = l.send(t, &ds, "POST", "application/json", rreq(t, late)); err != nil || answer["messageType"] != "RRes" || answer["messageVersion"] != "2.3.1" {
		t.Fatal(answer, err)
	}
	known = payment.Result{
		Directory: "ds", Version: "2.3.1", ServerTransID: serverID, DSTransID: dsID, ACSTransID: acsID,
		TransStatus: "N", Reason: "14", Cancel: "04", Cardholder: "Too late.",
	}
	if diff := cmp.Diff([]payment.Result{known}, got); diff != "" {
		t.Errorf("result in 2.3.1 (-want +got):\n%s", diff)
	}
	if log := l.log.String(); strings.Contains(log, "AAABBZEE") || strings.Contains(log, serverID) {
		t.Errorf("log of good results: %s", log)
	}
}

func TestResultRefused(t *testing.T) {
	const json = "application/json"
	for _, test := range []struct {
		name, method, contentType, body string
		status                          int
		code, detail                    string // of the Erro, if any
		result                          error
	}{
		{"unknown transaction", "POST", json, rreq(t, nil), 200, "301", "threeDSServerTransID", payment.ErrNotFound},
		{"other ids than its AReq", "POST", json, rreq(t, nil), 200, "301", "dsTransID,acsTransID", fmt.Errorf("of a flow: %w", &payment.OtherError{Elements: []string{"dsTransID", "acsTransID"}})},
		{"in another version than its AReq", "POST", json, rreq(t, nil), 200, "203", "messageVersion", payment.ErrOtherVersion},
		{"a version that is none", "POST", json, rreq(t, map[string]any{"messageVersion": "two"}), 200, "203", "messageVersion", nil},
		{"no version", "POST", json, rreq(t, map[string]any{"messageVersion": ""}), 200, "201", "messageVersion", nil},
		{"no type", "POST", json, rreq(t, map[string]any{"messageType": nil}), 200, "201", "messageType", nil},
		{"a critical extension", "POST", json, rreq(t, map[string]any{"messageExtension": []any{
			map[string]any{"name": "n", "id": "A000000999", "criticalityIndicator": true, "data": map[string]any{"k": "v"}},
		}}), 200, "202", "A000000999", nil},
		{"a reserved value", "POST", json, rreq(t, map[string]any{
			"messageVersion": "2.3.1", "authenticationType": nil, "authenticationMethod": []string{"02"}, "challengeCancel": "02",
		}), 200, "207", "challengeCancel", nil},
		{"names of 2.2.0 in 2.3.1", "POST", json, rreq(t, map[string]any{"messageVersion": "2.3.1"}), 200, "201", "authenticationMethod", nil},
		{"we failed", "POST", json, rreq(t, nil), 200, "403", "the result could not be kept", errors.New("disk full")},
		{"not JSON", "POST", json, "<xml/>", 200, "101", "message", nil},
		{"another message", "POST", json, rreq(t, map[string]any{"messageType": "ARes"}), 200, "101", "messageType", nil},
		{"another version", "POST", json, rreq(t, map[string]any{"messageVersion": "2.4.0"}), 200, "102", "2.3.1,2.2.0,2.1.0", nil},
		{"twice", "POST", json, `{"transStatus":"N",` + rreq(t, nil)[1:], 200, "204", "transStatus", nil},
		{"missing", "POST", json, strings.Replace(rreq(t, nil), `"interactionCounter":"01",`, "", 1), 200, "201", "interactionCounter", nil},
		{"malformed", "POST", json, rreq(t, map[string]any{"transStatus": "D", "eci": ""}), 200, "203", "transStatus,eci", nil},
		{"no value for a payment", "POST", json, rreq(t, map[string]any{"authenticationValue": nil}), 200, "201", "authenticationValue", nil},
		{"another category", "POST", json, rreq(t, map[string]any{"messageCategory": "85"}), 200, "305", "messageCategory", nil},
		{"an Erro", "POST", json, `{"messageType":"Erro","messageVersion":"2.2.0","errorCode":"301"}`, 204, "", "", nil},
		{"too large", "POST", json, rreq(t, map[string]any{"x": strings.Repeat("x", maxMessage)}), 413, "", "", nil},
		{"GET", "GET", json, "", 405, "", "", nil},
		{"a form", "POST", "application/x-www-form-urlencoded", "a=b", 415, "", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newResultLine(t)
			ds := l.ca.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
			told := false
			l.result = func(payment.Result) error {
				told = true
				return test.result
			}
			response, answer, err := l.send(t, &ds, test.method, test.contentType, test.body)
			if err != nil || response.StatusCode != test.status {
				t.Fatalf("%v, %v", response, err)
			}
			if told != (test.result != nil) {
				t.Errorf("result handed in: %v", told)
			}
			if test.code == "" {
				if answer != nil {
					t.Errorf("answered %v", answer)
				}
				return
			}
			if answer["messageType"] != "Erro" || answer["errorCode"] != test.code || answer["errorDetail"] != test.detail || answer["errorComponent"] != "S" {
				t.Errorf("answered %v, want code %s", answer, test.code)
			}
			typed := test.detail == "messageType" || answer["errorMessageType"] == "RReq"
			if test.code != "101" && (answer["threeDSServerTransID"] != serverID || answer["dsTransID"] != dsID || answer["acsTransID"] != acsID || !typed) {
				t.Errorf("the Erro does not say of what: %v", answer)
			}
		})
	}
}

// TestResultCaller: who brings a result is told by the certificate alone.
func TestResultCaller(t *testing.T) {
	l := newResultLine(t)
	stranger := newAuthority(t)
	for _, test := range []struct {
		name        string
		certificate func() *tls.Certificate
		directory   string // "" is refused
		handshake   bool   // refused before HTTP
	}{
		{"the directory server", func() *tls.Certificate {
			c := l.ca.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
			return &c
		}, "ds", false},
		{"in capitals", func() *tls.Certificate {
			c := l.ca.issue(t, "Results.DS.example", x509.ExtKeyUsageClientAuth)
			return &c
		}, "ds", false},
		{"another directory server", func() *tls.Certificate {
			c := l.other.issue(t, "results.other.example", x509.ExtKeyUsageClientAuth)
			return &c
		}, "other", false},
		{"another that calls itself so", func() *tls.Certificate {
			c := l.other.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
			return &c
		}, "", false},
		{"a name that is none of theirs", func() *tls.Certificate { c := l.ca.issue(t, "gateway.example", x509.ExtKeyUsageClientAuth); return &c }, "", false},
		{"a server's certificate", func() *tls.Certificate {
			c := l.ca.issue(t, "results.ds.example", x509.ExtKeyUsageServerAuth)
			return &c
		}, "", true},
		{"a certificate of strangers", func() *tls.Certificate {
			c := stranger.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
			return &c
		}, "", true},
		{"nobody", func() *tls.Certificate { return nil }, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			told := ""
			l.result = func(r payment.Result) error {
				told = r.Directory
				if r.Directory != "ds" { // as flow does with a result of who did not answer the AReq
					return payment.ErrNotFound
				}
				return nil
			}
			response, answer, err := l.send(t, test.certificate(), "POST", "application/json", rreq(t, nil))
			if test.handshake != (err != nil) || told != test.directory {
				t.Fatalf("told %q, want %q; %v", told, test.directory, err)
			}
			switch {
			case test.directory == "ds" && answer["messageType"] != "RRes",
				test.directory == "other" && answer["errorCode"] != "301",
				test.directory == "" && err == nil && response.StatusCode != http.StatusForbidden:
				t.Errorf("answered %v", answer)
			}
		})
	}
}

// TestResultUnverified: the handler trusts nothing but a certificate that was verified, however the
// listener before it was set up.
func TestResultUnverified(t *testing.T) {
	w := newWorld(t)
	shown, err := x509.ParseCertificate(w.ca.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth).Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []*tls.ConnectionState{nil, {PeerCertificates: []*x509.Certificate{shown}}} {
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(rreq(t, nil)))
		request.TLS = state
		w.Results().ServeHTTP(recorder, request)
		if recorder.Code != http.StatusForbidden {
			t.Errorf("status %d", recorder.Code)
		}
	}
}

// TestResultRootsRenewed: whom a scheme trusts from now on may bring results at once, and whom it trusts no longer not
// even over a connection that was made before.
func TestResultRootsRenewed(t *testing.T) {
	l := newResultLine(t)
	l.result = func(payment.Result) error { return nil }
	next := newAuthority(t)
	before := l.ca.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
	after := next.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
	roots := l.ca.roots()
	l.directories[0].ResultRoots = func() []*x509.Certificate { return roots }
	status := func(c tls.Certificate) int {
		response, _, err := l.send(t, &c, "POST", "application/json", rreq(t, nil))
		if err != nil {
			return 0
		}
		return response.StatusCode
	}
	if one, two := status(before), status(after); one != 200 || two != 0 {
		t.Errorf("before: %d, %d", one, two)
	}
	roots = append(roots, next.root)
	if one, two := status(before), status(after); one != 200 || two != 200 {
		t.Errorf("while both count: %d, %d", one, two)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.ca.pool, Certificates: []tls.Certificate{before}}}
	defer transport.CloseIdleConnections()
	over := func() int {
		request, _ := http.NewRequestWithContext(t.Context(), "POST", l.url, strings.NewReader(rreq(t, nil)))
		request.Header.Set("Content-Type", "application/json")
		response, err := transport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode
	}
	if got := over(); got != 200 {
		t.Fatal(got)
	}
	roots = next.roots()
	if got := over(); got != 403 {
		t.Errorf("over a connection of before: %d", got)
	}
	if one, two := status(before), status(after); one != 0 || two != 200 {
		t.Errorf("after: %d, %d", one, two)
	}
}
