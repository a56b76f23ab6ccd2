package checkout

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"reprise/internal/payment"
)

// FuzzTexts: what merchants write, and what browsers say of themselves, is text on the pages of the payer and never
// a part of them.
func FuzzTexts(f *testing.F) {
	f.Add("Shoes & <Co>", "House <blend>", "https://shop.example/no?a=b&c=d", "id-ID,id;q=0.9")
	f.Add("</title><script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "javascript:alert(1)", "<script>")
	f.Add("{{.Nonce}}", "{Amount}\u2028 ", "data:text/html,<script>", strings.Repeat("en,", 1000))
	f.Add("'-alert(1)-'", "\x00\xff", "https://shop.example/\" onclick=\"", "*;q=x")
	paths := []string{"/pay/" + page, "/pay/" + page + "/cvn", linkPath, linkPath + "?failed", "/pay/nowhere", "/link/nowhere"}
	f.Fuzz(func(t *testing.T, name, description, address, language string) {
		shown := func(name, description, address, language string) (pages []string) {
			items, err := json.Marshal(map[string]any{
				"description": description, "items": []any{map[string]any{"name": description, "quantity": 2, "net_unit_amount": 4500}},
			})
			if err != nil {
				t.Fatal(err)
			}
			c := caseIn(payment.Submitted)
			c.Merchant.Name, c.Request.Locale = name, ""
			c.Session.Link, c.Session.Mode, c.Session.Echo = link, payment.ModePaymentLink, items
			c.Session.ReferenceID, c.Session.CancelReturnURL = name, address
			d := newDoor(t, c)
			for _, path := range paths {
				r := d.request(http.MethodGet, path, "", "")
				r.Header["Accept-Language"], r.Header["Accept"] = []string{language}, []string{address}
				w := d.answer(r)
				if w.Code != http.StatusOK && (w.Code != http.StatusNotFound || !strings.HasSuffix(path, "nowhere")) {
					t.Fatalf("%s: %d", path, w.Code)
				}
				for directive, sources := range policy(t, w) {
					if directive == "script-src" && (!strings.HasPrefix(sources, "'nonce-") || strings.Contains(sources, " ")) ||
						directive == "default-src" && sources != "'none'" {
						t.Errorf("%s: %s %s", path, directive, sources)
					}
				}
				pages = append(pages, w.Body.String())
			}
			return pages
		}
		if name == "" || description == "" || address == "" {
			return // less is shown then
		}
		harmless := shown("Shop", "Beans", "https://shop.example/back", "en")
		for i, got := range shown(name, description, address, language) {
			for _, mark := range []string{"<", "<script", "nonce=", " onerror=\"", " onclick=\""} {
				if a, b := strings.Count(got, mark), strings.Count(harmless[i], mark); a != b {
					t.Errorf("%s has %s %d times, and %d times with harmless texts", paths[i], mark, a, b)
				}
			}
			if strings.Contains(got, `href="javascript:`) || strings.Contains(got, `href="data:`) {
				t.Errorf("%s leads into a script", paths[i])
			}
		}
	})
}

// FuzzReturns: whatever a browser brings home from the bank, the page says one of two things, repeats nothing of it,
// and nothing has changed.
func FuzzReturns(f *testing.F) {
	for _, body := range []string{
		"cres=eyJtZXNzYWdlVHlwZSI6IkNSZXMifQ&threeDSSessionData=%00", "cres=", "erro=x", "threeDSMethodData=e30", "%zz&cres=%", "cres=a;cres=b",
		strings.Repeat("a=b&", 20000),
	} {
		f.Add("challenge", "application/x-www-form-urlencoded", body, "en")
		f.Add("method", "application/x-www-form-urlencoded; charset=x", body, "id")
	}
	f.Add("challenge", `multipart/form-data; boundary=x`, "--x\r\nContent-Disposition: form-data; name=\"cres\"\r\n\r\n\r\n--x--", "*")
	f.Fuzz(func(t *testing.T, from, contentType, body, language string) {
		d := newDoor(t, caseIn(payment.Challenging))
		before := text(t, d.c)
		said := func(body, contentType, language string) string {
			path, ancestors := "/3ds/challenge", "'self'"
			if from == "method" {
				path, ancestors = "/3ds/method", "*"
			}
			r := d.request(http.MethodPost, path+"?"+url.Values{"cres": {body}}.Encode(), "", body)
			r.Header["Content-Type"], r.Header["Accept-Language"] = []string{contentType}, []string{language}
			w := d.answer(r)
			if w.Code != http.StatusOK || policy(t, w)["frame-ancestors"] != ancestors {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			return nonces.ReplaceAllString(w.Body.String(), "")
		}
		const form = "application/x-www-form-urlencoded"
		if got := said(body, contentType, language); got != said("cres=x", form, language) && got != said("", form, language) {
			t.Errorf("the page says what nobody told it to: %s", got)
		}
		if text(t, d.c) != before {
			t.Error("who comes home changes something")
		}
	})
}

// text is all of a value.
func text(t *testing.T, value any) string {
	written, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(written)
}
