package shop

import (
	"net/http"
	"strconv"
	"strings"
)

// item is a line of the basket. Prices are whole rupiah.
type item struct {
	Name     string
	Note     string
	Picture  string // which drawing of basket.html
	Quantity int
	Price    int64
}

// goods is what lies in every basket: 100,000 IDR.
func goods() []item {
	return []item{
		{Name: "Aceh Gayo, whole bean", Note: "250 g, light roast", Picture: "beans", Quantity: 1, Price: 58_000},
		{Name: "Paper filters", Note: "Pack of 40, size 02", Picture: "filter", Quantity: 1, Price: 17_000},
		{Name: "Arenga palm sugar", Note: "200 g, from Cianjur", Picture: "sugar", Quantity: 1, Price: 25_000},
	}
}

func total(items []item) int64 {
	var sum int64
	for _, i := range items {
		sum += i.Price * int64(i.Quantity)
	}
	return sum
}

// idr prints an amount: 100000 is IDR 100,000.
func idr(amount int64) string {
	digits := strconv.FormatInt(amount, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return "IDR\u00a0" + digits
}

// basketCookie holds the id of the order in the basket. Whoever comes back from the bank, by whatever
// button, finds the same order, and so cannot pay for it twice.
const basketCookie = "basket"

type basketPage struct {
	Items     []item
	Total     int64
	Cards     []SavedCard
	Card      SavedCard
	PublicKey string
	SDK       string
	Sandbox   bool
	Order     string
	Problem   *problem // what went wrong with the last attempt
	Pending   bool     // the failure's reason is not known yet
	Unsettled bool     // a payment was started and not finished
	Paid      string   // the order this browser paid last
	PaidNo    string
	ByHand    string // the return URL by which a payment of somebody else's came here
}

func (s *Shop) basket(w http.ResponseWriter, r *http.Request) {
	page := basketPage{
		Items: goods(), Total: total(goods()),
		Cards: s.options.Cards, Card: s.options.Cards[0],
		PublicKey: s.options.PublicKey, SDK: s.options.APIBase + "/cards-session.min.js",
		Sandbox: strings.HasPrefix(s.options.PublicKey, "xnd_public_development_"),
	}

	page.ByHand = byHand(r)

	s.mu.Lock()
	var o *order
	if cookie, err := r.Cookie(basketCookie); err == nil {
		o = s.orders.byID[cookie.Value]
	}
	if o != nil && o.status == statusPaid {
		page.Paid, page.PaidNo = o.id, o.number()
		o = nil // what is paid is no longer in the basket
	}
	if o == nil {
		o = &order{id: s.options.NewID(), created: s.options.Now(), card: page.Card, status: statusOpen}
		s.orders.add(o)
	}
	page.Order, page.Card = o.id, o.card
	switch {
	case o.status == statusFailed:
		page.Problem = explain(o.failureCode)
	case o.status == statusExpired:
		page.Problem = expired()
	case o.status == statusWaiting && o.failedHere:
		page.Problem, page.Pending = explain(""), true
	case o.status == statusWaiting:
		page.Unsettled = true
	}
	s.mu.Unlock()

	s.keepBasket(w, page.Order)
	s.page(w, http.StatusOK, "basket.html", page)
}

// byHand names the return URL by which a payment came here that is none of this shop's: the README's example
// of a payment made by hand borrows the shop's address.
func byHand(r *http.Request) string {
	switch asked := r.URL.Query(); {
	case asked.Has("paid"):
		return "success_return_url"
	case asked.Has("failed"):
		return "failure_return_url"
	}
	return ""
}

func (s *Shop) keepBasket(w http.ResponseWriter, id string) {
	// Lax: the cookie must come along when the bank sends the payer back.
	http.SetCookie(w, &http.Cookie{Name: basketCookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}
