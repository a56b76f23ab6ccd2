package threeds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

var (
	frictionless = map[string]any{
		"acsTransID": acsID, "acsReferenceNumber": "ACS-1", "dsReferenceNumber": "DS-1",
		"transStatus": "Y", "eci": "05", "authenticationValue": "AAABBZEEBgAAAAAAAAQGAAAAAAA=",
	}
	challenged = map[string]any{
		"acsTransID": acsID, "acsReferenceNumber": "ACS-1", "dsReferenceNumber": "DS-1",
		"transStatus": "C", "acsChallengeMandated": "N", "authenticationType": "02", "acsURL": "https://acs.example/c",
	}
)

func TestAuthenticate(t *testing.T) {
	with := func(fields map[string]any, more map[string]any) map[string]any {
		fields = maps.Clone(fields)
		maps.Copy(fields, more)
		return fields
	}
	asked := request(t).Authentication
	common := asked
	common.Directory, common.DSTransID, common.ACSTransID = "ds", dsID, acsID
	for _, test := range []struct {
		name   string
		answer map[string]any
		want   func(*payment.Authentication)
	}{
		{"frictionless", frictionless, func(a *payment.Authentication) {
			a.TransStatus, a.ECI, a.Value = "Y", "05", "AAABBZEEBgAAAAAAAAQGAAAAAAA="
		}},
		{"challenge", challenged, func(a *payment.Authentication) { a.TransStatus, a.ACSURL = "C", "https://acs.example/c" }},
		{"denied", with(frictionless, map[string]any{"transStatus": "N", "transStatusReason": "11", "cardholderInfo": "Call us.", "eci": "07"}),
			func(a *payment.Authentication) {
				a.TransStatus, a.Reason, a.Cardholder, a.ECI, a.Value = "N", "11", "Call us.", "07", "AAABBZEEBgAAAAAAAAQGAAAAAAA="
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.loaded(t, row("4000000000000000", "4999999999999999"))
			w.answer = echo("ARes", test.answer)
			got, err := w.Authenticate(t.Context(), request(t))
			if err != nil {
				t.Fatal(err)
			}
			want := common
			test.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(w.log.String(), testPAN) {
				t.Error("a card number in the log")
			}
		})
	}
}

