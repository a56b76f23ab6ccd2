package payment

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// typed is a case whose attempt is to be paid with a card that was typed for it.
func typed(status TokenStatus, kind RequestType) Case {
	c := caseIn(Authorizing)
	c.Request.Type, c.Request.Trace = kind, &Trace{MTI: "0200"}
	c.Token = Token{ID: "pt-2", Status: status, Fingerprint: "f", Brand: "VISA", ExpiryYear: 2027, ExpiryMonth: 12}
	c.Request.Token = "pt-2"
	return c
}

func tells(ch Changes) (kinds []NoticeKind) {
	for _, e := range ch.Effects {
		if tell, ok := e.(Tell); ok {
			kinds = append(kinds, tell.Kind)
		}
	}
	return kinds
}

func TestACardIsStoredWithTheAttemptThatIsToStoreIt(t *testing.T) {
	for _, test := range []struct {
		name  string
		c     Case
		event EventKind
		want  TokenStatus
		told  []NoticeKind
	}{
		{"paid and saved", typed(TokenPending, PayAndSave), Approve, TokenActive,
			[]NoticeKind{NoticeCapture, NoticeTokenActivated, NoticeSessionCompleted}},
		{"held and saved", typed(TokenPending, PayAndSave), Hold, TokenActive,
			[]NoticeKind{NoticeAuthorization, NoticeTokenActivated, NoticeSessionCompleted}},
		{"saved", typed(TokenPending, Save), Verify, TokenActive, []NoticeKind{NoticeTokenActivated, NoticeSessionCompleted}},
		{"declined", typed(TokenPending, PayAndSave), Decline, TokenFailed, []NoticeKind{NoticeFailure, NoticeTokenFailed}},
		{"not good", typed(TokenPending, Save), Decline, TokenFailed, []NoticeKind{NoticeTokenFailed}},
		{"not verified in time", typed(TokenPending, Save), Miss, TokenFailed, []NoticeKind{NoticeTokenFailed}},
		{"paid once", typed(TokenOneOff, Pay), Approve, TokenOneOff, []NoticeKind{NoticeCapture, NoticeSessionCompleted}},
		{"declined once", typed(TokenOneOff, Pay), Decline, TokenOneOff, []NoticeKind{NoticeFailure}},
	} {
		ch, err := Apply(test.c, eventOf(test.event))
		if err != nil {
			t.Fatal(err)
		}
		after := test.c.After(ch)
		if after.Token.Status != test.want || !slices.Equal(tells(ch), test.told) {
			t.Errorf("%s: the card is %s, told %v", test.name, after.Token.Status, tells(ch))
		}
		wake := slices.ContainsFunc(ch.Effects, func(e Effect) bool {
			w, ok := e.(Wake)
			return ok && w.Work == Work{WorkToken, "pt-2"} && w.At.After(noon.Add(47*time.Hour))
		})
		if !wake {
			t.Errorf("%s: nobody looks after the card's number", test.name)
		}
		if stored := test.want == TokenActive; stored != (after.Session.Saved == "pt-2") || stored != (after.Token.OnFile.NetworkTransactionID == "016") && test.event != Approve {
			t.Errorf("%s: session says %q, first use %q", test.name, after.Session.Saved, after.Token.OnFile.NetworkTransactionID)
		}
	}
}

func TestADroppedAttemptLeavesNoCard(t *testing.T) {
	c := typed(TokenPending, PayAndSave)
	c.Request.State = Submitted
	ch, err := Apply(c, eventOf(Drop))
	if err != nil || c.After(ch).Token.Status != TokenCanceled || tells(ch) != nil {
		t.Errorf("%+v, told %v, %v", c.After(ch).Token, tells(ch), err)
	}
}

func TestAnAttemptWithoutASessionTouchesNone(t *testing.T) {
	for _, kind := range []EventKind{Approve, Hold, Decline, Unsend} {
		c := caseIn(Authorizing)
		c.Session, c.Request.Session = Session{}, ""
		ch, err := Apply(c, eventOf(kind))
		if err != nil || ch.Session != nil || slices.Contains(tells(ch), NoticeSessionCompleted) {
			t.Errorf("%s: %+v, %v", kind, ch.Session, err)
		}
	}
}

