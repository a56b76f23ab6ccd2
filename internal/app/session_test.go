package app

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

// refusal is what an answer that refuses must say. Message is a part of it.
type refusal struct {
	status  int
	code    string
	message string
	path    string // of the field, where one is named
}

func (a answer) refuses(t *testing.T, want refusal) {
	t.Helper()
	message, _ := a.body["message"].(string)
	if a.status != want.status || a.body["error_code"] != want.code || !strings.Contains(message, want.message) {
		t.Errorf("%d %v, want %+v", a.status, a.body, want)
	}
	if want.path == "" {
		return
	}
	fields, _ := a.body["errors"].([]any)
	for _, f := range fields {
		if f, _ := f.(map[string]any); f["path"] == want.path {
			return
		}
	}
	t.Errorf("%v: nothing is said about %s", a.body, want.path)
}

// inside changes a member of an object of a request.
func inside(object, name string, value any) func(map[string]any) {
	return func(request map[string]any) {
		changed := maps.Clone(request[object].(map[string]any))
		with(name, value)(changed)
		request[object] = changed
	}
}

const (
	strangerBusiness  = payment.BusinessID("62440e322008e87fb29c1fd1")
	strangerSecretKey = "xnd_development_stranger"
	strangerPublicKey = "xnd_public_development_stranger"
	// cardsOnly is a merchant who may handle card numbers, and not skip 3-D Secure.
	cardsOnlyBusiness  = payment.BusinessID("62440e322008e87fb29c1fd9")
	cardsOnlySecretKey = "xnd_development_cards_only"

	strangerToken    = "pt-00000000-0000-4000-8000-00000000ffff"
	strangerCustomer = payment.CustomerID("cust-00000000-0000-4000-8000-00000000ffff")
	someonesCustomer = payment.CustomerID("cust-00000000-0000-4000-8000-000000000002")
)

