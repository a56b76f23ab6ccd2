package checkout

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// step tells the page what to do next. It is made from the attempt's state alone, so a reload, a second tab
// and the back button all end where the attempt is.
type step struct {
	// Do is open, authenticate, wait, challenge, confirm, complete, retype, pending or done.
	Do        string     `json:"do"`
	Method    *flow.Form `json:"method,omitempty"`     // authenticate: first run the 3DS Method
	Challenge *flow.Form `json:"challenge,omitempty"`  // challenge: post this into the frame
	Round     int        `json:"round,omitempty"`      // challenge: how many broke before this one
	Outcome   string     `json:"outcome,omitempty"`    // done: succeeded, failed or canceled
	ReturnURL string     `json:"return_url,omitempty"` // done: where the payer goes
	Notice    string     `json:"notice,omitempty"`     // the bank's words for the payer (cardholderInfo)
	Confirmed bool       `json:"confirmed,omitempty"`  // confirm, complete: the bank has said that it is the payer
	StepUp    bool       `json:"step_up,omitempty"`    // before the proof: the bank did not pay before it knows who pays
}

// doing maps the machine's states to what the page does.
var doing = map[payment.State]string{
	payment.Submitted:      "open",
	payment.Opened:         "authenticate",
	payment.Authenticating: "wait",
	payment.Challenging:    "challenge",
	payment.Authenticated:  "confirm",
	payment.SteppingUp:     "open",
	payment.Authorizing:    "pending",
	payment.Reversing:      "pending",
	payment.Authorized:     "done",
	payment.Capturing:      "done",
	payment.Succeeded:      "done",
	payment.Failed:         "done",
	payment.Canceled:       "done",
	payment.Expired:        "done",
}

// stepOf shows a case to its page. window is the challengeWindowSize that fits the browser.
func (c *Checkout) stepOf(k payment.Case, window string) step {
	r := k.Request
	s := step{Do: doing[r.State], Method: c.Flow.MethodForm(k), Challenge: c.Flow.ChallengeForm(k, window)}
	if s.Challenge != nil {
		s.Round = r.Authentication.Restarts
	}
	s.Confirmed = confirmed(r)
	s.StepUp = r.SoftDecline != nil && bankAsked(r)
	switch r.State {
	case payment.Authenticated:
		if r.WithoutCVN {
			s.Do = "complete" // no share is needed: no CVN was asked for
		}
	case payment.Succeeded, payment.Authorized, payment.Capturing:
		s.Outcome, s.ReturnURL = "succeeded", r.SuccessReturnURL
	case payment.Failed, payment.Expired:
		s.Outcome, s.ReturnURL = "failed", r.FailureReturnURL
		if r.Authentication != nil {
			s.Notice = r.Authentication.Cardholder
		}
	case payment.Canceled:
		s.Outcome, s.ReturnURL = "canceled", r.FailureReturnURL
		if k.Session.Mode == payment.ModePaymentLink {
			s.ReturnURL = c.PublicURL + k.Session.LinkPath() // which knows what became of the one that replaced it
		}
	}
	return s
}

// next answers with the step of a case.
func (c *Checkout) next(k payment.Case, window string, err error) (gate.Answer, error) {
	if errors.Is(err, payment.ErrNotFound) {
		return gate.Answer{}, payment.Refuse("NOT_FOUND", "This payment page does not exist")
	}
	if errors.Is(err, flow.ErrShare) {
		return gate.Answer{Status: http.StatusOK, Body: step{Do: "retype"}}, nil
	}
	if err != nil {
		return gate.Answer{}, fieldError(err)
	}
	return gate.Answer{Status: http.StatusOK, Body: c.stepOf(k, window)}, nil
}

// fullScreen is the challengeWindowSize where the page names none (EMV 3DS 2.2 table A.1).
const fullScreen = "05"

func (c *Checkout) look(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	k, err := c.Flow.Attempt(ctx, r.Path("page"))
	return c.next(k, cmp.Or(r.HTTP.URL.Query().Get("window"), fullScreen), err)
}

