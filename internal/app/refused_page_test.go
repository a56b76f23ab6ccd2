package app

// proved is the page of an attempt that the bank has authenticated, for a card of its own.
func (w *town) proved() (p *visitor, token string) {
	w.t.Helper()
	token = w.ownCard()
	p = w.visitor(w.submitted(w.newSession(token), "123"))
	if s := p.must(p.arrive()); s["do"] != "confirm" {
		w.t.Fatalf("the page is told %v", s)
	}
	return p, token
}

func refusedPages() map[string][]refusedRow {
	const unknown = "/pay/00000000000000000000000000000000/"
	gone := refusal{404, "NOT_FOUND", "This payment page does not exist", ""}
	short := func(act string) refusedRow {
		return refusedRow{"no name of a page", func(*town) asked { return asked{path: "/pay/x/" + act, body: map[string]any{}} },
			refusal{400, "API_VALIDATION_ERROR", "request/path/page must NOT have fewer than 32 characters", "/path/page"}}
	}
	nowhere := func(act string, body any) refusedRow {
		return refusedRow{"unknown page", func(*town) asked { return asked{path: unknown + act, body: body} }, gone}
	}
	// What may have changed between the authentication and the payer's last click.
	late := func(act string, body func(p *visitor) any) []refusedRow {
		after := func(change func(w *town, token string)) func(*town) asked {
			return func(w *town) asked {
				p, token := w.proved()
				change(w, token)
				return asked{path: "/pay/" + p.page + "/" + act, body: body(p)}
			}
		}
		return []refusedRow{
			{"a card that was cancelled", after((*town).cancelCard), refusal{400, "INVALID_TOKEN", noToken, ""}},
			{"many wrong CVNs", after((*town).guess), refusal{422, "PAYMENT_ATTEMPT_COUNTS_EXCEEDED", tooMany, ""}},
		}
	}
	browser := looking("U")
	share := func(p *visitor) any { return map[string]any{"share": p.share} }
	cvn := func(*visitor) any { return map[string]any{"cvn": "123"} }
	return map[string][]refusedRow{
		"GET /pay/{page}/step": {
			short("step"), nowhere("step", nil),
			{"another window", at(unknown + "step?window=06"),
				refusal{400, "API_VALIDATION_ERROR", "request/query/window must be equal to one of the allowed values", "/query/window"}},
		},
		"POST /pay/{page}/open":         {short("open"), nowhere("open", browser)},
		"POST /pay/{page}/authenticate": {short("authenticate"), nowhere("authenticate", browser)},
		"POST /pay/{page}/restart":      {short("restart"), nowhere("restart", map[string]any{"round": 0})},
		"POST /pay/{page}/cancel":       {short("cancel"), nowhere("cancel", map[string]any{})},
		"POST /pay/{page}/pay":          append(late("pay", share), short("pay"), nowhere("pay", map[string]any{"share": "x"})),
		"POST /pay/{page}/cvn": append(late("cvn", cvn), short("cvn"), nowhere("cvn", map[string]any{"cvn": "123"}),
			refusedRow{"a digit too many", func(w *town) asked {
				p, _ := w.proved()
				return asked{path: "/pay/" + p.page + "/cvn", body: map[string]any{"cvn": "1234"}}
			}, refusal{400, "API_VALIDATION_ERROR", "request/body/cvn must be 3 digits", "/body/cvn"}}),
	}
}