// stranger is another merchant at the same gateway, with a card of its own.
func (w *town) stranger() {
	w.t.Helper()
	ctx := w.t.Context()
	ours, err := w.store.Token(ctx, sandboxBusiness, visaChallenge)
	if err != nil {
		w.t.Fatal(err)
	}
	theirs := ours
	theirs.ID, theirs.Business, theirs.Customer = strangerToken, strangerBusiness, strangerCustomer
	for _, err := range []error{
		w.store.SaveMerchant(ctx, payment.Merchant{}, payment.Merchant{
			ID: strangerBusiness, Name: "Stranger", City: "Jakarta", Country: "ID", MCC: "5815",
			AcquirerBIN: "400551", CardAcceptor: "reprise_sandbox", Terminal: "STRANGE1", Website: "https://stranger.example",
		}, sandboxActor),
		w.store.SaveMerchant(ctx, payment.Merchant{}, payment.Merchant{
			ID: cardsOnlyBusiness, Name: "Cards", City: "Jakarta", Country: "ID", MCC: "5815", AllowCardDetails: true,
			AcquirerBIN: "400551", CardAcceptor: "reprise_sandbox", Terminal: "CARDONLY", Website: "https://cards.example",
		}, sandboxActor),
		w.store.SaveKey(ctx, payment.Key{Hash: sha256.Sum256([]byte(cardsOnlySecretKey)), Business: cardsOnlyBusiness, Kind: payment.Secret}, sandboxActor),
		w.store.SaveKey(ctx, payment.Key{Hash: sha256.Sum256([]byte(strangerSecretKey)), Business: strangerBusiness, Kind: payment.Secret}, sandboxActor),
		w.store.SaveKey(ctx, payment.Key{Hash: sha256.Sum256([]byte(strangerPublicKey)), Business: strangerBusiness, Kind: payment.Public}, sandboxActor),
		w.store.CreateCustomer(ctx, payment.Customer{ID: strangerCustomer, Business: strangerBusiness, ReferenceID: "them", Type: payment.IndividualCustomer, Created: w.outside.Now(), Updated: w.outside.Now()}, nil),
		w.store.CreateCustomer(ctx, payment.Customer{ID: someonesCustomer, Business: sandboxBusiness, ReferenceID: "someone", Type: payment.IndividualCustomer, Created: w.outside.Now(), Updated: w.outside.Now()}, nil),
		w.store.SaveToken(ctx, theirs),
	} {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	town := openTown(t)

	t.Run("what is not said has a default", func(t *testing.T) {
		w := town.in(t)
		session := w.newSession(visaChallenge)
		created, _ := time.Parse(time.RFC3339, session["created"].(string))
		expires, _ := time.Parse(time.RFC3339, session["expires_at"].(string))
		for name, pair := range map[string][2]any{
			"status": {session["status"], "ACTIVE"}, "locale": {session["locale"], "en"}, "mode": {session["mode"], "CARDS_SESSION_JS"},
			"business_id": {session["business_id"], string(sandboxBusiness)}, "updated": {session["updated"], session["created"]},
			"life": {expires.Sub(created), 30 * time.Minute},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
			}
		}
		if diff := cmp.Diff(session, w.session(session)); diff != "" {
			t.Errorf("read again (-created +read):\n%s", diff)
		}
	})

	t.Run("what is said is repeated", func(t *testing.T) {
		w := town.in(t)
		expires := w.outside.Now().Add(20 * time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")
		said := map[string]any{
			"locale": "id", "description": "two <b>coffees</b> & a cake", "metadata": map[string]any{"order": "7"},
			"capture_method": "AUTOMATIC", "allow_save_payment_method": "DISABLED", "expires_at": expires,
			"channel_properties":       map[string]any{"cards": map[string]any{"skip_three_ds": true}},
			"allowed_payment_channels": []any{"CARDS"}, "notification_channels": []any{"EMAIL"},
			"items": []any{map[string]any{
				"reference_id": "c", "name": "coffee", "net_unit_amount": 50000.0, "quantity": 2.0, "category": "drinks",
			}},
		}
		session := w.newSession(visaChallenge, func(request map[string]any) { maps.Copy(request, said) })
		for name, want := range said {
			if diff := cmp.Diff(want, session[name]); diff != "" {
				t.Errorf("%s (-said +answered):\n%s", name, diff)
			}
		}
	})

	t.Run("a customer who is known is the same one again", func(t *testing.T) {
		w := town.in(t)
		first, second := w.newSession(visaChallenge), w.newSession(visaFrictionless)
		if first["customer_id"] != second["customer_id"] || first["payment_session_id"] == second["payment_session_id"] {
			t.Errorf("%v\n%v", first, second)
		}
		named := w.newSession(visaChallenge, with("customer", nil), with("customer_id", string(sandboxCustomer)))
		if named["customer_id"] != string(sandboxCustomer) {
			t.Errorf("%v", named)
		}
	})
}

// TestKeysOpenTheirOwnDoors: a session of another business does not exist, and no key does another's work.
func TestKeysOpenTheirOwnDoors(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	w.stranger()
	session := w.newSession(visaChallenge, skipping)
	id := session["payment_session_id"].(string)
	accepted := w.submitted(session, "123")
	attempt := w.attempt(accepted["payment_request_id"].(string))
	open := w.newSession(visaChallenge)

	unauthorized := refusal{401, "INVALID_API_KEY", "API key is not authorized for this API", ""}
	notFound := refusal{404, "NOT_FOUND", "Session not found", ""}
	gone := refusal{404, "DATA_NOT_FOUND", "", ""}
	routes := []struct {
		method, path string
		body         any
		right, wrong string  // keys of the sandbox
		stranger     string  // the stranger's key of the right kind
		missing      refusal // what the stranger is told
	}{
		{"GET", "/sessions/" + id, nil, SandboxSecretKey, SandboxPublicKey, strangerSecretKey, notFound},
		{"POST", "/sessions/" + open["payment_session_id"].(string) + "/cancel", nil, SandboxSecretKey, SandboxPublicKey, strangerSecretKey, notFound},
		{"GET", "/v3/payment_requests/" + attempt["payment_request_id"].(string), nil, SandboxSecretKey, SandboxPublicKey, strangerSecretKey, gone},
		{"GET", "/v3/payments/" + attempt["latest_payment_id"].(string), nil, SandboxSecretKey, SandboxPublicKey, strangerSecretKey, gone},
		{"POST", "/v3/payment_with_session", submission(open, "123"), SandboxPublicKey, SandboxSecretKey, strangerPublicKey, notFound},
		{"GET", "/customers/" + string(sandboxCustomer), nil, SandboxSecretKey, SandboxPublicKey, strangerSecretKey, gone},
		{"PATCH", "/customers/" + string(sandboxCustomer), map[string]any{"description": "known"}, SandboxSecretKey, SandboxPublicKey, strangerSecretKey, gone},
	}
	for _, r := range routes {
		t.Run(r.method+" "+strings.Split(r.path, "-")[0], func(t *testing.T) {
			w := w.in(t)
			for _, key := range []string{"", "xnd_development_nobody", r.wrong} {
				w.ask(r.method, r.path, key, r.body).refuses(t, unauthorized)
			}
			w.ask(r.method, r.path, r.stranger, r.body).refuses(t, r.missing)
		})
	}
	w.ask("POST", "/sessions", SandboxPublicKey, w.request(visaChallenge)).refuses(t, unauthorized)
	if w.session(open)["status"] != "ACTIVE" || len(w.requests()) != 1 {
		t.Error("what was refused has left something behind")
	}
	for _, r := range routes { // and with the right key each route does its work
		if a := w.ask(r.method, r.path, r.right, r.body); a.status != http.StatusOK && a.body["error_code"] != "INVALID_SESSION_STATUS" {
			t.Errorf("%s %s: %d %v", r.method, r.path, a.status, a.body)
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	cancel := func(session map[string]any) answer {
		return w.ask("POST", "/sessions/"+session["payment_session_id"].(string)+"/cancel", SandboxSecretKey, nil)
	}

	t.Run("before anything", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge)
		if a := cancel(session); a.status != 200 || a.body["status"] != "CANCELED" {
			t.Errorf("%d %v", a.status, a.body)
		}
		cancel(session).refuses(t, refusal{422, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE", ""})
		w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).
			refuses(t, refusal{422, "INVALID_SESSION_STATUS", "Session status is CANCELED, expecting ACTIVE", ""})
	})

	t.Run("during the challenge", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge)
		accepted := w.submitted(session, "123")
		p := w.visitor(accepted)
		challenge := p.must(p.arrive())
		bank := p.meetBank(challenge)
		if w.escrow() != 1 {
			t.Errorf("escrow rows: %d", w.escrow())
		}
		if a := cancel(session); a.body["status"] != "CANCELED" {
			t.Errorf("%d %v", a.status, a.body)
		}
		if w.escrow() != 0 {
			t.Errorf("escrow rows after the cancel: %d", w.escrow())
		}
		if got := w.attempt(accepted["payment_request_id"].(string)); got["status"] != "CANCELED" {
			t.Errorf("attempt: %v", got)
		}
		if err := bank.enter(rightOTP); err != nil { // the payer does not know yet
			t.Fatal(err)
		}
		for _, what := range []func() (step, error){p.look, p.confirm} {
			if s := p.must(what()); s["do"] != "done" || s["outcome"] != "canceled" {
				t.Errorf("the page says %v", s)
			}
		}
	})

	t.Run("while it is being authorised", func(t *testing.T) {
		w := w.in(t)
		w.bank.next("silence")
		session := w.newSession(visaChallenge, skipping)
		var tasks sync.WaitGroup
		tasks.Go(func() {
			_, _ = w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		})
		w.eventually("the purchase is booked", func() bool { return len(w.bank.purchases("kept")) == 1 })
		cancel(session).refuses(t, refusal{422, "INVALID_SESSION_STATUS", "", ""})
		busy := w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
		busy.refuses(t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})
		if busy.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.forward(8 * time.Second)
		tasks.Wait()
		w.webhook("payment.failure", session["reference_id"].(string))
		if a := cancel(session); a.body["status"] != "CANCELED" {
			t.Errorf("afterwards: %d %v", a.status, a.body)
		}
	})

	if told := w.about("", "payment_session.canceled"); len(told) != 0 {
		t.Errorf("a cancel is told: %v", told)
	}
	w.balanced()
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	w := openTown(t)
	idle := w.newSession(visaChallenge)
	waiting := w.newSession(visaChallenge)
	paying := w.newSession(visaFrictionless)

	w.forward(20 * time.Minute)
	for _, s := range []map[string]any{idle, waiting, paying} {
		if got := w.session(s); got["status"] != "ACTIVE" {
			t.Fatalf("after 20 minutes: %v", got)
		}
	}
	abandoned := w.submitted(waiting, "123")
	p := w.visitor(abandoned)
	late := w.visitor(w.submitted(paying, "123"))
	if s := late.must(late.arrive()); s["do"] != "confirm" {
		t.Fatalf("%v", s)
	}

	w.forward(11 * time.Minute)
	id := func(s map[string]any) string { return s["payment_session_id"].(string) }
	if told := w.webhook("payment_session.expired", id(idle)); told.Data["status"] != "EXPIRED" {
		t.Errorf("%v", told.Data)
	}
	if got := w.session(idle); got["status"] != "EXPIRED" {
		t.Errorf("%v", got)
	}
	w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(idle, "123")).
		refuses(t, refusal{422, "INVALID_SESSION_STATUS", "Session status is EXPIRED, expecting ACTIVE", ""})
	w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(waiting, "123")).
		refuses(t, refusal{422, "INVALID_SESSION_STATUS", "Session status is EXPIRED, expecting ACTIVE", ""})
	if got := w.session(waiting); got["status"] != "ACTIVE" {
		t.Errorf("with an open attempt, past its expiry: %v", got)
	}
	// A payer who is at it may finish: the attempt has 15 minutes of its own.
	if s := late.must(late.confirm()); s["outcome"] != "succeeded" {
		t.Errorf("%v", s)
	}
	if got := w.session(paying); got["status"] != "COMPLETED" {
		t.Errorf("%v", got)
	}

	w.forward(5 * time.Minute)
	request := abandoned["payment_request_id"].(string)
	if told := w.webhook("payment.failure", request); told.Data["failure_code"] != "PAYMENT_REQUEST_EXPIRED" {
		t.Errorf("%v", told.Data)
	}
	w.webhook("payment_session.expired", id(waiting))
	if n := w.escrow(); n != 0 {
		t.Errorf("escrow rows: %d", n)
	}
	if s := p.must(p.confirm()); s["outcome"] != "failed" {
		t.Errorf("the abandoned page says %v", s)
	}
	for event, n := range map[string]int{"payment_session.expired": 2, "payment_session.completed": 1, "payment.failure": 1, "payment.capture": 1} {
		if got := w.webhooks(event, ""); got != n {
			t.Errorf("%s: told %d times, want %d", event, got, n)
		}
	}
	w.balanced()
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := openTown(t)

	t.Run("sessions", func(t *testing.T) {
		w := w.in(t)
		post := func(key string, body any) answer {
			return w.ask("POST", "/sessions", SandboxSecretKey, body, "idempotency-key", key)
		}
		first := post("a", w.request(visaChallenge))
		again := post("a", w.request(visaChallenge))
		if diff := cmp.Diff(first.body, again.body); diff != "" || again.status != 201 {
			t.Errorf("%d (-first +again):\n%s", again.status, diff)
		}
		if other := post("b", w.request(visaChallenge)); other.body["payment_session_id"] == first.body["payment_session_id"] {
			t.Error("another key got the same session")
		}
		post("a", w.request(visaChallenge, amount(1))).refuses(t, refusal{409, "DUPLICATE_ERROR", "", ""})
		post("c", w.request(visaChallenge, amount(0))).refuses(t, refusal{400, "INVALID_AMOUNT", "", ""})
		if a := post("c", w.request(visaChallenge)); a.status != 201 {
			t.Errorf("a refusal was kept: %d %v", a.status, a.body)
		}
	})

	t.Run("a cancel", func(t *testing.T) {
		w := w.in(t)
		path := "/sessions/" + w.newSession(visaChallenge)["payment_session_id"].(string) + "/cancel"
		first := w.ask("POST", path, SandboxSecretKey, nil, "idempotency-key", "x")
		again := w.ask("POST", path, SandboxSecretKey, nil, "idempotency-key", "x")
		if diff := cmp.Diff(first.body, again.body); diff != "" || first.status != 200 || again.status != 200 {
			t.Errorf("%d, then %d (-first +again):\n%s", first.status, again.status, diff)
		}
		w.ask("POST", path, SandboxSecretKey, nil, "idempotency-key", "y").refuses(t, refusal{422, "INVALID_SESSION_STATUS", "", ""})
		other := "/sessions/" + w.newSession(visaChallenge)["payment_session_id"].(string) + "/cancel"
		w.ask("POST", other, SandboxSecretKey, nil, "idempotency-key", "x").refuses(t, refusal{409, "DUPLICATE_ERROR", "", ""})
	})

	submit := func(session map[string]any, key, cvn string) answer {
		return w.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, cvn), "idempotency-key", key)
	}

	t.Run("a CVN", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge)
		first := submit(session, "a", "999") // a slip, corrected in the repetition
		again := submit(session, "a", "123")
		if again.status != 200 || first.body["payment_request_id"] != again.body["payment_request_id"] {
			t.Errorf("%d %v, first %v", again.status, again.body, first.body)
		}
		if first.body["action_url"] == again.body["action_url"] {
			t.Error("the share was repeated")
		}
		submit(w.newSession(visaChallenge), "a", "123").refuses(t, refusal{409, "DUPLICATE_ERROR", "", ""})
		if end := w.visitor(again.body).pay(rightOTP); end["outcome"] != "succeeded" {
			t.Errorf("with the CVN sent again: %v", end)
		}
		late := submit(session, "a", "123")
		if late.status != 200 || late.body["payment_request_id"] != first.body["payment_request_id"] || late.body["action_url"] != nil {
			t.Errorf("after the payment: %d %v", late.status, late.body)
		}
	})

	t.Run("a CVN without 3-D Secure", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge, skipping)
		before := len(w.bank.purchases("kept"))
		first := submit(session, "s", "123")
		for range 2 {
			if again := submit(session, "s", "123"); !cmp.Equal(first.body, again.body) || again.status != 200 {
				t.Errorf("%d %v, first %v", again.status, again.body, first.body)
			}
		}
		if n := len(w.bank.purchases("kept")) - before; n != 1 {
			t.Errorf("%d purchases", n)
		}
	})

	t.Run("many at once", func(t *testing.T) {
		w := w.in(t)
		session := w.newSession(visaChallenge, skipping)
		answers := make([]answer, 8)
		var tasks sync.WaitGroup
		for i := range answers {
			tasks.Go(func() {
				var err error
				answers[i], err = w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"), "idempotency-key", "m")
				if err != nil {
					t.Error(err)
				}
			})
		}
		tasks.Wait()
		ids := map[string]int{}
		for _, a := range answers {
			switch {
			case a.status == 200:
				ids[a.body["payment_request_id"].(string)]++
			case a.status == 409 || a.status == 503:
				ids[fmt.Sprint(a.body["error_code"])]++
			default:
				t.Errorf("%d %v", a.status, a.body)
			}
		}
		delete(ids, "IDEMPOTENCY_ERROR")
		delete(ids, "SERVICE_UNAVAILABLE")
		if len(ids) != 1 {
			t.Errorf("%v", ids)
		}
	})
	w.balanced()
}
