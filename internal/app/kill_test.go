package app

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"reprise/internal/payment"
)

// site is a gateway and its world as two processes of their own, so that one can be killed.
type site struct {
	*front
	*ear
	auditor
	t        *testing.T
	binary   string
	listen   string
	dir      string
	database string // URL of a PostgreSQL database; empty: SQLite in dir
	log      *lockedBuffer
	gateway  *exec.Cmd
}

// openSite starts a simulator and a sandbox that uses it.
func openSite(t *testing.T, binary, database string) *site {
	t.Helper()
	s := &site{t: t, binary: binary, dir: t.TempDir(), database: database, ear: listen(t), log: &lockedBuffer{}}
	at := s.atPorts()
	s.auditor = audit(t, filepath.Join(s.dir, "reprise.db"), database, &bank{t: t, control: "http://" + at(portControl), http: s.front.http})
	s.run("simulator", "--listen", at(portACS), "--data", filepath.Join(t.TempDir(), "world"), "--calm")
	eventually(t, "the simulator lives", func() bool { return s.healthy(s.bank.control + "/healthz") })
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs of both:\n%s", s.log)
		}
	})
	s.start()
	return s
}

// atPorts gives the gateway ports of its own, which at names.
func (s *site) atPorts() (at func(n int) string) {
	port := freePorts(s.t, 7)
	at = func(n int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port+n)) }
	s.listen = at(portAPI)
	s.front = newFront(s.t, "http://"+s.listen, "http://localhost:"+strconv.Itoa(port+portShop))
	return at
}

// beside starts another gateway in the same world, on the same database, with the same keys.
func (s *site) beside(binary string) *site {
	s.t.Helper()
	other := *s
	other.binary, other.dir = binary, s.t.TempDir()
	keys, err := os.ReadFile(filepath.Join(s.dir, keyFileName))
	if err == nil {
		err = os.WriteFile(filepath.Join(other.dir, keyFileName), keys, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	other.atPorts()
	other.front.made = s.front.made // references are the merchant's, at whichever gateway
	other.start()
	return &other
}

// run starts a process, which ends with the test.
func (s *site) run(arguments ...string) *exec.Cmd {
	s.t.Helper()
	command := exec.Command(s.binary, append([]string{"--log-level", "debug"}, arguments...)...)
	command.Stdout, command.Stderr = s.log, s.log
	if err := command.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// start starts the gateway, with what it has.
func (s *site) start() {
	s.t.Helper()
	arguments := []string{"sandbox", "--listen", s.listen, "--data", s.dir, "--simulator", s.bank.control, "--webhook", s.ear.url}
	if s.database != "" {
		arguments = append(arguments, "--database", s.database)
	}
	s.gateway = s.run(arguments...)
	eventually(s.t, "the gateway is ready", func() bool { return s.healthy(s.base + "/readyz") })
}

// kill ends the gateway without a word, as kill -9 does.
func (s *site) kill() {
	s.t.Helper()
	if err := s.gateway.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	_ = s.gateway.Wait()
	if s.healthy(s.base + "/healthz") {
		s.t.Fatal("the gateway survived")
	}
}

func (s *site) healthy(url string) bool {
	response, err := s.front.http.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// program compiles the command, of the source in a folder or of this one.
func program(t *testing.T, source string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "reprise")
	build := exec.Command("go", "build", "-o", binary, "reprise/cmd/reprise")
	build.Dir = source
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return binary
}

// freePorts finds a run of ports that nobody listens on.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		first := 10000 + rand.IntN(20000) // below those that the system gives to clients
		var taken []net.Listener
		for i := range n {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(first+i)))
			if err != nil {
				break
			}
			taken = append(taken, l)
		}
		for _, l := range taken {
			_ = l.Close()
		}
		if len(taken) == n {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program and waits for real time-outs; run without -short")
	}
	t.Parallel()
	binary := program(t, "")
	for name, test := range map[string]func(*testing.T, *site){
		"in the challenge, confirmed meanwhile":   confirmedMeanwhile,
		"in the challenge, confirmed afterwards":  confirmedAfterwards,
		"after the challenge":                     authenticatedBefore,
		"with a purchase on its way":              purchaseOnItsWay,
		"with a purchase on its way, sent again":  purchaseSentAgain,
		"with webhooks to be told":                webhooksToBeTold,
		"with a refund on its way":                refundKilled,
		"in the middle of everything, repeatedly": middleOfEverything,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openSite(t, binary, ""))
		})
	}
}

