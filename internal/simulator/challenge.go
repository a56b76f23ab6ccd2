package simulator

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// abandonAfter is how long the cardholder may do nothing (EMV 3DS 2.2 §5.5).
const abandonAfter = 10 * time.Minute

// firstAfter is how long the bank waits for the CReq after its ARes (EMV 3DS 2.2 §5.5).
const firstAfter = 30 * time.Second

// transaction is one authentication that needs the cardholder.
type transaction struct {
	version, category, serverTransID, dsTransID, acsTransID string // category is messageCategory
	resultURL, notification                                 string
	merchant, scheme, card                                  string
	page                                                    page
	proof                                                   proof
	about                                                   subject
	begun                                                   time.Time

	mu          sync.Mutex
	shown       bool // a CReq has come
	mute        bool // nothing is ever said about it any more
	touches     int
	tries       int // wrong codes so far
	sessionData string
	end         *verdict      // nil while open
	finished    chan struct{} // closed with end
	told        chan struct{} // closed when the gateway has the result, or cannot be reached
}

// verdict is how a challenge ended.
type verdict struct {
	status string // Y, A, N, U or R
	cancel string // challengeCancel, if the cardholder did not answer
	reason string // transStatusReason, with N, U and R
	value  string // authenticationValue, with Y and A; some schemes have none for a card that is added
	count  int    // interactions
	broken bool   // the browser comes home with an Erro
}

func (t *transaction) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end != nil
}

// conclude ends a challenge once; later calls change nothing. The result goes to the gateway
// before the browser is sent home.
func (a *acs) conclude(t *transaction, v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a.concludeLocked(t, v)
}

func (a *acs) concludeLocked(t *transaction, v verdict) {
	if t.end != nil {
		return
	}
	if v.status == "Y" || v.status == "A" {
		v.value = a.prove(t, v.status, true)
	}
	t.end = &v
	close(t.finished)
	if !a.stage.spawn(func() { a.report(t, v) }) {
		close(t.told)
	}
}

// watch ends a challenge that nobody answers. Every sign of life starts the time again.
func (a *acs) watch(t *transaction) {
	for last := 0; ; {
		t.mu.Lock()
		patience := firstAfter
		if t.shown {
			patience = abandonAfter
		}
		t.mu.Unlock()
		fired, stop := a.stage.timer(patience)
		select {
		case <-fired:
		case <-t.finished:
			stop()
			return
		case <-a.stage.over:
			stop()
			return
		}
		t.mu.Lock()
		touches, shown, tries := t.touches, t.shown, t.tries
		t.mu.Unlock()
		switch {
		case touches != last:
			last = touches
		case shown:
			a.conclude(t, verdict{status: "N", cancel: "04", reason: "14", count: tries})
			return
		default: // the gateway never posted a CReq
			a.conclude(t, verdict{status: "N", cancel: "05", reason: "14"})
			return
		}
	}
}

var creqRules = []rule{
	{"messageType", always, oneOf("CReq")},
	{"messageVersion", always, text(5, 8)},
	{"threeDSServerTransID", always, shaped(uuidShape)},
	{"acsTransID", always, shaped(uuidShape)},
	{"challengeWindowSize", always, fromTo("0105")},
	{"messageExtension", nil, extensions},
}

