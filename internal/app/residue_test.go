package app

import (
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/internal/payment"
)

// canary is a card that exists nowhere else, and the CVN that its holder types.
type canary struct {
	token, pan, cvn string
}

// canaries draws distinct cards, in ranges of the simulated issuer, and CVNs: those to be typed and as many
// others that never are. No CVN of either kind is one that the issuer treats in a way of its own.
func canaries(n int) (drawn []canary, control []string) {
	lot := rand.New(rand.NewPCG(20, 26))
	digits := func(prefix string, length int) string {
		for len(prefix) < length {
			prefix += string(rune('0' + lot.IntN(10)))
		}
		return prefix
	}
	short, long := lot.Perm(1000), lot.Perm(10000)
	taken := map[string]bool{}
	draw := func(amex bool) (cvn string) {
		if amex {
			cvn, long = fmt.Sprintf("%04d", long[0]), long[1:]
		} else {
			cvn, short = fmt.Sprintf("%03d", short[0]), short[1:]
		}
		if cvn == "998" || cvn == "999" || cvn == "9998" || cvn == "9999" {
			cvn = strings.Repeat("5", len(cvn))
		}
		return cvn
	}
	for i := 0; len(drawn) < n; i++ {
		amex := i%5 == 4
		var pan string
		switch {
		case amex:
			pan = digits("3712", 14)
		case i%5 == 3:
			pan = digits("5321", 15)
		default:
			pan = digits("4276", 15)
		}
		if pan = withCheckDigit(pan); taken[pan] {
			continue
		}
		taken[pan] = true
		drawn = append(drawn, canary{fmt.Sprintf("pt-00000000-0000-4000-9000-%012d", len(drawn)), pan, draw(amex)})
		control = append(control, draw(amex))
	}
	return drawn, control
}

// withCheckDigit completes a number (ISO/IEC 7812-1 annex B).
func withCheckDigit(number string) string {
	sum := 0
	for i := range len(number) {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return number + string(rune('0'+(10-sum%10)%10))
}

// fate is what may become of an attempt.
type fate struct {
	name       string
	challenged bool
	live       func(w *town, c canary) error
}

// storedFates are those of attempts with a stored card, and of the payment link.
var storedFates = []fate{
	{"paid without a challenge", false, func(w *town, c canary) error {
		session, accepted, err := w.begin(c)
		return w.ends(session, accepted, "succeeded", err)
	}},
	{"paid without 3-D Secure", false, func(w *town, c canary) error {
		_, _, err := w.begin(c, skipping)
		return err
	}},
	{"declined without 3-D Secure", false, func(w *town, c canary) error {
		_, _, err := w.begin(c, skipping, amount(10054))
		return err
	}},
	{"paid in one call", false, func(w *town, c canary) error {
		return w.oneCall(c, false)
	}},
	{"declined in one call", false, func(w *town, c canary) error {
		return w.oneCall(c, false, amount(10058))
	}},
	{"challenged in one call, and abandoned", true, func(w *town, c canary) error {
		return w.oneCall(c, true)
	}},
	{"declined", false, func(w *town, c canary) error {
		session, accepted, err := w.begin(c, amount(10058))
		return w.ends(session, accepted, "failed", err)
	}},
	{"never opened", false, func(w *town, c canary) error {
		_, _, err := w.begin(c)
		return err
	}},
	{"refused before it was kept", false, func(w *town, c canary) error {
		session := w.newSession(c.token)
		body := submission(session, c.cvn)
		body["card_number"], body["device"] = c.pan, map[string]any{"fingerprint": 7}
		_, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, body)
		if err == nil { // and one that nobody can read
			_, err = w.send("POST", "/v3/payment_with_session", SandboxPublicKey, fmt.Sprintf(`{"card_number":"%s","cvn":"%s",`, c.pan, c.cvn))
		}
		return err
	}},
	{"typed on a payment link, stored and paid", false, func(w *town, c canary) error {
		a, err := w.send("POST", "/sessions", SandboxSecretKey, w.link(with("allow_save_payment_method", "FORCED")))
		if err != nil || a.status != 201 {
			return fmt.Errorf("session: %d %v %w", a.status, a.body, err)
		}
		q := onLink(a.body, with("card_number", c.pan), with("cvn", c.cvn))
		b, err := w.send("POST", q.path, "", q.body)
		return w.ends(a.body, b.body, "succeeded", err)
	}},
	{"paid after a challenge", true, func(w *town, c canary) error {
		session, accepted, err := w.begin(c)
		return w.ends(session, accepted, "succeeded", err, rightOTP)
	}},
	{"not authenticated", true, func(w *town, c canary) error {
		session, accepted, err := w.begin(c)
		return w.ends(session, accepted, "failed", err, "000000", "")
	}},
	{"abandoned at the bank", true, func(w *town, c canary) error {
		_, accepted, err := w.begin(c)
		if err != nil {
			return err
		}
		_, err = w.visitor(accepted).arrive()
		return err
	}},
	{"paid with the CVN typed again", true, func(w *town, c canary) error {
		_, accepted, err := w.begin(c)
		if err != nil {
			return err
		}
		p := w.visitor(accepted)
		s, err := p.arrive()
		if err == nil {
			err = p.challenge(s, rightOTP)
		}
		if err == nil {
			s, err = p.act("cvn", map[string]any{"cvn": c.cvn})
		}
		if err == nil && s["outcome"] != "succeeded" {
			err = fmt.Errorf("%v", s)
		}
		return err
	}},
}