// paid holds everything against a payment that was made once.
func (s *site) paid(session, accepted map[string]any) {
	s.t.Helper()
	request := accepted["payment_request_id"].(string)
	s.ear.wait(s.t, "payment.capture", request)
	s.ear.wait(s.t, "payment_session.completed", session["payment_session_id"].(string))
	if got := s.attempt(request); got["status"] != "SUCCEEDED" {
		s.t.Errorf("%v", got)
	}
	if got := s.session(session); got["status"] != "COMPLETED" {
		s.t.Errorf("%v", got)
	}
	if n := len(s.bank.ledger()); n != 1 || s.escrow() != 0 {
		s.t.Errorf("%d ledger entries, %d escrow rows", n, s.escrow())
	}
	s.balanced()
}

func confirmedMeanwhile(t *testing.T, s *site) {
	session := s.newSession(visaChallenge)
	accepted := s.submitted(session, "123")
	p := s.visitor(accepted)
	bank := p.meetBank(p.must(p.arrive()))
	s.kill()
	home := make(chan error, 1)
	go func() { home <- bank.enter(rightOTP) }() // the bank retries the result, and the payer waits
	eventually(t, "the bank has tried in vain", func() bool {
		return bytes.Contains([]byte(s.log.String()), []byte("gateway not reached with a result"))
	})
	s.start()
	if err := <-home; err != nil {
		t.Fatal(err)
	}
	if step := p.must(p.look()); step["do"] != "confirm" {
		t.Fatalf("%v", step)
	}
	if step := p.must(p.confirm()); step["outcome"] != "succeeded" {
		t.Fatalf("%v", step)
	}
	s.paid(session, accepted)
}

func confirmedAfterwards(t *testing.T, s *site) {
	session := s.newSession(visaChallenge)
	accepted := s.submitted(session, "123")
	p := s.visitor(accepted)
	before := p.must(p.arrive())
	bank := p.meetBank(before)
	s.kill()
	s.start()
	after := p.must(p.look())
	if form := func(s step) any { return s["challenge"].(map[string]any)["fields"].(map[string]any)["creq"] }; form(before) != form(after) {
		t.Errorf("the CReq is another after the restart")
	}
	if err := bank.enter(rightOTP); err != nil {
		t.Fatal(err)
	}
	if step := p.must(p.confirm()); step["outcome"] != "succeeded" {
		t.Fatalf("%v", step)
	}
	s.paid(session, accepted)
}

func authenticatedBefore(t *testing.T, s *site) {
	session := s.newSession(visaChallenge)
	accepted := s.submitted(session, "123")
	p := s.visitor(accepted)
	if err := p.challenge(p.must(p.arrive()), rightOTP); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.kill()
		s.start()
	}
	if step := p.must(p.confirm()); step["outcome"] != "succeeded" {
		t.Fatalf("%v", step)
	}
	s.paid(session, accepted)
}

