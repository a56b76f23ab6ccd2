package shop

import (
	"encoding/json"
	"net/http"
	"slices"
)

// checkout answers the pay button: it names the session that the page then hands the CVN to. The
// CVN itself never comes here. It answers the field for the CVN too, ahead of the button: then the page
// prepares the session while the payer types, and nothing else has begun.
//
// A session stays ACTIVE when an attempt fails, so a second try uses the same one. That is also what
// makes two clicks or two tabs one payment: the gateway completes a session once.
func (s *Shop) checkout(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Order string `json:"order"`
		Card  string `json:"card"` // the saved card's token
		Ahead bool   `json:"ahead"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&asked); err != nil {
		s.refuse(w, http.StatusBadRequest, "Please reload the page and try again.")
		return
	}
	chosen := slices.IndexFunc(s.options.Cards, func(c SavedCard) bool { return c.TokenID == asked.Card })
	if chosen < 0 {
		s.refuse(w, http.StatusUnprocessableEntity, "This card is no longer saved. Please choose another.")
		return
	}
	card := s.options.Cards[chosen]

	s.mu.Lock()
	o := s.orders.byID[asked.Order]
	if o == nil {
		s.mu.Unlock()
		s.refuse(w, http.StatusNotFound, "Your basket has been idle for too long. Please reload the page.")
		return
	}
	s.mu.Unlock()

	o.opening.Lock() // two tabs of one basket open one session
	defer o.opening.Unlock()
	s.mu.Lock()
	paid, begun, last, reference, sameCard := o.status == statusPaid, o.status != statusOpen, o.session, o.reference, o.card.TokenID == card.TokenID
	s.mu.Unlock()

	if paid {
		s.answer(w, http.StatusOK, checkoutAnswer{Receipt: "/orders/" + asked.Order})
		return
	}
	var use session
	if last != "" {
		read, err := s.readSession(r.Context(), last)
		switch {
		case err != nil:
			s.unreachable(w, err)
			return
		case read.Status == "COMPLETED":
			// Paid, and the webhook is still on its way.
			s.answer(w, http.StatusOK, checkoutAnswer{Receipt: "/orders/" + asked.Order})
			return
		case read.Status == "ACTIVE" && sameCard:
			use = read
		case read.Status == "ACTIVE" && asked.Ahead && begun:
			// Another card is still being paid with, maybe; only a click gives that up.
			s.answer(w, http.StatusOK, checkoutAnswer{Receipt: "/orders/" + asked.Order})
			return
		case read.Status == "ACTIVE":
			// One order, one open session: the one for the other card must not be payable as well.
			if err := s.cancelSession(r.Context(), last); err != nil {
				s.unreachable(w, err)
				return
			}
		}
	}
	if use.ID == "" {
		reference = s.options.NewID()
		made, err := s.openSession(r.Context(), asked.Order, reference, card, total(goods()))
		if err != nil {
			s.unreachable(w, err)
			return
		}
		use = made
	}

	s.mu.Lock()
	if o.status != statusPaid { // a webhook may have been faster
		o.card, o.session, o.reference = card, use.ID, reference
		if !asked.Ahead {
			o.begin()
		}
	}
	s.orders.index(o)
	s.mu.Unlock()
	s.answer(w, http.StatusOK, checkoutAnswer{Session: use.ID, Receipt: "/orders/" + asked.Order})
}

// checkoutAnswer names the session to pay in; without one there is nothing to pay, or to prepare.
type checkoutAnswer struct {
	Session string `json:"payment_session_id,omitempty"`
	Receipt string `json:"receipt,omitempty"`
	Message string `json:"message,omitempty"`
}

// attempt stores the payment_request_id that the page was given, which ties webhooks to attempts.
func (s *Shop) attempt(w http.ResponseWriter, r *http.Request) {
	var told struct {
		Request string `json:"payment_request_id"`
	}
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&told)
	if err != nil || told.Request == "" || len(told.Request) > 64 {
		s.refuse(w, http.StatusBadRequest, "")
		return
	}
	s.mu.Lock()
	o := s.orders.byID[r.PathValue("order")]
	if o != nil && o.status != statusPaid {
		o.attempted(told.Request)
	}
	s.mu.Unlock()
	if o == nil {
		s.refuse(w, http.StatusNotFound, "")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (s *Shop) unreachable(w http.ResponseWriter, err error) {
	s.options.Log.Error("gateway refused", "error", err)
	s.refuse(w, http.StatusBadGateway, "The payment could not be started. You have not been charged; please try again in a moment.")
}

func (s *Shop) refuse(w http.ResponseWriter, status int, message string) {
	s.answer(w, status, checkoutAnswer{Message: message})
}

func (s *Shop) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