// begin opens a session for a card and hands in its CVN.
func (w *town) begin(c canary, change ...func(map[string]any)) (session, accepted map[string]any, err error) {
	a, err := w.send("POST", "/sessions", SandboxSecretKey, w.request(c.token, change...))
	if err != nil || a.status != 201 {
		return nil, nil, fmt.Errorf("session: %d %v %w", a.status, a.body, err)
	}
	b, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, submission(a.body, c.cvn))
	if err != nil || b.status != 200 {
		return nil, nil, fmt.Errorf("submission: %d %v %w", b.status, b.body, err)
	}
	return a.body, b.body, nil
}

// oneCall has the bank asked within the call that hands in the CVN.
func (w *town) oneCall(c canary, challenged bool, change ...func(map[string]any)) error {
	a, err := w.send("POST", "/sessions", SandboxSecretKey, w.request(c.token, change...))
	if err != nil || a.status != 201 {
		return fmt.Errorf("session: %d %v %w", a.status, a.body, err)
	}
	body, err := w.clicking(a.body, c.cvn)
	if err != nil {
		return err
	}
	b, err := w.send("POST", "/v3/payment_with_session", SandboxPublicKey, body)
	if err == nil && (b.status != 200 || (b.body["action_url"] != nil) != challenged) {
		err = fmt.Errorf("submission: %d %v", b.status, b.body)
	}
	return err
}

func (w *town) ends(_, accepted map[string]any, outcome string, err error, codes ...string) error {
	if err != nil {
		return err
	}
	if end := w.visitor(accepted).pay(codes...); end["outcome"] != outcome {
		return fmt.Errorf("%v", end)
	}
	return nil
}

const canaryCount = 200

// TestNoResidue: after two hundred payments there is no card number and no CVN in any file, log line,
// webhook or answer, neither while attempts are open nor when all is over; nor does the simulated world keep
// one.
func TestNoResidue(t *testing.T) {
	t.Parallel()
	w := openTown(t, func(s *SandboxSettings) { s.Calm = false })
	cards, control := canaries(canaryCount)
	var pans, typed []string
	for i, c := range cards {
		if err := w.StoreCard(t.Context(), w.outside, payment.TokenID(c.token), c.pan); err != nil {
			t.Fatal(err)
		}
		pans, typed = append(pans, c.pan), append(typed, c.cvn)
		if slices.Contains(control, c.cvn) || slices.Contains(pans[:i], c.pan) {
			t.Fatal("a canary is not the only one")
		}
	}
	begun := time.Now()
	w.live(cards, false)
	merchant, err := w.store.Merchant(t.Context(), sandboxBusiness)
	if err != nil {
		t.Fatal(err)
	}
	merchant.MandateChallenge = true // canaries are cards without a challenge
	if err := w.store.SaveMerchant(t.Context(), payment.Merchant{}, merchant, sandboxActor); err != nil {
		t.Fatal(err)
	}
	w.live(cards, true)
	t.Logf("%d payments in %s", len(cards), time.Since(begun).Round(time.Millisecond))

	s := newScanner(pans, typed, control)
	report := func(when string, found []string) {
		for _, f := range found {
			t.Errorf("%s: %s", when, f)
		}
	}
	if n := w.escrow(); n < canaryCount/10 {
		t.Errorf("only %d CVNs in escrow: the first look is not at open attempts", n)
	}
	report("while attempts are open", s.scanFiles(t, w.dir))

	w.forward(16 * time.Minute)
	w.eventually("every attempt has ended", func() bool {
		for _, r := range w.requests() {
			if !r.State.Final() {
				return false
			}
		}
		return true
	})
	w.forward(20 * time.Minute)
	w.eventually("every session has ended", func() bool {
		return w.count(`SELECT COUNT(*) FROM session WHERE status = 'ACTIVE'`) == 0
	})
	if n := w.escrow(); n != 0 {
		t.Errorf("%d CVNs are left in escrow", n)
	}
	w.balanced()
	w.agrees()
	report("when all is over", s.scanFiles(t, w.dir))

	said := map[string]string{"log": w.log.String(), "answers": w.said.String(), "what the world says": w.bank.everything()}
	var told strings.Builder
	for _, seen := range w.about("", "") {
		_ = seen.Header.Write(&told)
		told.Write(seen.Body)
		told.WriteByte('\n')
	}
	said["webhooks"] = told.String()
	for name, text := range said {
		if len(text) < 1000 {
			t.Errorf("%s: only %d bytes were seen", name, len(text))
		}
		report("said", s.scan(name, []byte(text)))
	}
	if err := w.Close(t.Context()); err != nil {
		t.Error(err)
	}
	report("after the stop", s.scanFiles(t, w.dir))
	t.Logf("scanned %d files and records, %d kB, for %d forms of PANs", s.scanned.things, s.scanned.bytes>>10, s.forms)

	t.Run("a leak is found", func(t *testing.T) { plant(t, s, w.dir, said["log"], cards) })
}

