package payment

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// circumstance is one column of the printed matrix: a policy of the merchant's, or what came before.
type circumstance struct {
	name     string
	merchant Merchant
	was      Authentication
}

var circumstances = []circumstance{
	{"by default", Merchant{}, Authentication{Preference: PreferChallenge}},
	{"`refuse_attempts`", Merchant{RefuseAttempts: true}, Authentication{Preference: PreferChallenge}},
	{"`exemption` TRA", Merchant{Exemption: ExemptionTRA}, Authentication{Preference: RiskAnalysed}},
	{"`exemption` DATA_SHARE", Merchant{Exemption: ExemptionDataShare}, Authentication{Preference: DataShareOnly}},
	{"`allow_unauthenticated`", Merchant{AllowUnauthenticated: true}, Authentication{Preference: PreferChallenge}},
	{"a card is stored", Merchant{}, Authentication{Preference: PreferChallenge, NonPayment: true}},
	{"after a soft decline", Merchant{AllowUnauthenticated: true}, Authentication{Preference: MandateChallenge, StepUp: true}},
	{"asked anew after a challenge", Merchant{AllowUnauthenticated: true}, Authentication{Preference: PreferChallenge, Restarts: 1}},
	{"after a challenge", Merchant{AllowUnauthenticated: true}, Authentication{Preference: PreferChallenge, Challenged: true}},
}

// TestDecisions holds the table against what is expected of it, written down one by one. The columns are those of
// circumstances: authorise, fail, step up, refuse.
func TestDecisions(t *testing.T) {
	for _, test := range []struct {
		scheme, status, eci, value, want string
	}{
		{"VISA", "Y", "05", "v", "aaaaaaaaa"},
		{"VISA", "Y", "", "v", "aaaaaaaaa"},
		{"VISA", "Y", "05", "", "rrrrrarrr"},
		{"VISA", "Y", "07", "v", "rrrrrrrrr"},
		{"VISA", "Y", "06", "v", "rrrrrrrrr"},
		{"VISA", "Y", "42", "v", "aaaaaaaaa"}, // none that the schemes have published
		{"VISA", "A", "06", "v", "afaaaafaa"},
		{"VISA", "A", "06", "", "rrrrrarrr"},
		{"VISA", "A", "05", "v", "rrrrrrrrr"},
		{"VISA", "I", "07", "v", "rraarrrrr"},
		{"VISA", "I", "07", "", "rraarrrrr"},
		{"VISA", "I", "05", "v", "rrrrrrrrr"},
		{"VISA", "U", "07", "", "ffffaffff"},
		{"VISA", "U", "05", "v", "ffffaffff"}, // whatever it says, nothing of it is shown to the issuer
		{"VISA", "N", "", "", "fffffffff"},
		{"VISA", "N", "05", "v", "fffffffff"},
		{"VISA", "R", "", "", "fffffffff"},
		{"VISA", "C", "", "", "sssrssssr"},
		{"VISA", "D", "", "", "rrrrrrrrr"},
		{"VISA", "S", "", "", "rrrrrrrrr"},
		{"VISA", "", "05", "v", "rrrrrrrrr"},
		{"VISA", "y", "05", "v", "rrrrrrrrr"},
		{"AMEX", "Y", "05", "v", "aaaaaaaaa"},
		{"JCB", "A", "06", "v", "afaaaafaa"},
		{"JCB", "Y", "02", "v", "aaaaaaaaa"}, // not of this scheme, so it says nothing
		{"MASTERCARD", "Y", "02", "v", "aaaaaraaa"},
		{"MASTERCARD", "Y", "07", "v", "aaaaaraaa"}, // recurring, and authenticated
		{"MASTERCARD", "Y", "N2", "", "rrrrrarrr"},
		{"MASTERCARD", "Y", "N2", "v", "rrrrrarrr"},
		{"MASTERCARD", "Y", "N0", "", "rrrrrrrrr"},
		{"MASTERCARD", "Y", "00", "v", "rrrrrrrrr"},
		{"MASTERCARD", "Y", "01", "v", "rrrrrrrrr"},
		{"MASTERCARD", "A", "01", "v", "afaaarfaa"},
		{"MASTERCARD", "A", "02", "v", "rrrrrrrrr"},
		{"MASTERCARD", "I", "06", "", "rraarrrrr"},
		{"MASTERCARD", "I", "04", "v", "rraarrrrr"},
		{"MASTERCARD", "I", "02", "v", "rrrrrrrrr"},
		{"MASTERCARD", "U", "00", "", "ffffaffff"},
	} {
		got := ""
		for _, c := range circumstances {
			a := c.was
			a.TransStatus, a.ECI, a.Value = test.status, test.eci, test.value
			v, why := a.Decide(test.scheme, c.merchant)
			if why == "" {
				t.Errorf("%+v: no reason for %s", test, v)
			}
			got += string(v)[:1]
		}
		if got != test.want {
			t.Errorf("%s, %q, ECI %q, value %q: %s, want %s", test.scheme, test.status, test.eci, test.value, got, test.want)
		}
	}
}