// browserData is what the page's script found out about its browser. The contract bounds each value.
type browserData struct {
	Browser struct {
		describedBrowser
		AcceptHeader string `json:"accept_header"` // of the page's own request
		Window       string `json:"window"`
	} `json:"browser"`
	MethodCompleted string `json:"method_completed"` // threeDSCompInd: Y, N or U
}

// describedBrowser is what only a script can say of a browser.
type describedBrowser struct {
	Language     string `json:"language"`
	JavaEnabled  bool   `json:"java_enabled"`
	ColorDepth   int    `json:"color_depth"`
	ScreenHeight int    `json:"screen_height"`
	ScreenWidth  int    `json:"screen_width"`
	TimeZone     int    `json:"time_zone"` // minutes, positive west of UTC
}

// seen is a browser as its request shows it and as its script describes it.
func (c *Checkout) seen(r *http.Request, d describedBrowser) flow.Browser {
	return flow.Browser{
		AcceptHeader: r.Header.Get("Accept"), UserAgent: r.UserAgent(), Language: d.Language, IP: c.ClientIP(r),
		AcceptLanguage: r.Header.Get("Accept-Language"),
		JavaEnabled:    d.JavaEnabled, ColorDepth: d.ColorDepth, ScreenHeight: d.ScreenHeight, ScreenWidth: d.ScreenWidth, TimeZone: d.TimeZone,
	}
}

func (c *Checkout) browser(r *gate.Request) (flow.Browser, string, error) {
	var q browserData
	err := json.Unmarshal(r.Body, &q)
	b := c.seen(r.HTTP, q.Browser.describedBrowser)
	b.AcceptHeader, b.Window = q.Browser.AcceptHeader, q.Browser.Window
	return b, q.MethodCompleted, err
}

// open: the page's script has shown that a browser is there. Without a 3DS Method to run first the bank is
// asked at once.
func (c *Checkout) open(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	b, _, err := c.browser(r)
	if err != nil {
		return gate.Answer{}, err
	}
	k, err := c.Flow.Open(ctx, r.Path("page"))
	if err == nil && k.Request.State == payment.Opened && k.Request.Authentication.MethodURL == "" {
		k, err = c.Flow.Authenticate(ctx, r.Path("page"), b, "U")
	}
	return c.next(k, b.Window, err)
}

func (c *Checkout) authenticate(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	b, methodCompleted, err := c.browser(r)
	if err != nil {
		return gate.Answer{}, err
	}
	k, err := c.Flow.Authenticate(ctx, r.Path("page"), b, methodCompleted)
	return c.next(k, b.Window, err)
}

// restart: the bank's page came home with an error instead of an answer.
func (c *Checkout) restart(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Round int `json:"round"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	k, err := c.Flow.Restart(ctx, r.Path("page"), q.Round)
	return c.next(k, "05", err)
}

// cancel: the payer does not want to pay.
func (c *Checkout) cancel(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	k, err := c.Flow.GiveUp(ctx, r.Path("page"))
	return c.next(k, fullScreen, err)
}

// pay: the page brings the browser's share, with which the CVN opens.
func (c *Checkout) pay(ctx context.Context, r *gate.Request) (gate.Answer, error) {
	var q struct {
		Share string `json:"share"`
	}
	if err := json.Unmarshal(r.Body, &q); err != nil {
		return gate.Answer{}, err
	}
	share, err := base64.RawURLEncoding.DecodeString(q.Share)
	if err != nil {
		share = nil // as good as a lost one
	}
	k, err := c.Flow.Pay(ctx, r.Path("page"), share)
	card.Wipe(share)
	return c.next(k, fullScreen, err)
}

// retype: the share was lost, and the payer typed the CVN again.
func (c *Checkout) retype(ctx context.Context, r *gate.Request, taken any) (gate.Answer, error) {
	fields := taken.(card.Fields)
	k, err := c.Flow.Retype(ctx, r.Path("page"), fields.CVN)
	return c.next(k, fullScreen, err)
}
