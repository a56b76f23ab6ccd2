package simulator

import (
	"net/http"
)

// choice is a result that the payer may choose on the bank's page instead of proving himself: a button.
type choice struct {
	value, label, then string
	verdict            verdict
}

// Value and Label are for the page.
func (c choice) Value() string { return c.value }
func (c choice) Label() string { return c.label }

var choices = []choice{
	{"chosen-Y", "Confirmed (Y)", "Y: authenticated", verdict{status: "Y", count: 1}},
	{"chosen-A", "Attempted (A)", "A: attempted, with an authentication value; the CRes says N", verdict{status: "A", count: 1}},
	{"chosen-N", "Refused (N)", "N, reason 01", verdict{status: "N", reason: "01", count: 1}},
	{"chosen-U", "Not possible (U)", "U, reason 13", verdict{status: "U", reason: "13", count: 1}},
	{"chosen-R", "Rejected (R)", "R, reason 11", verdict{status: "R", reason: "11", count: 1}},
	{"cancel", "Cancel", "N with challengeCancel 01, as by the cancel button of the other page", verdict{}},
	{"chosen-timeout", "Time-out", "N with challengeCancel 04", verdict{status: "N", reason: "14", cancel: "04"}},
	{"chosen-error", "Error", "U with challengeCancel 06, and the browser comes home with an Erro", verdict{status: "U", reason: "07", cancel: "06", broken: true}},
}

// chosen is the verdict of a button on a page that has such.
func (t *transaction) chosen(action string) (ok bool, v verdict) {
	for _, c := range choices {
		if t.page == pageChooser && c.value == action && c.verdict.status != "" {
			return true, c.verdict
		}
	}
	return false, v
}

// cookieName is the cookie without which one of the bank's pages does not work. In a frame it is a third party's:
// browsers that keep those away send none.
const cookieName = "harbour"

// bake gives the browser a cookie and has it come back at once, to see whether the cookie does.
func (a *acs) bake(rw http.ResponseWriter, t *transaction) {
	http.SetCookie(rw, &http.Cookie{
		Name: cookieName, Value: t.acsTransID, Path: "/challenge", HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode,
	})
	a.goHome(rw, home{
		Title: "One moment", Text: "Your bank prepares its page.",
		URL: a.origin + "/challenge/cookie", Fields: []formField{{"acsTransID", t.acsTransID}},
	})
}

// taste shows the page to a browser that has brought the cookie. To another it offers a window of its own, in which
// the bank is nobody's third party.
func (a *acs) taste(rw http.ResponseWriter, r *http.Request) {
	err := r.ParseForm()
	t := a.find(r.PostForm.Get("acsTransID"))
	switch cookie, missing := r.Cookie(cookieName); {
	case err != nil || t == nil:
		a.sorry(rw, http.StatusNotFound)
	case t.over():
		a.finish(rw, r, t)
	case missing == nil && cookie.Value == t.acsTransID, r.PostForm.Get("whole") != "":
		a.show(rw, t, "")
	default:
		a.render(rw, http.StatusOK, "cookie.html", "", challengePage{Title: "Your browser keeps the bank’s cookies away", ID: t.acsTransID})
	}
}
