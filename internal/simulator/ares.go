package simulator

import (
	"time"
)

// authenticate decides about an AReq that the directory server has found good, and answers with
// the ARes (EMV 3DS 2.2 and 2.3.1, table B.2).
func (a *acs) authenticate(o object) (object, error) {
	pan := o.text("acctNumber")
	r, _ := rangeOf(pan)
	scheme := schemes[r.scheme]
	t := &transaction{
		version:       o.text("messageVersion"),
		category:      o.text("messageCategory"),
		serverTransID: o.text("threeDSServerTransID"),
		dsTransID:     a.stage.random.uuid(),
		acsTransID:    a.stage.random.uuid(),
		resultURL:     o.text("threeDSServerURL"),
		notification:  o.text("notificationURL"),
		merchant:      orElse(o, "merchantName", o.text("threeDSRequestorName")),
		scheme:        r.scheme,
		card:          mask(pan),
		proof: proof{
			account: a.issuer.account(pan), amount: o.text("purchaseAmount"), currency: o.text("purchaseCurrency"),
		},
		about:    aboutAReq(o),
		begun:    a.stage.now(),
		finished: make(chan struct{}),
		told:     make(chan struct{}),
	}
	t.proof.dsTransID = t.dsTransID
	if withoutPayment(o) {
		t.proof.amount = "0"
	}
	if err := a.admit(t, o, enrolmentOf(pan).method == ""); err != nil {
		return nil, err
	}
	course := courseOf(pan, t.proof.amount, t.proof.currency, mandated(o))
	t.page = course.page

	answer := object{
		"messageType": "ARes", "messageVersion": t.version, "transStatus": course.status,
		"threeDSServerTransID": t.serverTransID, "dsTransID": t.dsTransID, "acsTransID": t.acsTransID,
		"dsReferenceNumber": dsReference, "acsReferenceNumber": acsReference, "acsOperatorID": acsOperator,
	}
	switch course.status {
	case "C":
		answer["acsURL"], answer["acsChallengeMandated"] = a.origin+"/challenge", "Y"
		t.proves(answer, "02")
		a.mu.Lock()
		a.transactions[t.acsTransID] = t
		a.mu.Unlock()
		a.stage.spawn(func() { a.watch(t) })
	case "Y", "A", "I":
		t.grant(answer, scheme.eciFor(course.status, t.withoutPayment()), a.prove(t, course.status, false))
	case bareY:
		answer["transStatus"] = "Y"
		t.grant(answer, scheme.eciFor("Y", t.withoutPayment()), "")
	case "D":
		answer["acsDecConInd"], answer["acsChallengeMandated"] = "Y", "Y"
		t.proves(answer, "04")
		t.tells(answer, "Confirm the payment in the app of Harbour Bank.")
	case "N":
		answer["transStatusReason"] = "01"
		if _, _, ok := drawn(pan); ok {
			t.tells(answer, "Harbour Bank does not accept this payment. Please call the number on your card.")
		}
		t.refuse(answer)
	case "R":
		answer["transStatusReason"] = "11" // suspected fraud
	case "U":
		answer["transStatusReason"] = "13" // not enrolled
	}
	return answer, nil
}

// withoutPayment tells that a card is to be added.
func (t *transaction) withoutPayment() bool { return t.category == "02" }

// proves says how the payer is to prove himself: 02 by a one-time code, 04 elsewhere. What was authenticationType is
// authenticationMethod since 2.3.1, and a list.
func (t *transaction) proves(o object, how string) {
	if t.version == newest {
		if how == "04" {
			how = "11" // push confirmation
		}
		o["authenticationMethod"] = []string{how}
		return
	}
	o["authenticationType"] = how
}

// tells has words for the payer, which the gateway must show (cardholderInfo; since 2.3.1 in an object).
func (t *transaction) tells(o object, words string) {
	if t.version == newest {
		o["cardholderInfo"] = object{"text": words}
		return
	}
	o["cardholderInfo"] = words
}

// prove gives out the authentication value of a payer who is authenticated, attempted or looked at; "" where the
// scheme has none for a card that is added.
func (a *acs) prove(t *transaction, status string, challenged bool) string {
	scheme := schemes[t.scheme]
	if t.withoutPayment() && scheme.bareAdded {
		return ""
	}
	p := t.proof
	p.challenged = challenged
	p.eci = scheme.eciFor(status, t.withoutPayment())
	return a.issuer.prove(t.scheme, p)
}

// grant writes into an ARes or RReq what shows that the payer is authenticated.
func (t *transaction) grant(o object, eci, value string) {
	o["eci"] = eci
	if value != "" {
		o["authenticationValue"] = value
	}
}

// refuse writes into an ARes or RReq what the scheme has for a card that is not added.
func (t *transaction) refuse(o object) {
	if eci := schemes[t.scheme].eciRefused; eci != "" && t.withoutPayment() {
		o["eci"] = eci
	}
}

// admit refuses a threeDSServerTransID that was used before, and forgets old business.
func (a *acs) admit(t *transaction, o object, noMethod bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.stage.now()
	for id, old := range a.transactions {
		if old.over() && now.Sub(old.begun) > forget {
			delete(a.transactions, id)
		}
	}
	forgetBefore(a.seen, now, func(at time.Time) time.Time { return at })
	forgetBefore(a.methods, now, func(v visit) time.Time { return v.at })
	if _, used := a.seen[t.serverTransID]; used {
		return &erro{"305", "transaction data not valid", "threeDSServerTransID"}
	}
	a.seen[t.serverTransID] = now

	ran, done := a.methods[t.serverTransID]
	compInd := o.text("threeDSCompInd")
	switch {
	case noMethod != (compInd == "U"):
		a.stage.complain("directory", "AReq: threeDSCompInd U goes with a card range without threeDSMethodURL, and only there")
	case compInd == "Y" && !done:
		a.stage.complain("directory", "AReq: threeDSCompInd Y, but the 3DS Method did not run")
	case ran.userAgent != "" && ran.userAgent != o.text("browserUserAgent"):
		a.stage.complain("directory", "AReq: browserUserAgent is not that of the browser that ran the 3DS Method")
	case ran.timeZone != "" && ran.timeZone != o.text("browserTZ"):
		a.stage.complain("directory", "AReq: browserTZ is not that of the browser that ran the 3DS Method")
	}
	return nil
}

func forgetBefore[T any](book map[string]T, now time.Time, at func(T) time.Time) {
	for id, entry := range book {
		if now.Sub(at(entry)) > forget {
			delete(book, id)
		}
	}
}