// purchaseOnItsWay: nobody is left who waits for the answer. What was sent is reversed at the attempt's
// deadline, because it may have been approved.
func purchaseOnItsWay(t *testing.T, s *site) {
	session := s.newSession(visaChallenge, skipping)
	s.bank.next("silence")
	go func() {
		_, _ = s.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"))
	}()
	eventually(t, "booked", func() bool { return len(s.bank.purchases("kept")) == 1 })
	s.kill()
	s.start()

	request := string(s.requests()[0].ID)
	if got := s.attempt(request); got["status"] != "PENDING" {
		t.Errorf("%v", got)
	}
	s.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123")).
		refuses(t, refusal{503, "SERVICE_UNAVAILABLE", "", ""})

	if told := s.ear.wait(t, "payment.failure", request); told.Data["failure_code"] != "PARTNER_TIMEOUT_ERROR" {
		t.Errorf("%s", told.Body)
	}
	if n := len(s.bank.purchases("reversed")); n != 1 {
		t.Errorf("%d purchases reversed", n)
	}
	again := s.submitted(session, "123")
	s.ear.wait(t, "payment.capture", again["payment_request_id"].(string))
	if n := s.webhooks("", request); n != 1 {
		t.Errorf("the merchant was told %d times", n)
	}
	s.balanced()
}

// purchaseSentAgain: the payer's browser was not answered and repeats itself, with its idempotency-key. It is
// told of the payment request that there is, and nothing is bought twice.
func purchaseSentAgain(t *testing.T, s *site) {
	session := s.newSession(visaChallenge, skipping)
	s.bank.next("silence")
	go func() {
		_, _ = s.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"), "idempotency-key", "k")
	}()
	eventually(t, "booked", func() bool { return len(s.bank.purchases("kept")) == 1 })
	s.kill()
	s.start()

	request := string(s.requests()[0].ID)
	again := s.ask("POST", "/v3/payment_with_session", SandboxPublicKey, submission(session, "123"), "idempotency-key", "k")
	if again.status != http.StatusOK || again.body["payment_request_id"] != request {
		t.Errorf("%d %v, want %s", again.status, again.body, request)
	}
	s.ear.wait(t, "payment.failure", request)
	if all, booked := len(s.requests()), len(s.bank.purchases("reversed")); all != 1 || booked != 1 {
		t.Errorf("%d attempts, %d purchases reversed", all, booked)
	}
	s.balanced()
}

func webhooksToBeTold(t *testing.T, s *site) {
	s.answering(func(webhookSeen) int { return http.StatusServiceUnavailable })
	session := s.newSession(visaChallenge, skipping)
	request := s.submitted(session, "123")["payment_request_id"].(string)
	eventually(t, "tried in vain", func() bool { return s.webhooks("payment.capture", request) > 0 })
	s.kill()
	s.answering(nil)
	before := s.about("payment.capture", request)
	s.start()
	eventually(t, "told", func() bool { return s.webhooks("payment.capture", request) > len(before) })
	s.ear.wait(t, "payment_session.completed", session["payment_session_id"].(string))
	first, last := before[0], s.about("payment.capture", request)[len(before)]
	if first.Header.Get("Webhook-Id") != last.Header.Get("Webhook-Id") || !bytes.Equal(dataOf(t, first), dataOf(t, last)) {
		t.Errorf("told otherwise after the restart:\n%v %s\n%v %s", first.Header, first.Body, last.Header, last.Body)
	}
	s.balanced()
}

// refundKilled: nobody is left who waits for the acquirer's answer. The refund goes on as a repeat, and the merchant
// who asks again is told of the one that there is.
func refundKilled(t *testing.T, s *site) {
	request := s.paid10000()
	s.bank.turn(`{"next_advice":{"behaviour":"silence"}}`)
	go func() {
		_, _ = s.send("POST", "/refunds", SandboxSecretKey, refunding(request), "idempotency-key", "k")
	}()
	booked := func() (n int) {
		for _, e := range s.bank.ledger() {
			if e.Kind == "refund" {
				n++
			}
		}
		return n
	}
	eventually(t, "given back", func() bool { return booked() == 1 })
	s.kill()
	s.start()
	again := s.ask("POST", "/refunds", SandboxSecretKey, refunding(request), "idempotency-key", "k")
	if again.status != http.StatusOK || again.body["status"] != "PENDING" {
		t.Fatalf("%d %v", again.status, again.body)
	}
	id := again.body["id"].(string)
	s.ask("POST", "/refunds/"+id+"/cancel", SandboxSecretKey, nil).refuses(t, refusal{400, "INELIGIBLE_TRANSACTION_STATUS", "", ""})
	s.ear.wait(t, "refund.succeeded", id)
	if all := s.refunds(); len(all) != 1 || booked() != 1 {
		t.Errorf("%d refunds, given back %d times", len(all), booked())
	}
	s.balanced()
}