// TestAuthenticate231: an answer in the names and shapes of 2.3.1 says the same.
func TestAuthenticate231(t *testing.T) {
	ids := map[string]any{"acsTransID": acsID, "acsReferenceNumber": "A", "dsReferenceNumber": "D"}
	q := request(t)
	q.Authentication.Version = "2.3.1"
	for _, test := range []struct {
		name   string
		answer map[string]any
		want   func(*payment.Authentication)
	}{
		{"frictionless", map[string]any{"transStatus": "Y", "eci": "05", "authenticationValue": "AAABBZEEBgAAAAAAAAQGAAAAAAA="}, func(a *payment.Authentication) {
			a.TransStatus, a.ECI, a.Value = "Y", "05", "AAABBZEEBgAAAAAAAAQGAAAAAAA="
		}},
		{"a value that no acquirer can be told", map[string]any{"transStatus": "Y", "eci": "05", "authenticationValue": strings.Repeat("A", 44)}, func(a *payment.Authentication) {
			a.TransStatus, a.ECI = "Y", "05"
		}},
		{"denied", map[string]any{"transStatus": "N", "transStatusReason": "30", "cardholderInfo": map[string]any{"text": "Call us."}}, func(a *payment.Authentication) {
			a.TransStatus, a.Reason, a.Cardholder = "N", "30", "Call us."
		}},
		{"challenge", map[string]any{
			"transStatus": "C", "acsURL": "https://acs.example/c", "acsChallengeMandated": "Y", "authenticationMethod": []string{"02", "13"},
		}, func(a *payment.Authentication) { a.TransStatus, a.ACSURL = "C", "https://acs.example/c" }},
	} {
		w := newWorld(t)
		w.loaded(t, row("4000000000000000", "4999999999999999"))
		maps.Copy(test.answer, ids)
		w.answer = echo("ARes", test.answer)
		got, err := w.Authenticate(t.Context(), q)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		want := q.Authentication
		want.Directory, want.DSTransID, want.ACSTransID = "ds", dsID, acsID
		test.want(&want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		log := w.log.String()
		dropped := test.answer["authenticationValue"] != nil && got.Value == ""
		if strings.Contains(log, "no acquirer can be told") != dropped || strings.Contains(log, strings.Repeat("A", 44)) {
			t.Errorf("%s: the log says %q", test.name, log)
		}
		if asked := w.received(t, "AReq", 1)[0]; asked["messageVersion"] != "2.3.1" || asked["acquirerCountryCode"] != "360" {
			t.Errorf("asked in %v", asked["messageVersion"])
		}
	}
}

// TestAuthenticateFails: every way in which no usable ARes comes. objection is the code of the Erro that
// the directory server is then sent, if any.
func TestAuthenticateFails(t *testing.T) {
	grouped := strings.Join([]string{testPAN[:4], testPAN[4:8], testPAN[8:12], testPAN[12:]}, " ")
	plain := func(status int, body string) func(http.ResponseWriter, map[string]any) {
		return func(w http.ResponseWriter, _ map[string]any) {
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	change := func(base map[string]any, name string, value any) func(http.ResponseWriter, map[string]any) {
		fields := maps.Clone(base)
		fields[name] = value
		return echo("ARes", fields)
	}
	unanswered := []string{"Erro of a system that failed", "Erro of a bank that is not there", "failure", "a line that breaks"}
	tests := []struct {
		name, want, objection string
		answer                func(http.ResponseWriter, map[string]any)
	}{
		{"Erro of a system that failed", "3DS error 403 from component D", "", echo("Erro", map[string]any{
			"errorCode": "403", "errorComponent": "D", "errorDescription": "d", "errorDetail": "d", "errorMessageType": "AReq"})},
		{"Erro of a bank that is not there", "3DS error 405 from component A", "", echo("Erro", map[string]any{
			"errorCode": "405", "errorComponent": "A", "errorDescription": "d", "errorDetail": "d", "errorMessageType": "AReq"})},
		{"Erro about the browser", "3DS error 203 from component A about AReq: browserUserAgent", "", echo("Erro", map[string]any{
			"errorCode": "203", "errorComponent": "A", "errorDescription": "d", "errorDetail": "browserUserAgent", "errorMessageType": "AReq"})},
		{"what HTTP finds wrong", "HTTP status 400", "", plain(400, "{}")},
		{"a line that breaks", "EOF", "", func(http.ResponseWriter, map[string]any) { panic(http.ErrAbortHandler) }},
		{"Erro", "3DS error 305 from component D about AReq: acctNumber", "", echo("Erro", map[string]any{
			"errorCode": "305", "errorComponent": "D", "errorDescription": "d", "errorDetail": "acctNumber", "errorMessageType": "AReq"})},
		{"Erro that repeats the card", "3DS error 305 from component D: acctNumber", "", echo("Erro", map[string]any{
			"errorCode": "305", "errorComponent": "D", "errorDescription": "card " + testPAN, "errorDetail": "acctNumber " + testPAN})},
		{"Erro that repeats the card in groups", "3DS error 305 from component D: acctNumber,mcc", "", echo("Erro", map[string]any{
			"errorCode": "305", "errorComponent": "D", "errorDescription": grouped, "errorDetail": "acctNumber, mcc, " + grouped})},
		{"Erro about elements within others", "3DS error 203 from component D: messageVersion,mobilePhone.subscriber,cc,acctInfo,mcc", "", echo("Erro", map[string]any{
			"errorCode": "203", "errorComponent": "D", "errorDescription": "d", "errorDetail": "messageVersion,mobilePhone.subscriber, cc acctInfo.nothing,AReq.mcc. 7"})},
		{"Erro with a card in its code", "3DS error without a code", "", echo("Erro", map[string]any{
			"errorCode": grouped, "errorComponent": testPAN, "errorMessageType": grouped})},
		{"Erro that breaks the rules itself", "3DS error 999", "", echo("Erro", map[string]any{"errorCode": "999"})},
		{"garbage", "3DS error 101", "101", plain(200, "<html>down for maintenance</html>")},
		{"nothing", "3DS error 101", "101", plain(200, "")},
		{"too large", "too large", "", plain(200, `{"messageType":"`+strings.Repeat("A", maxMessage)+`"}`)},
		{"redirect", "HTTP status 307", "", func(w http.ResponseWriter, _ map[string]any) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}},
		{"failure", "HTTP status 503", "", plain(503, "{}")},
		{"another message", "3DS error 101", "101", echo("RRes", frictionless)},
		{"another version", "203 about ARes: messageVersion", "203", change(frictionless, "messageVersion", "2.1.0")},
		{"a version of tomorrow", "3DS error 102", "102", change(frictionless, "messageVersion", "2.4.0")},
		{"another transaction", "3DS error 301", "301", change(frictionless, "threeDSServerTransID", "44444444-4444-4444-8444-444444444444")},
		{"DS id no UUID", "203 about ARes: dsTransID", "203", change(frictionless, "dsTransID", "7")},
		{"missing and malformed", "201 about ARes: authenticationValue", "201", echo("ARes", map[string]any{
			"acsTransID": acsID, "acsReferenceNumber": "A", "dsReferenceNumber": "D", "transStatus": "Y", "eci": "005"})},
		{"decoupled", "203 about ARes: transStatus", "203", echo("ARes", map[string]any{
			"acsTransID": acsID, "acsReferenceNumber": "A", "dsReferenceNumber": "D", "transStatus": "D", "acsDecConInd": "Y",
			"cardholderInfo": "Open your bank's app.", "acsChallengeMandated": "N", "authenticationType": "04"})},
		{"secure payment confirmation", "203 about ARes: transStatus", "203", change(frictionless, "transStatus", "S")},
		{"for information only, not asked for", "203 about ARes: transStatus", "203", change(frictionless, "transStatus", "I")},
		{"challenge without URL", "201 about ARes: acsURL", "201", func(w http.ResponseWriter, r map[string]any) {
			fields := maps.Clone(challenged)
			delete(fields, "acsURL")
			echo("ARes", fields)(w, r)
		}},
		{"challenge by script", "203 about ARes: acsURL", "203", change(challenged, "acsURL", "javascript:alert(1)")},
		{"challenge in the clear", "203 about ARes: acsURL", "203", change(challenged, "acsURL", "http://acs.example/c")},
		{"extension that we must know", "202 about ARes: A000000003-1", "202", change(frictionless, "messageExtension", []any{
			map[string]any{"name": "n", "id": "A000000003-1", "criticalityIndicator": true, "data": map[string]any{}}})},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.loaded(t, row("4000000000000000", "4999999999999999"))
			w.answer = func(rw http.ResponseWriter, r map[string]any) {
				if r["messageType"] == "AReq" {
					test.answer(rw, r)
				}
			}
			got, err := w.Authenticate(t.Context(), request(t))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if errors.Is(err, payment.ErrUnanswered) != slices.Contains(unanswered, test.name) {
				t.Errorf("whether the bank could be asked: %v", err)
			}
			if diff := cmp.Diff(request(t).Authentication, got); diff != "" {
				t.Errorf("the authentication changed:\n%s", diff)
			}
			for _, form := range []string{testPAN, grouped, testPAN[:4] + " ", testPAN[4:8] + " "} {
				if strings.Contains(err.Error(), form) || strings.Contains(w.log.String(), form) {
					t.Error("a card number in the error or in the log")
				}
			}
			if test.objection == "" {
				return
			}
			objection := w.received(t, "Erro", 1)[0]
			if objection["errorCode"] != test.objection || objection["errorComponent"] != "S" || objection["threeDSServerTransID"] == nil {
				t.Errorf("the directory server was told %v, want code %s", objection, test.objection)
			}
		})
	}
}

