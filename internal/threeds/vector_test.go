package threeds

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectors are messages that real 3DS Servers and directory servers exchanged in a scheme's certification.
// They are not part of the project: REPRISE_3DS_VECTORS names a folder SCHEME/CASE/{areq,ares,…}.json. Files of other
// names are not read, and an exchange need not be whole.
func vectors(t *testing.T) []vector {
	t.Helper()
	root := os.Getenv("REPRISE_3DS_VECTORS")
	if root == "" {
		t.Skip("REPRISE_3DS_VECTORS does not name the folder of certification exchanges")
	}
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var found []vector
	for _, file := range files {
		folder, name := filepath.Split(file)
		lower := strings.TrimSuffix(name, ".json")
		at := slices.IndexFunc(kinds, func(kind string) bool { return strings.ToLower(kind) == lower })
		switch {
		case at < 0:
			t.Logf("%s is no message", file)
			continue
		case at >= slices.Index(kinds, "CReq") && notOurs(t, folder, lower):
			t.Logf("%s belongs to a challenge that is not a browser's", file)
			continue
		}
		v := vector{name: filepath.Join(filepath.Base(filepath.Dir(filepath.Clean(folder))), filepath.Base(folder), lower), kind: kinds[at], text: readVector(t, file)}
		var envelope struct{ MessageType, MessageVersion string }
		if json.Unmarshal(v.text, &envelope); envelope.MessageType == "Erro" { // whatever was asked
			v.kind = "Erro"
		}
		v.version = envelope.MessageVersion
		if request := map[string]string{"ares": "areq", "cres": "areq", "pres": "preq"}[lower]; request != "" {
			asked := readVector(t, filepath.Join(folder, request+".json"))
			v.about, _, _ = decode(bytes.NewReader(asked), expected{types: kinds}) // judged on its own
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		t.Fatal("REPRISE_3DS_VECTORS names a folder without exchanges")
	}
	return found
}

// notOurs says whether a message of a challenge is none that a 3DS Server for browsers has: an app's, whose CReq and
// CRes are others, or one that the bank holds later, without a browser.
func notOurs(t *testing.T, folder, kind string) bool {
	if !slices.Contains([]string{"creq", "cres", "rreq", "rres"}, kind) {
		return false
	}
	var asked, answer struct{ DeviceChannel, TransStatus string }
	json.Unmarshal(readVector(t, filepath.Join(folder, "areq.json")), &asked)
	json.Unmarshal(readVector(t, filepath.Join(folder, "ares.json")), &answer)
	return asked.DeviceChannel == "01" || asked.DeviceChannel == "03" || answer.TransStatus == "D"
}

// readVector reads a message, which some wrap as {"body": base64}. It is nil where there is none.
func readVector(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var wrapped struct{ Body []byte }
	if json.Unmarshal(text, &wrapped) == nil && wrapped.Body != nil {
		return wrapped.Body
	}
	return text
}

type vector struct {
	name, kind, version string
	text                []byte
	about               Message // that it answers; empty where the file is not there
}

// decode reads a vector as we would on the line: the rows of a PRes as a stream, which each is handed to take.
func (v vector) decode(take func(map[string]any)) (Message, *Erro, error) {
	want := expected{types: []string{v.kind}, about: v.about}
	if tables[v.version] != nil && v.kind == "PRes" {
		want.version, want.stream = v.version, &stream{"cardRangeData", take}
	}
	return decode(bytes.NewReader(v.text), want)
}

func mustDecode(t *testing.T, text []byte, want expected) Message {
	t.Helper()
	m, violation, err := decode(bytes.NewReader(text), want)
	if violation != nil || err != nil {
		t.Fatalf("decode: %v, %v", violation, err)
	}
	return m
}

// TestVectors decodes every exchange, of all channels and categories, without a violation and writes it
// again as an equal document.
func TestVectors(t *testing.T) {
	counts := map[string]int{}
	for _, v := range vectors(t) {
		rows := []any{}
		m, violation, err := v.decode(func(row map[string]any) { rows = append(rows, row) })
		if violation != nil || err != nil {
			t.Errorf("%s: %v, %v", v.name, violation, err)
			continue
		}
		if _, cut := m.fields["cardRangeData"].(streamed); cut {
			m.fields["cardRangeData"] = rows
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		var one, other any
		if json.Unmarshal(v.text, &one) != nil || json.Unmarshal(again, &other) != nil {
			t.Fatalf("%s is not JSON", v.name)
		}
		if !reflect.DeepEqual(one, other) {
			t.Errorf("%s written again (-read +written):\n%s", v.name, cmp.Diff(sampled(one), sampled(other)))
		}
		counts[m.Version+" "+m.Type]++
	}
	t.Log(counts)
}

// TestVectorRanges streams the card ranges of the certification into a table.
func TestVectorRanges(t *testing.T) {
	for _, v := range vectors(t) {
		if v.kind != "PRes" {
			continue
		}
		l := newLoader(nil)
		m, violation, err := v.decode(l.take)
		if violation != nil || err != nil {
			t.Errorf("%s: %v, %v", v.name, violation, err)
			continue
		}
		err = l.finish(m)
		if everything := v.about.Type == "PReq" && v.about.text("serialNum") == ""; err != nil || everything && l.rows == 0 {
			t.Errorf("%s: %d rows, %v", v.name, l.rows, err)
		}
	}
}

// mostRows of a list are mutated. A PRes has thousands, of which one is like the other: TestVectors reads them all.
const mostRows = 20

// sampled is a value whose lists are cut to their first elements.
func sampled(value any) any {
	switch value := value.(type) {
	case []any:
		cut := make([]any, min(len(value), mostRows))
		for i := range cut {
			cut[i] = sampled(value[i])
		}
		return cut
	case map[string]any:
		cut := make(map[string]any, len(value))
		for name, inner := range value {
			cut[name] = sampled(inner)
		}
		return cut
	}
	return value
}

// TestVectorMutations mutates each element of each message. What is bad in any place is tried in every one; the many
// other values of a class, where that element of that message in that version and state is met for the first time.
func TestVectorMutations(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: they take as long as the exchanges are many")
	}
	tried, met := 0, map[string]bool{}
	for _, v := range vectors(t) {
		var fields map[string]any
		if err := json.Unmarshal(v.text, &fields); err != nil {
			t.Fatal(err)
		}
		version, _ := fields["messageVersion"].(string)
		m := made{v.name, v.kind, sampled(fields).(map[string]any), oracle{version: version, aboutKind: v.about.Type, about: v.about.fields}}
		tried += m.mutate(t, func(element string) bool {
			where := fmt.Sprint(version, v.kind, fields["transStatus"], v.about.fields["messageCategory"], element)
			first := !met[where]
			met[where] = true
			return first
		})
	}
	t.Logf("counted: %d mutations of certification messages tried, of lists on the first %d elements", tried, mostRows)
}

// TestFoldersOfVectors: what a folder of exchanges may look like, whoever laid it out.
func TestFoldersOfVectors(t *testing.T) {
	root := t.TempDir()
	write := func(file string, text []byte) {
		t.Helper()
		file = filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o := func(version string) oracle { return oracle{version: version} }
	asked := map[string]any{"deviceChannel": "02", "messageCategory": "01", "threeDSRequestorAuthenticationInd": "01"}
	write("one/wrapped/areq.json", compact(map[string]any{"body": compact(o("2.2.0").made("AReq", true, asked))}))
	write("one/wrapped/ares.json", compact(map[string]any{
		"body": compact(oracle{version: "2.2.0", aboutKind: "AReq", about: asked}.made("ARes", false, map[string]any{"transStatus": "Y", "eci": "05"})),
	}))
	write("one/wrapped/notes.json", []byte(`["not a message"]`))
	write("two/alone-a/ares.json", compact(o("2.3.1").made("ARes", false, map[string]any{"transStatus": "Y"})))
	write("two/alone-c/cres.json", compact(o("2.1.0").made("CRes", true, nil)))
	write("two/nothing-new/preq.json", compact(o("2.1.0").made("PReq", false, map[string]any{"serialNum": "7"})))
	write("two/nothing-new/pres.json", compact(oracle{version: "2.1.0", aboutKind: "PReq", about: map[string]any{"serialNum": "7"}}.made("PRes", false, nil)))
	write("two/refused/areq.json", compact(o("2.1.0").made("AReq", false, asked)))
	write("two/refused/ares.json", compact(o("2.1.0").made("Erro", false, nil)))
	write("app/challenge/areq.json", compact(o("2.2.0").made("AReq", false, map[string]any{"deviceChannel": "01", "messageCategory": "01"})))
	write("app/challenge/creq.json", []byte(`{"messageType":"CReq","messageVersion":"2.2.0","sdkTransID":"x"}`))
	for _, version := range []string{"2.1.0", "2.3.1"} {
		var rows []any
		for i := range 5000 {
			first, last := fmt.Sprintf("4%015d", i*10), fmt.Sprintf("4%015d", i*10+9)
			row := map[string]any{"startRange": first, "endRange": last}
			if version == "2.3.1" {
				row = map[string]any{"ranges": []any{map[string]any{"start": first, "end": last}}}
			}
			o(version).fill(ruleOf(t, version, "PRes", "cardRangeData").Fields, row, true)
			rows = append(rows, row)
		}
		big := compact(o(version).made("PRes", false, map[string]any{"cardRangeData": rows}))
		if len(big) <= maxMessage {
			t.Fatalf("%d bytes are not many", len(big))
		}
		write("big/"+version+"/pres.json", big)
	}
	t.Setenv("REPRISE_3DS_VECTORS", root)
	if n := len(vectors(t)); n != 11 {
		t.Errorf("%d messages were read", n)
	}
	t.Run("decoded", TestVectors)
	t.Run("ranges", TestVectorRanges)
	t.Run("mutated", TestVectorMutations)
}

// ruleOf is the rule of an element at the top of a message.
func ruleOf(t *testing.T, version, kind, field string) Rule {
	t.Helper()
	for _, rule := range tables[version][kind] {
		if rule.Field == field {
			return rule
		}
	}
	t.Fatalf("%s %s has no %s", kind, version, field)
	return Rule{}
}