// middleOfEverything kills a busy gateway three times, each payer with a card of their own. Whatever was under way
// ends by itself, and the books agree with the bank's.
func middleOfEverything(t *testing.T, s *site) {
	const rounds, at = 3, 24
	var sessions []map[string]any
	typedAt := func(i int) map[string]any { return typed(sessions[i], ownNumber("4276", int64(i))) }
	for round := range rounds {
		for i := range at {
			change := [][]func(map[string]any){{skipping}, {skipping, amount(10054)}, {skipping}}[i%3]
			sessions = append(sessions, s.newSession("", append(change, typedFor("DISABLED"))...))
		}
		behind := len(s.bank.ledger())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			atOnce(at, func(i int) error {
				_, err := s.send("POST", "/v3/payment_with_session", SandboxPublicKey, typedAt(round*at+i))
				return err
			})
		}()
		eventually(t, "some purchases were booked", func() bool { return len(s.bank.ledger()) >= behind+2+round*3 })
		s.kill()
		<-ended
		s.start()
	}
	// A purchase that was written down and not sent any more has left no trace at the bank, which is asked
	// for minutes before that is believed. All others end soon.
	untraced := map[payment.RequestID]bool{}
	eventually(t, "every attempt has ended", func() bool {
		for _, r := range s.advices() {
			untraced[r.Request] = r.NoTrace > 0 && r.Status == payment.AdviceOpen
		}
		return !slices.ContainsFunc(s.requests(), func(r payment.Request) bool { return !r.State.Final() && !untraced[r.ID] })
	})
	eventually(t, "every merchant was told", func() bool {
		return s.count(`SELECT COUNT(*) FROM work WHERE kind = $1`, string(payment.WorkWebhook)) == 0
	})
	s.balanced()

	outcomes := map[string]int{}
	waiting := map[payment.SessionID]bool{}
	for _, r := range s.requests() {
		if !r.State.Final() {
			waiting[r.Session] = true
			outcomes["no trace so far"]++
			continue
		}
		event := map[payment.State]string{payment.Succeeded: "payment.capture", payment.Failed: "payment.failure"}[r.State]
		told := map[string]bool{}
		for _, seen := range s.about("", string(r.Payment)) {
			if seen.Event == event {
				told[seen.Header.Get("Webhook-Id")] = true
			} else if seen.Event != "payment_session.completed" {
				t.Errorf("%s is %s, and %s was told", r.ID, r.State, seen.Event)
			}
		}
		if len(told) != 1 {
			t.Errorf("%s %s was told by %d notices", r.ID, r.State, len(told))
		}
		outcomes[cmp.Or(string(r.Failure), "paid")]++
	}
	t.Log(fmt.Sprint(len(s.requests()), " attempts of ", len(sessions), " sessions: ", outcomes))

	// And every session can still be paid, once.
	for i, session := range sessions {
		id := payment.SessionID(session["payment_session_id"].(string))
		if session["amount"] == 10054.0 || waiting[id] {
			continue
		}
		if s.session(session)["status"] == "ACTIVE" {
			s.hand(typedAt(i))
		}
		if got := s.session(session); got["status"] != "COMPLETED" {
			t.Errorf("%v", got)
		}
	}
	s.balanced()
}