func TestAuthenticateInTime(t *testing.T) {
	w := newWorld(t)
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	release := make(chan struct{})
	defer close(release)
	w.answer = func(http.ResponseWriter, map[string]any) { <-release }
	failed := make(chan error, 1)
	go func() {
		_, err := w.Authenticate(context.Background(), request(t))
		failed <- err
	}()
	w.received(t, "AReq", 1)
	w.timer.fire(t, requestTimeout)
	if err := <-failed; !errors.Is(err, ErrTimeout) || !errors.Is(err, payment.ErrUnanswered) {
		t.Errorf("got %v, want ErrTimeout, unanswered", err)
	}
}

func TestAuthenticateCancelled(t *testing.T) {
	w := newWorld(t)
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	release := make(chan struct{})
	defer close(release)
	w.answer = func(http.ResponseWriter, map[string]any) { <-release }
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := w.Authenticate(ctx, request(t))
		failed <- err
	}()
	w.received(t, "AReq", 1)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || errors.Is(err, payment.ErrUnanswered) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestAuthenticateOutOfTime: time that runs out before the directory server's own does says nothing of it.
func TestAuthenticateOutOfTime(t *testing.T) {
	w := newWorld(t)
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	release := make(chan struct{})
	defer close(release)
	w.answer = func(http.ResponseWriter, map[string]any) { <-release }
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := w.Authenticate(ctx, request(t)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) || errors.Is(err, payment.ErrUnanswered) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestMutualTLS: a stranger on either end of the line gets nowhere.
func TestMutualTLS(t *testing.T) {
	stranger := newAuthority(t)
	for _, test := range []struct {
		name   string
		change func(*Directory)
	}{
		{"the directory server does not know us", func(d *Directory) {
			d.Certificate = shown(stranger.issue(t, "gateway.example", x509.ExtKeyUsageClientAuth))
		}},
		{"we do not know the directory server", func(d *Directory) { d.Roots = stranger.roots }},
		{"the directory server has another name", func(d *Directory) { d.URL = strings.Replace(d.URL, "127.0.0.1", "localhost", 1) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { test.change(&o.Directories[0]) })
			w.loaded(t, row("4000000000000000", "4999999999999999"))
			w.answer = echo("ARes", frictionless)
			if _, err := w.Authenticate(t.Context(), request(t)); err == nil {
				t.Error("it answered")
			}
			if len(w.asked) > 0 {
				t.Error("the AReq left the house")
			}
		})
	}
}