// TestAChallengeThatNeverBegan is begun again, but not for ever.
func TestAChallengeThatNeverBegan(t *testing.T) {
	for restarts, want := range map[int]Verdict{0: VerdictAgain, MaxRestarts - 1: VerdictAgain, MaxRestarts: VerdictFail} {
		for _, status := range []string{"N", "U"} {
			a := Authentication{Restarts: restarts}.Conclude(Result{TransStatus: status, Cancel: "05"})
			if got, _ := a.Decide("VISA", Merchant{}); got != want {
				t.Errorf("%s after %d restarts: %s", status, restarts, got)
			}
		}
	}
	a := Authentication{}.Conclude(Result{TransStatus: "N", Cancel: "01"})
	if got, _ := a.Decide("VISA", Merchant{AllowUnauthenticated: true}); got != VerdictFail {
		t.Errorf("the payer cancelled, and is asked again: %s", got)
	}
}

// TestARefusedAReqIsNoSilence: nobody goes on without authentication because of what their browser said.
func TestARefusedAReqIsNoSilence(t *testing.T) {
	for refused, want := range map[bool]Verdict{false: VerdictAuthorise, true: VerdictFail} {
		a := Authentication{TransStatus: "U", Refused: refused}
		if got, _ := a.Decide("VISA", Merchant{AllowUnauthenticated: true}); got != want {
			t.Errorf("refused %v: %s", refused, got)
		}
	}
}

// TestProof: what an authorisation may show.
func TestProof(t *testing.T) {
	for _, test := range []struct {
		a    *Authentication
		want bool
	}{
		{nil, false},
		{&Authentication{TransStatus: "Y", Value: "v"}, true},
		{&Authentication{TransStatus: "I", ECI: "07"}, false},
		{&Authentication{TransStatus: "U", Value: "v"}, false},
		{&Authentication{TransStatus: "U", NonPayment: true}, false},
		{&Authentication{TransStatus: "Y", NonPayment: true}, true},
	} {
		if got := (Request{Authentication: test.a}).Proof(); (got != nil) != test.want {
			t.Errorf("%+v: %+v", test.a, got)
		}
	}
}

// TestDecisionsOfCertification: of the payments that a scheme certifies with, those with Y or A are authorised, whatever
// the ECI, and I where it was asked for. The folder is SCHEME/CASE/{areq,ares,rreq}.json; an exchange that has no such
// files, or is not a browser's, decides nothing.
func TestDecisionsOfCertification(t *testing.T) {
	folder := os.Getenv("REPRISE_3DS_VECTORS")
	if folder == "" {
		t.Skip("REPRISE_3DS_VECTORS is not set: it names the folder of certification exchanges")
	}
	exchanges, err := filepath.Glob(filepath.Join(folder, "*", "*", "areq.json"))
	if err != nil {
		t.Fatal(err)
	}
	decided := 0
	for _, request := range exchanges {
		for _, answer := range []string{"ares", "rreq"} {
			q, m := certified(t, request), certified(t, filepath.Join(filepath.Dir(request), answer+".json"))
			a := Authentication{
				TransStatus: element(m, "transStatus"), ECI: element(m, "eci"), Value: element(m, "authenticationValue"), Challenged: answer == "rreq",
				NonPayment: element(q, "messageCategory") != "01", Preference: element(q, "threeDSRequestorChallengeInd"),
			}
			scheme := strings.ToUpper(filepath.Base(filepath.Dir(filepath.Dir(request))))
			want, known := map[string]Verdict{"Y": VerdictAuthorise, "A": VerdictAuthorise, "C": VerdictStepUp, "N": VerdictFail, "U": VerdictFail, "R": VerdictFail}[a.TransStatus]
			if a.TransStatus == "I" {
				want, known = VerdictRefuse, true // 07 and the schemes' own codes are asked for by nobody here
				if a.Preference == "05" || a.Preference == "06" {
					want = VerdictAuthorise
				}
			}
			if !known || element(q, "deviceChannel") != "02" {
				continue
			}
			decided++
			if got, why := a.Decide(scheme, Merchant{}); got != want {
				t.Errorf("%s of %s: %s because %s, want %s", answer, request, got, why, want)
			}
		}
	}
	if decided == 0 {
		t.Skip("REPRISE_3DS_VECTORS has no result of a browser exchange")
	}
	t.Logf("%d results decided", decided)
}

