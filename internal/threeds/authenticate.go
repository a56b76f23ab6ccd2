package threeds

import (
	"context"
	"unicode/utf8"

	"reprise/internal/payment"
)

// LowerError says that the AReq was refused for its version, although the card ranges say that all speak it, and in
// which lower one it may be asked again, as a transaction of its own.
type LowerError struct {
	Version, MethodURL string
	Err                error // the *Erro of who refused
}

func (e *LowerError) Error() string { return e.Err.Error() }

// Unwrap is the refusal.
func (e *LowerError) Unwrap() error { return e.Err }

// proof is the authenticationValue, or "" where it has not the 28 characters that an acquirer can be told: from 2.3.1 on
// a payment system may have others, and none that we know does. That is logged, but for the value, since
// the bank will say that it gave one.
func (s *Server) proof(directory string, m Message) string {
	value := m.text("authenticationValue")
	switch {
	case value == "":
		return ""
	case len(value) == 28 && Proof.admits(value):
		return value
	}
	s.o.Log.Warn("authentication value of a form that no acquirer can be told", "directory", directory, "message", m.Type,
		"version", m.Version, "characters", utf8.RuneCountInString(value), "ds_transaction", m.id("dsTransID"))
	return ""
}

// Authenticate sends the AReq and returns the authentication with what the ARes says. TransStatus "C" asks
// for a challenge; any other is the result. An error means that no usable ARes came: it wraps an *Erro
// where the directory server refused or broke the rules, a *LowerError where it may be asked in another version,
// payment.ErrUnanswered where the directory server, or the bank behind it, was not there to be asked, and then ErrTimeout
// where it did not answer within ten seconds.
func (s *Server) Authenticate(ctx context.Context, q AuthenticationRequest) (payment.Authentication, error) {
	a := q.Authentication
	d, r, err := s.locate(q.PAN)
	if err != nil {
		return a, err
	}
	request, err := d.areq(q)
	if err != nil {
		return a, err
	}
	answer, err := s.exchange(ctx, d, request, expected{types: []string{"ARes"}}, requestTimeout)
	if unspoken(err) {
		if version, methodURL, ok := s.speak(d, r, a.Version); ok {
			return a, &LowerError{Version: version, MethodURL: methodURL, Err: err}
		}
	}
	if err != nil {
		return a, err
	}
	a.Directory = d.Name
	a.DSTransID = answer.text("dsTransID")
	a.ACSTransID = answer.text("acsTransID")
	a.TransStatus = answer.text("transStatus")
	a.Reason = answer.text("transStatusReason")
	a.Cardholder = answer.cardholderInfo()
	if a.TransStatus == "C" {
		a.ACSURL = answer.text("acsURL")
		if !s.browserURL(a.ACSURL) {
			return q.Authentication, s.object(ctx, d, request, refuse(invalidFormat, "acsURL", answer))
		}
		return a, nil
	}
	a.ECI = answer.text("eci")
	a.Value = s.proof(d.Name, answer)
	return a, nil
}