// TestKeepAlive: the second message goes over the connection of the first.
func TestKeepAlive(t *testing.T) {
	dialled := 0
	w := newWorld(t, func(o *Options) {
		dial := o.Dial
		o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dialled++
			return dial(ctx, network, address)
		}
	})
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	w.answer = echo("ARes", frictionless)
	for range 3 {
		if _, err := w.Authenticate(t.Context(), request(t)); err != nil {
			t.Fatal(err)
		}
	}
	if dialled != 1 {
		t.Errorf("%d connections for three messages", dialled)
	}
}

func TestNew(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"no directory":    func(o *Options) { o.Directories = nil },
		"no name":         func(o *Options) { o.Directories[0].Name = "" },
		"not https":       func(o *Options) { o.Directories[0].URL = "http://ds.example" },
		"no roots":        func(o *Options) { o.Directories[0].Roots = nil },
		"no certificate":  func(o *Options) { o.Directories[0].Certificate = nil },
		"no result roots": func(o *Options) { o.Directories[0].ResultRoots = nil },
		"unknown version": func(o *Options) { o.Directories[0].Versions = []string{"2.1.0", "2.0.0"} },
		"no reference":    func(o *Options) { o.Directories[0].ServerRef = "" },
		"long requestor":  func(o *Options) { o.Directories[0].RequestorID = strings.Repeat("1", 36) },
		"no results URL":  func(o *Options) { o.Directories[0].ResultsURL = "" },
		"same name":       func(o *Options) { o.Directories = append(o.Directories, o.Directories[0]) },
		"same result name": func(o *Options) {
			other := o.Directories[0]
			other.Name = "other"
			o.Directories = append(o.Directories, other)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).o
			o.Directories = append([]Directory(nil), o.Directories...)
			change(&o)
			if _, err := New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// TestLineRenewed: a new client certificate and new roots are those of the next connection.
func TestLineRenewed(t *testing.T) {
	w := newWorld(t)
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	var seen []string
	w.answer = echo("ARes", frictionless)
	d, next := w.directories[0], newAuthority(t)
	d.Certificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c := w.ca.issue(t, fmt.Sprintf("gateway-%d.example", len(seen)), x509.ExtKeyUsageClientAuth)
		seen = append(seen, "shown")
		return &c, nil
	}
	ask := func() error {
		_, err := w.Authenticate(t.Context(), request(t))
		return err
	}
	for range 2 {
		if err := ask(); err != nil || len(seen) != 1 {
			t.Fatalf("%v, %d certificates shown", err, len(seen))
		}
	}
	w.Close()
	if err := ask(); err != nil || len(seen) != 2 {
		t.Errorf("a new connection: %v, %d certificates shown", err, len(seen))
	}
	d.Roots = next.roots
	if err := ask(); err != nil {
		t.Errorf("an open connection was cut: %v", err)
	}
	w.Close()
	if err := ask(); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a directory server that is no longer trusted: %v", err)
	}
}

// TestOldTLS: what is older than TLS 1.2 is not spoken, on either line.
func TestOldTLS(t *testing.T) {
	w := newWorld(t)
	w.loaded(t, row("4000000000000000", "4999999999999999"))
	w.answer = echo("ARes", frictionless)
	old := httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	old.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	old.TLS = &tls.Config{
		Certificates: []tls.Certificate{w.ca.issue(t, "ds.example", x509.ExtKeyUsageServerAuth)},
		MinVersion:   tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	}
	old.StartTLS()
	defer old.Close()
	w.directories[0].URL = old.URL
	if _, err := w.Authenticate(t.Context(), request(t)); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1 to a directory server: %v", err)
	}
	l := newResultLine(t)
	c := l.ca.issue(t, "results.ds.example", x509.ExtKeyUsageClientAuth)
	conn, err := tls.Dial("tcp", strings.TrimPrefix(l.url, "https://"), &tls.Config{
		RootCAs: l.ca.pool, Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err == nil {
		conn.Close()
		t.Error("TLS 1.1 with results")
	}
}