// live lets the fates befall the cards, several at a time.
func (w *town) live(cards []canary, challenged bool) {
	fates := slices.Concat(storedFates, typedFates)
	queue := make(chan int)
	var tasks sync.WaitGroup
	for range 6 {
		tasks.Go(func() {
			for i := range queue {
				if err := fates[i%len(fates)].live(w, cards[i]); err != nil {
					w.t.Errorf("canary %d, %s: %v", i, fates[i%len(fates)].name, err)
				}
			}
		})
	}
	for i := range cards {
		if fates[i%len(fates)].challenged == challenged {
			queue <- i
		}
	}
	close(queue)
	tasks.Wait()
}

// everything is what the world's control port tells.
func (b *bank) everything() string {
	b.t.Helper()
	var all strings.Builder
	for _, path := range []string{"/ledger", "/settlement", "/complaints", "/knobs"} {
		response, err := b.http.Get(b.control + path)
		if err != nil {
			b.t.Fatal(err)
		}
		_, _ = io.Copy(&all, response.Body)
		_ = response.Body.Close()
	}
	return all.String()
}

// plant puts leaks where none may be, one at a time, and has the same scanner find each.
func plant(t *testing.T, s *scanner, dir, log string, cards []canary) {
	database, err := os.ReadFile(filepath.Join(dir, "reprise.db"))
	if err != nil {
		t.Fatal(err)
	}
	middle := len(database) / 2
	amid := func(leak string, around int) []byte {
		return slices.Concat(database[middle-around:middle], []byte(leak), database[middle:middle+around])
	}
	within := func(leak string) []byte { return amid(leak, min(middle, 1<<15)) }
	if found := s.scan("database", database); len(found) != 0 {
		t.Fatalf("found without a leak: %v", found)
	}
	leaks := map[string][]byte{}
	for form, text := range formsOf(cards[7].pan) {
		leaks["PAN as "+form] = within("x" + string(text) + "x")
	}
	for i, form := range inBase64([]byte(cards[9].pan)) { // as it would really stand there
		whole := encodeBase64(strings.Repeat("#", i) + cards[9].pan + ";")
		if !strings.Contains(whole, string(form)) {
			t.Errorf("base64 at %d: %q is not in %q", i, form, whole)
		}
		leaks[fmt.Sprint("PAN in a text in base64 at ", i)] = within(whole)
	}
	cvn := cards[0].cvn
	for form, text := range map[string]string{
		"JSON": `{"cvn":"` + cvn + `"}`, "JSON in a log": `body="{\"cvn\":\"` + cvn + `\"}"`, "a form": "a=b&cvn=" + cvn + "&c=d",
		"a log's field": "msg=submitted cvn=" + cvn, "DE48": "2204C10192" + "03" + cvn,
		"DE48 with a proof": "2204C1014202054328AAIBBYNoEwAAACcKhAJkdQAAAAA=66372e537f539-d59f-4ebe-8d56-7fdc31a8e9b49203" + cvn,
		"DE48 in hex":       hex.EncodeToString([]byte("9203" + cvn)),
		"JSON in base64":    encodeBase64(`{"cvn":"` + cvn + `"}`),
	} {
		leaks["CVN as "+form] = within(text)
		leaks["CVN as "+form+", in the log"] = []byte(log[:min(len(log), 1<<15)] + "\n" + text + "\n")
	}
	var rows, tags strings.Builder
	for _, c := range cards {
		fmt.Fprintf(&rows, "|%s|", c.cvn)
		fmt.Fprintf(&tags, "92%02d%s", len(c.cvn), c.cvn)
	}
	leaks["every CVN, bare"] = amid(rows.String(), middle)
	leaks["every CVN, tagged"] = amid(tags.String(), middle)
	for name, leak := range leaks {
		if found := s.scan(name, leak); len(found) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	t.Logf("%d planted leaks", len(leaks))

	file := filepath.Join(t.TempDir(), "world", "forgotten")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(cards[3].pan), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := s.scanFiles(t, filepath.Dir(filepath.Dir(file))); len(found) != 1 {
		t.Errorf("a file with a PAN: %v", found)
	}
}