// begin takes a CReq (EMV 3DS 2.2 table B.3): it shows the page, again with the tries so far if it
// comes again, and sends the browser home if the challenge is over.
func (a *acs) begin(rw http.ResponseWriter, r *http.Request) {
	o, err := a.form(r, "creq")
	t := a.find(o.text("acsTransID"))
	if t == nil {
		fault := erroFor(err)
		if err == nil {
			fault = &erro{"301", "transaction id not recognised", "acsTransID"}
		}
		a.stage.complain("acs", "CReq: "+fault.Error())
		a.sorry(rw, http.StatusNotFound)
		return
	}
	session := r.PostForm["threeDSSessionData"]
	fault := checkCReq(t, o, session)
	if fault == nil && a.stage.knobs.now().ReloadErro && t.reopened() {
		// Not the gateway's fault: some real ACSs do not let a page be loaded twice.
		a.sendErro(rw, t, session, &erro{"305", "transaction data not valid", "acsTransID"})
		return
	}
	if fault != nil {
		a.stage.complain("acs", "CReq: "+fault.Error())
		a.sendErro(rw, t, session, fault)
		return
	}
	t.mu.Lock()
	t.touches++
	t.shown = true
	t.sessionData = strings.Join(session, "")
	over := t.end != nil
	t.mu.Unlock()
	switch {
	case over:
		a.finish(rw, r, t)
	case a.strays(rw, t):
	case t.page == pagePasses:
		a.conclude(t, verdict{status: "Y", count: 1})
		a.finish(rw, r, t)
	case t.page == pageFails:
		a.conclude(t, verdict{status: "N", reason: "01", count: 1})
		a.finish(rw, r, t)
	case t.page == pageCookies:
		a.bake(rw, t)
	default:
		a.show(rw, t, "")
	}
}

// strays does what a fault does to a challenge that begins, and says whether that was all.
func (a *acs) strays(rw http.ResponseWriter, t *transaction) (all bool) {
	fault := a.stage.knobs.next(onChallenge, t.about)
	if fault.Behaviour != "" {
		a.stage.passed(Passage{Line: "acs", From: "world", Type: "page", ID: t.serverTransID, Did: fault.Behaviour})
	}
	switch fault.Behaviour {
	case behaviourAbandon:
		a.conclude(t, verdict{status: "N", cancel: "04", reason: "14"})
		a.goHome(rw, home{Title: "You have left this page", Text: "It goes no further."})
	case behaviourSilence:
		t.mu.Lock()
		t.mute = true
		t.mu.Unlock()
		a.goHome(rw, home{Title: "Please wait", Text: "This page goes no further."})
	case behaviourError:
		a.sorry(rw, http.StatusInternalServerError)
	case behaviourLate:
		return !a.stage.pause(fault.delay())
	default:
		return false
	}
	return true
}

// reopened tells whether a page of this challenge has been shown and is still open.
func (t *transaction) reopened() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown && t.end == nil
}

func checkCReq(t *transaction, o object, session []string) *erro {
	if o.text("messageType") != "CReq" {
		return &erro{"101", "message received invalid", "messageType"}
	}
	if fault := judge(o, creqRules); fault != nil {
		return fault
	}
	if fault := critical(o); fault != nil {
		return fault
	}
	switch {
	case o.text("messageVersion") != t.version:
		return &erro{"102", "message version not supported", "messageVersion"}
	case o.text("threeDSServerTransID") != t.serverTransID:
		return &erro{"301", "transaction id not recognised", "threeDSServerTransID"}
	case len(session) > 1, len(session) == 1 && !sessionShape.MatchString(session[0]), len(strings.Join(session, "")) > 1024:
		return &erro{"203", "format of a data element is invalid", "threeDSSessionData"}
	}
	return nil
}

func (a *acs) sendErro(rw http.ResponseWriter, t *transaction, session []string, fault *erro) {
	a.goHome(rw, home{
		Title: "Returning to the shop",
		Text:  "Your bank could not show its page.",
		URL:   t.notification,
		Fields: withSession(fault.message("A", t.version, "CReq", object{
			"threeDSServerTransID": t.serverTransID, "acsTransID": t.acsTransID, "dsTransID": t.dsTransID,
		}), strings.Join(session, "")),
	})
}

func withSession(o object, session string) []formField {
	fields := []formField{{"cres", encodeURL(o)}}
	if session != "" {
		fields = append(fields, formField{"threeDSSessionData", session})
	}
	return fields
}

// reply takes what the cardholder did on the page.
func (a *acs) reply(rw http.ResponseWriter, r *http.Request) {
	err := r.ParseForm()
	t := a.find(r.PostForm.Get("acsTransID"))
	if err != nil || t == nil {
		a.sorry(rw, http.StatusNotFound)
		return
	}
	hint, over := a.take(t, r.PostForm.Get("action"), r.PostForm.Get("otp"))
	if over {
		a.finish(rw, r, t)
		return
	}
	a.show(rw, t, hint)
}

