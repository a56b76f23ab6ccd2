package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// resultWaits are the pauses before the tries to bring a result to the gateway: half a minute in
// all, because a gateway that is being restarted is back by then.
var resultWaits = []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second}

// resultTimeout bounds one try.
const resultTimeout = 5 * time.Second

var errGatewayDown = errors.New("gateway not reached")

// report sends the result of a challenge, before the browser gets its CRes, unless a fault has it otherwise.
func (a *acs) report(t *transaction, v verdict) {
	t.mu.Lock()
	mute := t.mute
	t.mu.Unlock()
	fault, copies := a.stage.knobs.next(onResult, t.about), 0
	switch {
	case mute, a.stage.knobs.now().SkipRReq, fault.Behaviour == behaviourLost:
		a.stage.passed3DS("directory", "world", t.result(v), behaviourLost)
		close(t.told)
		return
	case fault.Behaviour == behaviourLate:
		close(t.told)
		if a.stage.pause(fault.delay()) {
			a.tell(t, v, 1)
		}
		return
	case fault.Behaviour == behaviourTwice:
		copies = 2
	default:
		copies = a.stage.hostility.result(a.stage.knobs.now().Calm)
	}
	a.tell(t, v, copies)
	close(t.told)
}

// reportFirst has a challenge end before its ARes is out, as if the payer had proven himself in another way. The
// gateway cannot use that result yet; so it is sent again.
func (a *acs) reportFirst(t *transaction) {
	t.mu.Lock()
	v := verdict{status: "Y", value: a.prove(t, "Y", true), count: 1}
	t.end = &v
	close(t.finished)
	t.mu.Unlock()
	if body, err := json.Marshal(t.result(v)); err == nil {
		_ = a.post(t, v, body)
	}
	if !a.stage.spawn(func() { a.report(t, v) }) {
		close(t.told)
	}
}

// tell sends the RReq from the DS to the gateway (EMV 3DS 2.2 table B.8). A gateway that cannot be reached, or says
// that it has a transient failure, is tried again; one that answers wrongly is not.
func (a *acs) tell(t *transaction, v verdict, copies int) {
	body, err := json.Marshal(t.result(v))
	if err != nil {
		a.stage.log.Error("result not marshalled", "err", err)
		return
	}
	for _, wait := range resultWaits {
		if wait > 0 && !a.stage.pause(wait) {
			return
		}
		err := a.post(t, v, body)
		for range copies - 1 {
			if err == nil { // the same again: it must be answered the same
				err = a.post(t, v, body)
			}
		}
		if !errors.Is(err, errGatewayDown) {
			if err != nil {
				a.stage.complain("directory", "RRes: "+err.Error())
			}
			return
		}
	}
	a.stage.complain("directory", "RReq: the gateway could not be reached")
}

// result is the RReq of a challenge that is over.
func (t *transaction) result(v verdict) object {
	o := object{
		"messageType": "RReq", "messageVersion": t.version, "messageCategory": t.category,
		"threeDSServerTransID": t.serverTransID, "dsTransID": t.dsTransID, "acsTransID": t.acsTransID,
		"transStatus": v.status, "interactionCounter": padDigits(int64(v.count), 2),
	}
	t.proves(o, "02")
	if t.version != newest {
		o["authenticationMethod"] = "02" // beside authenticationType, whose name it takes later
	}
	if v.status == "Y" || v.status == "A" {
		t.grant(o, schemes[t.scheme].eciFor(v.status, t.withoutPayment()), v.value)
	} else {
		o["transStatusReason"] = v.reason
		t.refuse(o)
	}
	if v.cancel != "" {
		o["challengeCancel"] = v.cancel
	}
	return o
}

var rresRules = []rule{
	{"messageType", always, oneOf("RRes")},
	{"messageVersion", always, text(5, 8)},
	{"threeDSServerTransID", always, shaped(uuidShape)},
	{"dsTransID", always, shaped(uuidShape)},
	{"acsTransID", always, shaped(uuidShape)},
	{"resultsStatus", always, oneOf("01", "02")},
	{"messageExtension", nil, extensions},
}

// post brings the RReq once and checks the RRes.
func (a *acs) post(t *transaction, v verdict, body []byte) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	inTime := a.stage.limit(resultTimeout, cancel)
	defer inTime()

	client := &http.Client{
		Transport: &http.Transport{
			DialContext:       a.stage.dial,
			TLSClientConfig:   a.papers.resultTLS(a.stage),
			DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.resultURL, bytes.NewReader(body))
	if err != nil {
		return errors.New("threeDSServerURL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	a.stage.passed3DS("directory", "world", t.result(v), "")
	res, err := client.Do(req)
	if err != nil {
		a.stage.log.Info("gateway not reached with a result", "err", err)
		return errGatewayDown
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil || res.StatusCode >= 500 {
		return errGatewayDown
	}
	if res.StatusCode != http.StatusOK {
		return errors.New("status is not 200")
	}
	o, err := parseObject(text)
	if err != nil {
		return err
	}
	a.stage.passed3DS("directory", "gateway", o, "")
	if o.text("messageType") == "Erro" && o.text("errorCode") == "403" {
		return errGatewayDown // transient system failure (EMV 3DS 2.2 table A.4): it could not keep the result just now
	}
	return checkRRes(t, v, o)
}

func checkRRes(t *transaction, v verdict, o object) error {
	if o.text("messageType") == "Erro" {
		return errors.New("an Erro came instead")
	}
	if fault := judge(o, rresRules); fault != nil {
		return fault
	}
	for name, want := range map[string]string{
		"messageVersion": t.version, "threeDSServerTransID": t.serverTransID,
		"dsTransID": t.dsTransID, "acsTransID": t.acsTransID,
	} {
		if o.text(name) != want {
			return errors.New(name + " is not that of the RReq")
		}
	}
	if o.text("resultsStatus") == "02" && v.cancel != "05" {
		return errors.New("resultsStatus 02 says that no CReq was sent, but one was")
	}
	return nil
}
