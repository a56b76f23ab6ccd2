package shop

import "net/http"

// The payer comes back from the bank by one of two addresses. Neither proves anything: they only say
// where to look.

func (s *Shop) returned(w http.ResponseWriter, r *http.Request) {
	if s.find(r) == nil {
		s.lost(w)
		return
	}
	http.Redirect(w, r, "/orders/"+r.PathValue("order"), http.StatusSeeOther)
}

func (s *Shop) returnedFailed(w http.ResponseWriter, r *http.Request) {
	o := s.find(r)
	if o == nil {
		s.lost(w)
		return
	}
	s.mu.Lock()
	paid := o.status == statusPaid
	o.failedHere = true
	s.mu.Unlock()
	if paid {
		http.Redirect(w, r, "/orders/"+o.id, http.StatusSeeOther)
		return
	}
	s.keepBasket(w, o.id) // the bank's app may have opened another browser
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (s *Shop) find(r *http.Request) *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders.byID[r.PathValue("order")]
}

func (s *Shop) lost(w http.ResponseWriter) {
	s.page(w, http.StatusNotFound, "lost.html", nil)
}
