package simulator

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"sync"
)

const (
	dsReference  = "NOBODY_REAL_DS_020200_00001"
	acsReference = "NOBODY_REAL_ACS_020200_00001"
	acsOperator  = "harbour-bank-acs"
)

// directory is the scheme's directory server: it knows which cards take part (PReq) and routes
// authentications to the ACS (AReq). Results go the other way, see tell.
type directory struct {
	stage *stage
	acs   *acs

	mu       sync.Mutex
	editions map[string][]enrolled // card ranges by the serial number that they were told under
}

func newDirectory(s *stage, a *acs) *directory {
	return &directory{stage: s, acs: a, editions: map[string][]enrolled{}}
}

// ServeHTTP answers every message with status 200; what is wrong with it is said by an Erro.
func (d *directory) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/" {
		d.stage.complain("directory", "only POST / is spoken here")
		http.Error(rw, "only POST / is spoken here", http.StatusNotFound)
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		d.stage.complain("directory", "Content-Type is not application/json")
		http.Error(rw, "messages are application/json", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<17))
	if err != nil {
		http.Error(rw, "message could not be read", http.StatusBadRequest)
		return
	}
	o, err := parseObject(body)
	var answer object
	var fault Fault
	if err == nil {
		if fault = d.fault(o); d.before(rw, r, fault) {
			return
		}
		answer, err = d.answer(o)
	}
	if err != nil {
		fault := erroFor(err)
		about := orElse(o, "messageType", "AReq")
		if about == "Erro" { // never answer an Erro with an Erro
			rw.WriteHeader(http.StatusOK)
			return
		}
		if !misled(o, fault) {
			d.stage.complain("directory", elementName(about)+": "+fault.Error())
		}
		version := o.text("messageVersion")
		if !slices.Contains(versions, version) {
			version = versions[len(versions)-1]
		}
		answer = fault.message("D", version, elementName(about), o)
	}
	if answer.text("transStatus") == noAnswer {
		fault.Behaviour = behaviourSilence
	}
	d.say(rw, r, answer, fault)
}

// misled tells that a version is refused that the card's range promised: not the gateway's fault.
func misled(o object, fault *erro) bool {
	pan := o.text("acctNumber")
	_, issued := rangeOf(pan)
	return fault.code == "102" && o.text("messageType") == "AReq" && issued && slices.Contains(enrolmentOf(pan).says, o.text("messageVersion"))
}

// fault is what shall happen to a message; it is written into the history with it.
func (d *directory) fault(o object) (fault Fault) {
	if o.text("messageType") == "AReq" && checkAReq(o) == nil {
		fault = d.stage.knobs.next(onAReq, aboutAReq(o))
	}
	d.stage.passed3DS("directory", "gateway", o, fault.Behaviour)
	return fault
}

// aboutAReq is what a fault can pick an authentication by.
func aboutAReq(o object) subject {
	pan := o.text("acctNumber")
	return subject{
		card: pan[len(pan)-4:], merchant: o.text("acquirerMerchantID"),
		amount: minorOf(o.text("purchaseAmount")), currency: o.text("purchaseCurrency"),
	}
}

// before does what a fault does instead of a decision, and says whether that was all.
func (d *directory) before(rw http.ResponseWriter, r *http.Request, fault Fault) (all bool) {
	switch fault.Behaviour {
	case behaviourLost:
		d.stage.leaveWaiting(r)
	case behaviourError:
		http.Error(rw, "out of order", http.StatusInternalServerError)
	default:
		return false
	}
	return true
}

// say answers, or does what a fault does instead.
func (d *directory) say(rw http.ResponseWriter, r *http.Request, answer object, fault Fault) {
	switch fault.Behaviour {
	case behaviourSilence:
		d.stage.leaveWaiting(r)
		return
	case behaviourDrop:
		panic(http.ErrAbortHandler)
	case behaviourLate:
		if !d.stage.pause(fault.delay()) {
			return
		}
	case behaviourResultFirst:
		if t := d.acs.find(answer.text("acsTransID")); t != nil {
			d.acs.reportFirst(t)
		}
	}
	d.stage.passed3DS("directory", "world", answer, fault.Behaviour)
	rw.Header().Set("Content-Type", "application/json; charset=utf-8")
	body, err := json.Marshal(answer)
	if err != nil {
		d.stage.log.Error("answer not marshalled", "err", err)
		return
	}
	if fault.Behaviour == behaviourHalf {
		body = body[:len(body)/2]
	}
	_, _ = rw.Write(body)
}

// leaveWaiting lets a request wait until whoever sent it gives up, or the world ends.
func (s *stage) leaveWaiting(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.over:
	}
}

func (d *directory) answer(o object) (object, error) {
	switch o.text("messageType") {
	case "AReq":
		if fault := checkAReq(o); fault != nil {
			return nil, fault
		}
		if r, _ := rangeOf(o.text("acctNumber")); slices.Contains(d.stage.knobs.now().Unenrolled, r.scheme) {
			return nil, &erro{"305", "transaction data not valid", "acctNumber"}
		}
		return d.acs.authenticate(o)
	case "PReq":
		return d.ranges(o)
	}
	return nil, &erro{"101", "message received invalid", "messageType"}
}