// take judges one interaction and tells what to say to the cardholder, or that it is over.
func (a *acs) take(t *transaction, action, otp string) (hint string, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end != nil {
		return "", true
	}
	t.touches++
	otp = strings.NewReplacer(" ", "", "-", "").Replace(otp)
	chosen, choice := t.chosen(action)
	switch {
	case chosen:
		a.concludeLocked(t, choice)
	case action == "cancel":
		a.concludeLocked(t, verdict{status: "N", cancel: "01", reason: "01", count: t.tries})
	case otp == rightOTP:
		a.concludeLocked(t, verdict{status: "Y", count: t.tries + 1})
	case len(otp) != len(rightOTP) || !num.holds(otp):
		return "Enter the 6 digits of the code.", false // a slip is no try
	default:
		if t.tries++; t.tries < wrongOTPs {
			return t.triesLeft(), false
		}
		a.concludeLocked(t, verdict{status: "N", reason: "01", count: t.tries})
	}
	return "", true
}

func (t *transaction) triesLeft() string {
	if left := wrongOTPs - t.tries; left > 1 {
		return fmt.Sprintf("Wrong code. %d tries left.", left)
	}
	return "Wrong code. 1 try left."
}

// challengePage is what the cardholder sees. Card and Phone are last digits only; Amount is empty where a card
// is added.
type challengePage struct {
	Program, Title, Merchant, Amount, Card, Phone string
	ID, Hint, OTP                                 string
	Whole                                         bool     // the answer takes the whole window, not only the frame
	Choices                                       []choice // instead of a one-time code
}

func (a *acs) show(rw http.ResponseWriter, t *transaction, hint string) {
	t.mu.Lock()
	if hint == "" && t.tries > 0 { // a reload does not give tries back
		hint = t.triesLeft()
	}
	t.mu.Unlock()
	title, amount := "Add your card", ""
	if !t.withoutPayment() {
		title, amount = "Confirm your payment", currencies[t.proof.currency].print(t.proof.amount)
	}
	shown := challengePage{
		Program:  schemes[t.scheme].program,
		Title:    title,
		Merchant: t.merchant,
		Amount:   amount,
		Card:     t.card[len(t.card)-4:],
		Phone:    phoneDigits(t.proof.account),
		ID:       t.acsTransID,
		Hint:     hint,
		OTP:      rightOTP,
		Whole:    t.page == pageTop,
	}
	name := "challenge.html"
	if t.page == pageChooser {
		name, shown.Choices = "chooser.html", choices
	}
	a.render(rw, http.StatusOK, name, t.notification, shown)
}

// phoneDigits makes the last two digits of a telephone that every account has, always the same.
func phoneDigits(account string) string {
	sum := 0
	for i := range 8 {
		sum = sum*31 + int(account[i])
	}
	return padDigits(int64(sum%100), 2)
}

// finish sends the browser home with the final CRes (EMV 3DS 2.2 table B.4), when the gateway has
// the result or could not be reached.
func (a *acs) finish(rw http.ResponseWriter, r *http.Request, t *transaction) {
	select {
	case <-t.told:
	case <-r.Context().Done():
		return
	case <-a.stage.over:
		a.sorry(rw, http.StatusServiceUnavailable)
		return
	}
	t.mu.Lock()
	end, session := *t.end, t.sessionData
	t.mu.Unlock()
	h := home{Title: "Identity confirmed", Text: "Taking you back to the shop."}
	if end.status != "Y" {
		h.Title = "Identity not confirmed"
	}
	switch {
	case a.stage.knobs.now().SkipCRes:
		h.Text = "You may close this page."
	case end.broken:
		a.sendErro(rw, t, []string{session}, &erro{"404", "permanent system failure", "the challenge broke off"})
		return
	default:
		h.URL = t.notification
		status := "N" // of whatever is not authenticated
		if end.status == "Y" {
			status = "Y"
		}
		h.Fields = withSession(object{
			"messageType": "CRes", "messageVersion": t.version, "transStatus": status,
			"threeDSServerTransID": t.serverTransID, "acsTransID": t.acsTransID,
		}, session)
	}
	a.goHome(rw, h)
}