func TestWhatSpeaksAgainstACard(t *testing.T) {
	c := typed(TokenActive, Pay)
	for _, test := range []struct {
		brand string
		a     Authorization
		stops bool
	}{
		{"VISA", Authorization{ResponseCode: "43", AdviceCode: "03"}, false},
		{"VISA", Authorization{ResponseCode: "51"}, false},
		{"MASTERCARD", Authorization{ResponseCode: "05", AdviceCode: "03"}, true},
		{"MASTERCARD", Authorization{ResponseCode: "05", AdviceCode: "21"}, true},
		{"MASTERCARD", Authorization{ResponseCode: "43", AdviceCode: "02"}, false},
	} {
		c.Token.Brand = test.brand
		e := eventOf(Decline)
		e.Answer = &Answer{Failure: DeclinedByIssuer, Authorization: test.a}
		ch, err := Apply(c, e)
		if err != nil {
			t.Fatal(err)
		}
		after := c.After(ch)
		if after.Token.Stopped != test.stops || !slices.Contains(ch.Effects, Effect(CountDecline{CardDay{"f", "2026-03-14"}})) {
			t.Errorf("%+v: stopped %t, %v", test, after.Token.Stopped, ch.Effects)
		}
		var refused *Error
		if err := after.Token.Usable(noon); test.stops && (!errors.As(err, &refused) || refused.Code != "ACCOUNT_ACCESS_BLOCKED") {
			t.Errorf("%+v: %v", test, err)
		}
	}
	c.Token.Brand = "VISA"
	if c.Counts.Declines = MaxDeclines - 1; c.Payable(noon) != nil {
		t.Errorf("refused before the limit: %v", c.Payable(noon))
	}
	if c.Counts.Declines = MaxDeclines; c.Payable(noon) == nil {
		t.Error("a card is tried a sixteenth time in 30 days")
	}
}

func TestACaptureLeavesTheAuthorizationAsItIs(t *testing.T) {
	for _, kind := range []EventKind{Collect, Reject} {
		c := caseIn(Capturing)
		c.Request.Authorization = &Authorization{AuthorizationCode: "A1B2C3"}
		ch, err := Apply(c, eventOf(kind))
		if err != nil || ch.Requests[0].Authorization.AuthorizationCode != "A1B2C3" {
			t.Errorf("%s: %+v, %v", kind, ch.Requests, err)
		}
	}
}

func TestCancelToken(t *testing.T) {
	for status, code := range map[TokenStatus]string{
		TokenActive: "", TokenPending: "INELIGIBLE_TRANSACTION_STATUS",
		TokenFailed: "INACTIVE_PAYMENT_REQUEST", TokenCanceled: "INACTIVE_PAYMENT_REQUEST", TokenExpired: "INACTIVE_PAYMENT_REQUEST",
	} {
		ch, err := CancelToken(Case{Token: Token{ID: "pt-1", Status: status, SealedPAN: []byte{1}}}, noon)
		var refused *Error
		if errors.As(err, &refused); code != "" && refused.Code != code {
			t.Errorf("%s: %v", status, err)
		}
		if code == "" && (err != nil || ch.Tokens[0].Status != TokenCanceled || ch.Tokens[0].SealedPAN == nil) {
			t.Errorf("%s: %+v, %v", status, ch, err)
		}
	}
}

// TestTokenDue: an active card lasts to the end of its last month, and its number stays as long as it is needed.
func TestTokenDue(t *testing.T) {
	end := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	work := Work{WorkToken, "pt-1"}
	for name, test := range map[string]struct {
		status  TokenStatus
		number  []byte
		until   time.Time
		forever bool
		now     time.Time

		after  TokenStatus // empty: as it was
		erased bool
		told   []NoticeKind
		work   Effect
	}{
		"in its last month":      {TokenActive, []byte{1}, time.Time{}, false, noon, "", false, nil, Wake{work, end}},
		"its last month is over": {TokenActive, []byte{1}, time.Time{}, false, end, TokenExpired, false, []NoticeKind{NoticeTokenExpired}, Wake{work, end.Add(numberSettles)}},
		"expired, and needed":    {TokenExpired, []byte{1}, noon.Add(time.Hour), false, noon, "", false, nil, Wake{work, noon.Add(time.Hour)}},
		"cancelled, in use":      {TokenCanceled, []byte{1}, time.Time{}, true, noon, "", false, nil, Wake{work, noon.Add(numberLater)}},
		"being saved":            {TokenPending, []byte{1}, time.Time{}, false, noon, "", false, nil, Wake{work, noon.Add(numberLater)}},
		"cancelled, not needed":  {TokenCanceled, []byte{1}, noon, false, noon, TokenCanceled, true, nil, Rest{work}},
		"one-off, not needed":    {TokenOneOff, []byte{1}, noon, false, noon, TokenOneOff, true, nil, Rest{work}},
		"erased before":          {TokenCanceled, nil, noon, false, noon, "", false, nil, Rest{work}},
	} {
		ch := TokenDue(Case{Token: Token{
			ID: "pt-1", Status: test.status, ExpiryYear: 2026, ExpiryMonth: 3, SealedPAN: test.number, Fingerprint: "f",
		}}, test.until, test.forever, test.now)
		if (len(ch.Tokens) == 1) != (test.after != "") || !slices.Equal(tells(ch), test.told) || ch.Effects[len(ch.Effects)-1] != test.work {
			t.Errorf("%s: %+v", name, ch)
		}
		if len(ch.Tokens) == 1 {
			if got := ch.Tokens[0]; got.Status != test.after || (got.SealedPAN == nil && got.Fingerprint == "") != test.erased {
				t.Errorf("%s: %+v", name, got)
			}
		}
	}
}
