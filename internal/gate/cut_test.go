package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/gate"
	"reprise/internal/payment"
)

const (
	started = `{"message":"Status updated. Wait for a callback or get the status using the Get API.",` +
		`"payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f","action_url":"http://127.0.0.1:4242/pay/x#k=y"}`
	startedKept = `{"message":"Status updated. Wait for a callback or get the status using the Get API.",` +
		`"payment_request_id":"pr-5593127f-8c7b-4d2f-b487-c785ffc21e2f"}`
)

// till stands for checkout: it cuts the CVN out and remembers the raw bodies to see them wiped.
type till struct {
	*house
	raw      [][]byte
	got      []*gate.Request
	taken    []any
	bodies   []string
	finished bool // answer with started instead of by err
	err      error
	wiped    int
}

// fields is what is taken; the door has it wiped in the end, whatever happens.
type fields struct {
	cvn  string
	till *till
}

func (f fields) Wipe() { f.till.wiped++ }

func newTill(t *testing.T) *till {
	x := &till{house: newHouse(t), finished: true}
	h := x.gate.HandleCut("POST /v3/payment_with_session", payment.Public, x.cut, x.pay)
	x.mux.Handle("/v3/payment_with_session", gate.CORS(h, "POST"))
	return x
}

// cut finds "123" or "9999" by brute force; what it leaves lies in the buffer it was given.
func (x *till) cut(body []byte) ([]byte, any, error) {
	x.raw = append(x.raw, body)
	for _, cvn := range []string{"123", "456"} {
		if i := bytes.Index(body, []byte(`"`+cvn+`"`)); i >= 0 {
			copy(body[i:], `"000"`)
			return body, fields{cvn, x}, nil
		}
	}
	if bytes.Contains(body, []byte(`"12"`)) {
		return nil, nil, gate.Invalid(payment.Field{Path: "/body/cvn", Message: "must have 3 digits"})
	}
	return body, nil, nil
}

func (x *till) pay(_ context.Context, r *gate.Request, taken any) (gate.Answer, error) {
	if x.wiped != len(x.taken) {
		x.t.Error("wiped too early")
	}
	x.got, x.taken, x.bodies = append(x.got, r), append(x.taken, taken.(fields).cvn), append(x.bodies, string(r.Body))
	if !x.finished {
		return gate.Answer{}, x.err
	}
	if err := x.remember(r.Once, 200, startedKept); err != nil {
		return gate.Answer{}, err
	}
	return gate.Answer{Body: json.RawMessage(started)}, nil
}

func (x *till) submit(body string, header http.Header) *httptest.ResponseRecorder {
	return x.send(request{method: "POST", path: "/v3/payment_with_session", key: publicKey, body: body, header: header})
}

// TestCardBodies sends what the browser and the mobile clients send.
func TestCardBodies(t *testing.T) {
	const session = `"payment_session_id":"ps-6746c1006b7752b4d91725af"`
	for name, body := range map[string]string{
		"browser":          `{"cvn": "123",` + session + `}`,
		"kotlin":           `{"cvn":"123",` + session + `,"device":{"fingerprint":"abc"}}`,
		"kotlin, no print": `{"cvn":"123",` + session + `,"device":{}}`,
		"flutter":          `{"cvn":"123",` + session + `,"device":{"fingerprint":""}}`,
		"dart":             `{"cvn":"123",` + session + `,"confirm_save":false,"device":{"fingerprint":""}}`,
	} {
		t.Run(name, func(t *testing.T) {
			x := newTill(t)
			w := x.submit(body, nil)
			if w.Code != 200 || w.Body.String() != started {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if diff := cmp.Diff([]any{"123"}, x.taken); diff != "" {
				t.Error(diff)
			}
			if bytes.Contains([]byte(x.bodies[0]), []byte("123")) || !json.Valid([]byte(x.bodies[0])) {
				t.Errorf("the handler got %s", x.bodies[0])
			}
			if x.wiped != 1 {
				t.Error("the fields were not wiped")
			}
			if bytes.Count(x.raw[0], []byte{0}) != len(x.raw[0]) {
				t.Errorf("the raw body was not wiped: %q", x.raw[0])
			}
		})
	}
}

func TestCardBodiesRefused(t *testing.T) {
	const session = `"payment_session_id":"ps-6746c1006b7752b4d91725af"`
	for name, test := range map[string]struct {
		body, message string
	}{
		"no session":     {`{"cvn":"123"}`, "request/body must have required property 'payment_session_id'"},
		"judged by cut":  {`{"cvn":"12",` + session + `}`, "request/body/cvn must have 3 digits"},
		"wrong device":   {`{"cvn":"123",` + session + `,"device":5}`, "request/body/device must be object"},
		"malformed":      {`{"cvn":"123",` + session, "request/body must be valid JSON"},
		"cvn two times":  {`{"cvn":"123",` + session + `,"cvn":"456"}`, "request/body must NOT have a member name twice in one object"},
		"short, invalid": {`{"cvn":"123","payment_session_id":"ps-1"}`, "request/body/payment_session_id must NOT have fewer than 27 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newTill(t)
			w := x.submit(test.body, nil)
			if e := refused(t, w); w.Code != 400 || e.Code != "API_VALIDATION_ERROR" || e.Message != test.message || len(e.Errors) != 1 {
				t.Errorf("%d %+v", w.Code, e)
			}
			if len(x.got) != 0 {
				t.Error("the handler was called")
			}
			if strings.Contains(test.body, `"123"`) && len(x.raw) > 0 && x.wiped != 1 {
				t.Error("the fields were not wiped")
			}
			for _, raw := range x.raw {
				if bytes.Count(raw, []byte{0}) != len(raw) {
					t.Errorf("the raw body was not wiped: %q", raw)
				}
			}
		})
	}
}

