package shop

import (
	"bytes"
	"encoding/json"
	"net/http"
)

type receiptPage struct {
	Title   string
	Order   string
	Number  string
	Date    string
	Status  status
	Items   []item
	Total   int64
	Card    SavedCard
	Problem *problem
	Details []detail
	IDs     []detail
	Raw     string
}

// detail is a line of the payment details; Note says a code in words.
type detail struct{ Name, Value, Note string }

// receipt shows what the webhook said, and nothing that only the browser knows.
func (s *Shop) receipt(w http.ResponseWriter, r *http.Request) {
	o := s.find(r)
	if o == nil {
		s.lost(w)
		return
	}
	s.mu.Lock()
	page := receiptPage{
		Order: o.id, Number: o.number(), Date: o.created.Format("2 January 2006"),
		Status: o.status, Items: goods(), Total: total(goods()), Card: o.card,
	}
	switch o.status {
	case statusFailed:
		page.Problem = explain(o.failureCode)
	case statusExpired:
		page.Problem = expired()
	}
	page.Title = titles()[o.status]
	if o.event != nil {
		page.IDs = ids(o.paid)
		if o.status == statusPaid { // a refusal is not told in detail
			page.Details = details(o.paid, o.card)
		}
		var indented bytes.Buffer
		if json.Indent(&indented, o.event, "", "  ") == nil {
			page.Raw = indented.String()
		}
	}
	s.mu.Unlock()
	s.page(w, http.StatusOK, "receipt.html", page)
}

func titles() map[status]string {
	return map[status]string{
		statusOpen: "Not paid yet", statusWaiting: "Waiting for the confirmation", statusPaid: "Paid",
		statusFailed: "Not paid", statusExpired: "Not paid",
	}
}

// status is what the pages ask while they wait for the webhook.
func (s *Shop) status(w http.ResponseWriter, r *http.Request) {
	o := s.find(r)
	if o == nil {
		s.refuse(w, http.StatusNotFound, "")
		return
	}
	s.mu.Lock()
	answer := struct {
		Status  status   `json:"status"`
		Problem *problem `json:"problem,omitempty"`
	}{Status: o.status}
	switch o.status {
	case statusFailed:
		answer.Problem = explain(o.failureCode)
	case statusExpired:
		answer.Problem = expired()
	}
	s.mu.Unlock()
	s.answer(w, http.StatusOK, answer)
}

func details(p payment, card SavedCard) []detail {
	bank, threeDS := p.Details.Authorization, p.Details.Authentication
	return filled([]detail{
		{"Authorisation code", bank.Code, ""},
		{"Network", brandName(card.Brand), ""},
		{"Network response", bank.Response, bank.ResponseText},
		{"CVN result", bank.CVNResult, map[string]string{
			"M": "matches", "N": "does not match", "P": "not checked", "S": "not on the card", "U": "not supported by the bank"}[bank.CVNResult]},
		{"Retrieval reference (RRN)", bank.RRN, ""},
		{"Network transaction", bank.TransactionID, ""},
		{"Acquirer’s merchant", bank.Merchant, ""},
		{"Reconciliation", bank.Reconciliation, ""},
		{"3-D Secure", map[string]string{
			"CHALLENGE": "Confirmed at the bank", "FRICTIONLESS": "Confirmed without a question", "FULL_AUTH": "Confirmed"}[threeDS.Flow], threeDS.ARes.Version},
		{"ECI", threeDS.ARes.ECI, map[string]string{
			"05": "authenticated", "02": "authenticated", "06": "attempted", "01": "attempted", "07": "not authenticated", "00": "not authenticated"}[threeDS.ARes.ECI]},
		{"Directory server transaction", threeDS.ARes.DSTrans, ""},
	})
}

func ids(p payment) []detail {
	lines := []detail{
		{"Payment", p.PaymentID, ""},
		{"Payment request", p.Request, ""},
		{"Session", p.Session, ""},
		{"Reference", p.Reference, ""},
	}
	for _, c := range p.Captures {
		lines = append(lines, detail{"Capture", c.ID, ""})
	}
	return filled(lines)
}

// filled leaves out what the webhook did not say.
func filled(lines []detail) []detail {
	var kept []detail
	for _, l := range lines {
		if l.Value != "" {
			kept = append(kept, l)
		}
	}
	return kept
}

func brandName(brand string) string {
	switch brand {
	case "VISA":
		return "Visa"
	case "MASTERCARD":
		return "Mastercard"
	case "AMEX":
		return "American Express"
	default:
		return brand
	}
}