// certified reads a message of a certification exchange, which some wrap as {"body": base64}. It is nil where there is
// none: threeds judges messages, here their results are.
func certified(t *testing.T, file string) (message map[string]any) {
	t.Helper()
	body, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var wrapped struct{ Body []byte }
	if json.Unmarshal(body, &wrapped) == nil && wrapped.Body != nil {
		body = wrapped.Body
	}
	if err := json.Unmarshal(body, &message); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return message
}

// element is one, or the first of a list (threeDSRequestorChallengeInd from 2.3.1 on).
func element(message map[string]any, name string) string {
	value := message[name]
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	s, _ := value.(string)
	return s
}

// TestFoldersOfCertification: wrapped messages are decided like others, and what has no result is passed over.
func TestFoldersOfCertification(t *testing.T) {
	body := func(text string) string {
		return `{"body": "` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}`
	}
	const asked = `{"messageType": "AReq", "messageCategory": "01", "deviceChannel": "02"}`
	for _, test := range []struct {
		name    string
		files   map[string]string
		decided bool
	}{
		{"wrapped", map[string]string{"visa/1/areq.json": body(asked), "visa/1/ares.json": body(`{"transStatus": "Y", "eci": "05", "authenticationValue": "v"}`)}, true},
		{"card ranges alone", map[string]string{"mir/1/preq.json": `{}`, "mir/1/pres.json": `{}`}, false},
		{"no request", map[string]string{"mir/1/ares.json": `{"transStatus": "Y"}`}, false},
		{"no answer", map[string]string{"mir/1/areq.json": asked, "mir/1/notes.json": `[]`}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range test.files {
				file := filepath.Join(root, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("REPRISE_3DS_VECTORS", root)
			decided := false
			t.Run("decided", func(t *testing.T) {
				defer func() { decided = !t.Skipped() }()
				TestDecisionsOfCertification(t)
			})
			if decided != test.decided {
				t.Errorf("decided: %t", decided)
			}
		})
	}
}

// TestEveryRowOfTheTableCounts: no row stands behind one that always holds, and every condition is one of the table's.
func TestEveryRowOfTheTableCounts(t *testing.T) {
	closed := map[string]bool{}
	used := map[condition]bool{}
	for _, d := range decisions {
		if closed[d.status] || closed[""] {
			t.Errorf("%q %q is never reached", d.status, d.when)
		}
		closed[d.status] = d.when == ""
		if d.when != "" && conditions[d.when] == nil {
			t.Errorf("nobody knows when %q", d.when)
		}
		used[d.when] = true
	}
	for c := range conditions {
		if !used[c] {
			t.Errorf("nothing depends on %q", c)
		}
	}
	for status, is := range closed {
		if !is {
			t.Errorf("nothing is said of %q where no condition holds", status)
		}
	}
}

func TestTheDecisionsAreDocumented(t *testing.T) {
	const file = "../../docs/3ds-decisions.md"
	want := decisionsDocument()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the table says; run go test ./internal/payment -update\n%s", file, diff)
	}
}

func decisionsDocument() string {
	var b strings.Builder
	b.WriteString(`# What a result of 3-D Secure leads to

Printed from the table in ` + "`internal/payment/decision.go`" + ` by its test. It is asked about every ARes, every RReq, and a card
that no directory server has, which counts as U; so does an AReq that is not answered. One that was refused, by ourselves
before it was sent or by an error message about what it says, counts as U, too, but is never paid: some of it is what the
payer's browser says of itself. An error message that a system failed (4xx) counts as no answer.

| verdict | what happens |
| --- | --- |
| authorise | the payment is authorised; the value, where there is one, is shown to the issuer |
| step up | the bank challenges the payer on the attempt's page |
| again | another AReq for the same payer, at most three times in one attempt |
| fail | the payment fails, as a rule with ` + "`AUTHENTICATION_FAILED`" + `; the log says what the bank said |
| refuse | the same, and the log warns: whoever answers so breaks the protocol |

## The table

Of the rows of a transStatus the first that holds counts.

| transStatus | where | verdict | because |
| --- | --- | --- | --- |
`)
	for _, d := range decisions {
		status, when := d.status, string(d.when)
		if status == "" {
			status = "any other"
		}
		if when == "" {
			when = "otherwise"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", status, when, d.verdict, d.why)
	}
	b.WriteString(`
## What an ECI says

An ECI is optional, and proves nothing. One that the scheme gives only to another status is refused with Y, A and I: the
acquirer is told the ECI, and the issuer would read that nobody was authenticated from a message that claims the contrary,
at the merchant's risk and without its knowledge. With U, N and R nothing is paid on the strength of it, so it does not
matter. One that is in no row is passed on as it is: schemes add values, and no sale is lost for one that is new.

| scheme | of | transStatus: ECI |
| --- | --- | --- |
`)
	for _, s := range ecis {
		for _, of := range []struct {
			name  string
			lists map[string][]string
		}{{"a payment", s.payment}, {"a card that is stored", s.nonPayment}} {
			var parts []string
			for _, status := range []string{"Y", "A", "I", "U", "N", "R"} {
				if list := of.lists[status]; len(list) > 0 {
					parts = append(parts, status+": "+strings.Join(list, " or "))
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", s.description, of.name, strings.Join(parts, ", "))
		}
	}
	b.WriteString(`
## What a merchant may choose

` + "`reprise merchant`" + ` sets it. By default Y and A are paid, and nothing else.

| setting | what it does |
| --- | --- |
| ` + "`--refuse-attempts`" + ` | A fails: only payers who were authenticated pay |
| ` + "`--exemption TRA`, `--exemption DATA_SHARE`" + ` | asks banks not to challenge (threeDSRequestorChallengeInd 05 or 06, in 2.1.0 02); their answer I is paid. Only then |
| ` + "`--allow-unauthenticated`" + ` | U is paid as if 3-D Secure was skipped. A card that is typed needs its CVN then |
| ` + "`--mandate-challenge`" + ` | asks banks to challenge every payer (04); excludes an exemption |

Whoever goes on without authentication relies on nothing being wrong by chance alone: a payer who can keep the bank from
answering is not authenticated either. It is for merchants who might as well skip 3-D Secure. A bank that has asked for a
challenge is waited for in any case: U after that fails, also where the challenge was broken off and the bank asked anew.

After a soft decline none of this counts: a challenge is asked for (04), and only Y is paid. Nor does it matter to what a
bank must not say.

## In every case

ECI "its own" is one of the status's, or one that is in no row above.

`)
	head, line := "| transStatus | value | ECI |", "| --- | --- | --- |"
	for _, c := range circumstances {
		head, line = head+" "+c.name+" |", line+" --- |"
	}
	b.WriteString(head + "\n" + line + "\n")
	for _, status := range []string{"Y", "A", "I", "C", "U", "N", "R", "D", "S"} {
		rows := map[string][]string{} // the same verdicts: under which value and ECI
		for _, value := range []string{"yes", "no"} {
			for _, eci := range []string{"none or its own", "another's"} {
				row := matrixRow(status, value == "yes", eci == "another's")
				rows[row] = append(rows[row], value+" | "+eci)
			}
		}
		for _, row := range slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return -strings.Compare(rows[a][0], rows[b][0]) }) {
			where := rows[row]
			switch {
			case len(where) == 4:
				where = []string{"any | any"}
			case len(where) == 2 && strings.HasPrefix(where[0], "no") && strings.HasPrefix(where[1], "no"):
				where = []string{"no | any"}
			case len(where) == 2 && where[0][strings.Index(where[0], "|"):] == where[1][strings.Index(where[1], "|"):]:
				where = []string{"any " + where[0][strings.Index(where[0], "|"):]}
			}
			for _, w := range where {
				fmt.Fprintf(&b, "| %s | %s |%s\n", status, w, row)
			}
		}
	}
	return b.String()
}

// matrixRow are the verdicts in all circumstances. Visa's ECIs stand for all: TestDecisions has the others.
func matrixRow(status string, value, another bool) string {
	row := ""
	for _, c := range circumstances {
		a := c.was
		a.TransStatus = status
		if value {
			a.Value = "value"
		}
		if another {
			a.ECI = map[string]string{"Y": "07", "A": "05"}[status]
			if a.ECI == "" {
				a.ECI = "06"
			}
		}
		v, _ := a.Decide("VISA", c.merchant)
		row += " " + string(v) + " |"
	}
	return row
}