// TestCardsRepeated repeats a submit with another CVN: it is the same request, and the handler finishes
// the answer that was kept in part.
func TestCardsRepeated(t *testing.T) {
	const session = `,"payment_session_id":"ps-6746c1006b7752b4d91725af"}`
	x := newTill(t)
	once := http.Header{"Idempotency-Key": {"k1"}}
	if w := x.submit(`{"cvn":"123"`+session, once); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := x.submit(`{"cvn":"456"`+session, once); w.Code != 200 || w.Body.String() != started {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff([]any{"123", "456"}, x.taken); diff != "" {
		t.Error(diff)
	}
	if x.got[0].Once == nil || x.got[0].Earlier != nil {
		t.Errorf("first: %+v", x.got[0])
	}
	want := &gate.Answer{Status: 200, Body: json.RawMessage(startedKept)}
	if diff := cmp.Diff(want, x.got[1].Earlier); x.got[1].Once != nil || diff != "" {
		t.Errorf("again: once %v, %s", x.got[1].Once, diff)
	}
	if w := x.submit(`{"cvn":"123","payment_session_id":"ps-ffffffffffffffffffffffff"}`, once); w.Code != 409 {
		t.Errorf("another session: %d", w.Code)
	}
}

// TestCardsRepeatedMeanwhile loses the race: the CVN is used up, so the caller is asked to come again.
func TestCardsRepeatedMeanwhile(t *testing.T) {
	x := newTill(t)
	x.finished, x.err = false, payment.ErrRepeated
	w := x.submit(`{"cvn":"123","payment_session_id":"ps-6746c1006b7752b4d91725af"}`, http.Header{"Idempotency-Key": {"k1"}})
	if e := refused(t, w); w.Code != 409 || e.Code != "IDEMPOTENCY_ERROR" || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %+v", w.Code, e)
	}
}

// TestCardsRefusedBecauseRepeated: as for other requests, only that the caller has to come again.
func TestCardsRefusedBecauseRepeated(t *testing.T) {
	h := newHouse(t)
	x := &till{house: h}
	h.mux.Handle("/v3/payment_with_session", h.gate.HandleCut("POST /v3/payment_with_session", payment.Public, x.cut,
		func(_ context.Context, r *gate.Request, _ any) (gate.Answer, error) {
			if err := h.remember(r.Once, 200, startedKept); err != nil {
				t.Fatal(err)
			}
			return gate.Answer{}, payment.Refuse("INVALID_SESSION_STATUS", "Session status is COMPLETED, expecting ACTIVE")
		}))
	w := x.submit(`{"cvn":"123","payment_session_id":"ps-6746c1006b7752b4d91725af"}`, http.Header{"Idempotency-Key": {"k1"}})
	if e := refused(t, w); w.Code != 409 || e.Code != "IDEMPOTENCY_ERROR" || w.Header().Get("Retry-After") != "1" {
		t.Errorf("%d %+v", w.Code, e)
	}
}

// unnamed are fields that break when the gate asks which card they are of.
type unnamed struct{ fields }

func (unnamed) Identity(func([]byte) [32]byte) [32]byte { panic("no card") }

// TestCardsAreWipedAfterAPanic, wherever it happens: in the cut, in the door, in the handler.
func TestCardsAreWipedAfterAPanic(t *testing.T) {
	for name, test := range map[string]struct {
		cut   func(x *till, body []byte) ([]byte, any, error)
		wiped int
	}{
		"in the cut": {func(*till, []byte) ([]byte, any, error) { panic("no knife") }, 0},
		"in the door": {func(x *till, body []byte) ([]byte, any, error) {
			rest, taken, err := x.cut(body)
			return rest, unnamed{taken.(fields)}, err
		}, 1},
		"in the handler": {(*till).cut, 1},
	} {
		t.Run(name, func(t *testing.T) {
			x := &till{house: newHouse(t)}
			var raw []byte
			x.mux.Handle("/v3/payment_with_session", x.gate.HandleCut("POST /v3/payment_with_session", payment.Public,
				func(body []byte) ([]byte, any, error) { raw = body; return test.cut(x, body) },
				func(context.Context, *gate.Request, any) (gate.Answer, error) { panic("no till") }))
			w := x.submit(`{"cvn":"123","payment_session_id":"ps-6746c1006b7752b4d91725af"}`, http.Header{"Idempotency-Key": {"k1"}})
			if e := refused(t, w); w.Code != 500 || e.Code != "SERVER_ERROR" {
				t.Errorf("%d %+v", w.Code, e)
			}
			if x.wiped != test.wiped {
				t.Errorf("the fields were wiped %d times", x.wiped)
			}
			if len(raw) == 0 || bytes.Count(raw, []byte{0}) != len(raw) {
				t.Errorf("the raw body was not wiped: %q", raw)
			}
		})
	}
}

func TestCutFails(t *testing.T) {
	h := newHouse(t)
	h.mux.Handle("/v3/payment_with_session", h.gate.HandleCut("POST /v3/payment_with_session", payment.Public,
		func([]byte) ([]byte, any, error) { return nil, nil, errors.New("out of memory") },
		func(context.Context, *gate.Request, any) (gate.Answer, error) { return gate.Answer{}, nil }))
	w := h.send(request{method: "POST", path: "/v3/payment_with_session", key: publicKey, body: "{}"})
	if e := refused(t, w); w.Code != 500 || e.Code != "SERVER_ERROR" {
		t.Errorf("%d %+v", w.Code, e)
	}
}
