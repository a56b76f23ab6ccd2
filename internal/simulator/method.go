package simulator

import (
	"encoding/json"
	"net/http"
	"time"
)

// Where the 3DS Method runs: as it should, never coming back, and coming back when nobody waits any more.
const (
	methodPath  = "/method"
	methodNever = "/method/never"
	methodSlow  = "/method/slow"
)

// methodLate is how long the slow one takes; a gateway waits ten seconds (EMV 3DS 2.2 §5.8.1).
const methodLate = 12 * time.Second

// visit is what the 3DS Method has found out about a browser.
type visit struct {
	at                  time.Time
	userAgent, timeZone string // empty: the browser runs no scripts
}

// method is the 3DS Method (EMV 3DS 2.2 §5.8.1): loaded in a hidden frame by form POST, it looks
// at the browser and posts threeDSMethodData to the notification URL in the same frame.
func (a *acs) method(rw http.ResponseWriter, r *http.Request) {
	o, err := a.form(r, "threeDSMethodData")
	if err == nil {
		if fault := judge(o, []rule{
			{"threeDSServerTransID", always, shaped(uuidShape)},
			{"threeDSMethodNotificationURL", always, address(256, "https", "http")},
		}); fault != nil {
			err = fault
		}
	}
	if err != nil {
		a.stage.complain("acs", "3DS Method: "+erroFor(err).Error())
		a.sorry(rw, http.StatusBadRequest)
		return
	}
	id, home := o.text("threeDSServerTransID"), home{Title: "Checking your device"}
	if r.URL.Path == methodNever || a.stage.knobs.now().SkipMethod {
		a.goHome(rw, home)
		return
	}
	if r.URL.Path == methodSlow && !a.late(r, methodLate) {
		return
	}
	a.mu.Lock()
	a.methods[id] = visit{at: a.stage.now()}
	a.mu.Unlock()
	home.URL, home.Visit = o.text("threeDSMethodNotificationURL"), id
	home.Fields = []formField{{"threeDSMethodData", encodeURL(object{"threeDSServerTransID": id})}}
	a.goHome(rw, home)
}

// late waits, unless the browser goes or the world ends.
func (a *acs) late(r *http.Request, d time.Duration) bool {
	fired, stop := a.stage.timer(d)
	select {
	case <-fired:
		return true
	case <-r.Context().Done():
	case <-a.stage.over:
	}
	stop()
	return false
}

// lookAt takes what the 3DS Method's script saw. What the AReq says of the same browser is held against it.
func (a *acs) lookAt(rw http.ResponseWriter, r *http.Request) {
	var seen struct {
		ID        string `json:"id"`
		UserAgent string `json:"user_agent"`
		TimeZone  string `json:"time_zone"`
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := json.NewDecoder(r.Body).Decode(&seen); err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	if v, running := a.methods[seen.ID]; running {
		v.userAgent, v.timeZone = seen.UserAgent, seen.TimeZone
		a.methods[seen.ID] = v
	}
	rw.WriteHeader(http.StatusNoContent)
}
