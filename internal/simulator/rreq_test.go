package simulator

import (
	"testing"
	"time"
)

func TestResultWaitsForAGatewayThatRestarts(t *testing.T) {
	clock := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = clock.Now, clock.Timer })
	address := freeAddress(t)
	p := w.challenged(t, "https://"+address+"/rreq", nil)
	p.open("")
	page := make(chan string, 1)
	go func() { page <- p.answer("confirm", "123456") }()
	eventually(t, "a first pause", func() bool { return clock.pending(time.Second) == 1 })
	select {
	case <-page:
		t.Fatal("the browser went home before the gateway had the result")
	default:
	}
	gateway := listenForResults(t, w, address)
	clock.Advance(time.Second)
	_, cres, _ := atHome(t, <-page)
	if results := gateway.results(); len(results) != 1 || results[0].text("transStatus") != "Y" || cres.text("transStatus") != "Y" {
		t.Errorf("results %v, CRes %v", results, cres)
	}
	wantComplaints(t, w)
}

// TestResultIsBroughtAgain: a gateway that cannot keep a result just now gets it again.
func TestResultIsBroughtAgain(t *testing.T) {
	clock := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = clock.Now, clock.Timer })
	gateway := listenForResults(t, w, "")
	gateway.answer = func(rres object) object {
		if len(gateway.got) == 1 {
			return object{"messageType": "Erro", "messageVersion": rres["messageVersion"], "errorCode": "403"}
		}
		return rres
	}
	p := w.challenged(t, gateway.url, nil)
	p.open("")
	page := make(chan string, 1)
	go func() { page <- p.answer("confirm", "123456") }()
	eventually(t, "a first pause", func() bool { return clock.pending(time.Second) == 1 })
	clock.Advance(time.Second)
	_, cres, _ := atHome(t, <-page)
	if results := gateway.results(); len(results) != 2 || cres.text("transStatus") != "Y" {
		t.Errorf("results %v, CRes %v", results, cres)
	}
	wantComplaints(t, w)
}

func TestResultIsGivenUp(t *testing.T) {
	clock := newClock()
	w := startWorld(t, func(o *Options) { o.Now, o.Timer = clock.Now, clock.Timer })
	p := w.challenged(t, "https://"+freeAddress(t)+"/rreq", nil)
	p.open("")
	page := make(chan string, 1)
	go func() { page <- p.answer("confirm", "123456") }()
	begun, home := clock.Now(), ""
	eventually(t, "the payer is sent home", func() bool {
		clock.Advance(time.Second) // one by one: a pause begins when the try before it has failed
		select {
		case home = <-page:
			return true
		default:
			return false
		}
	})
	if _, cres, _ := atHome(t, home); cres.text("transStatus") != "Y" {
		t.Errorf("CRes %v", cres)
	}
	var pauses time.Duration
	for _, wait := range resultWaits {
		pauses += wait
	}
	if took := clock.Now().Sub(begun); took < pauses {
		t.Errorf("given up after %v, and the pauses are %v", took, pauses)
	}
	wantComplaints(t, w, "directory: RReq: the gateway could not be reached")
}
