package threeds

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectors are messages that real 3DS Servers and directory servers exchanged in a scheme's certification.
// They are not part of the project: REPRISE_3DS_VECTORS names a folder SCHEME/CASE/{areq,ares,…}.json.
func vectors(t *testing.T) []vector {
	root := os.Getenv("REPRISE_3DS_VECTORS")
	if root == "" {
		t.Skip("REPRISE_3DS_VECTORS does not name the folder of certification exchanges")
	}
	var found []vector
	for _, kind := range []string{"areq", "ares", "creq", "cres", "rreq", "rres", "preq", "pres", "erro"} {
		files, err := filepath.Glob(filepath.Join(root, "*", "*", kind+".json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text := readVector(t, file)
			v := vector{name: filepath.Join(filepath.Base(filepath.Dir(file)), kind), text: text, kind: kinds[slices.Index(lower, kind)]}
			for answer, request := range map[string]string{"ares": "areq", "cres": "areq", "pres": "preq"} {
				if kind == answer {
					asked := readVector(t, filepath.Join(filepath.Dir(file), request+".json"))
					v.about, _, _ = decode(bytes.NewReader(asked), expected{types: kinds}) // judged on its own
				}
			}
			found = append(found, v)
		}
	}
	if len(found) == 0 {
		t.Fatal("REPRISE_3DS_VECTORS names a folder without exchanges")
	}
	return found
}

// readVector reads a message, which some wrap as {"body": base64}.
func readVector(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
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
	name, kind string
	text       []byte
	about      Message
}

var lower = []string{"areq", "ares", "creq", "cres", "preq", "pres", "rreq", "rres", "erro"}

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
		m, violation, err := decode(bytes.NewReader(v.text), expected{types: []string{v.kind}, about: v.about})
		if violation != nil || err != nil {
			t.Errorf("%s: %v, %v", v.name, violation, err)
			continue
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		var one, other any
		if json.Unmarshal(v.text, &one) != nil || json.Unmarshal(again, &other) != nil {
			t.Fatalf("%s is not JSON", v.name)
		}
		if diff := cmp.Diff(one, other); diff != "" {
			t.Errorf("%s written again (-read +written):\n%s", v.name, diff)
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
		err := l.finish(mustDecode(t, v.text, expected{types: []string{"PRes"}, version: v.about.Version, about: v.about, stream: &stream{"cardRangeData", l.take}}))
		if err != nil || l.rows == 0 {
			t.Errorf("%s: %d rows, %v", v.name, l.rows, err)
		}
	}
}

func TestVectorMutations(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: they take as long as the exchanges are many")
	}
	tried := 0
	for _, v := range vectors(t) {
		var fields map[string]any
		if err := json.Unmarshal(v.text, &fields); err != nil {
			t.Fatal(err)
		}
		version, _ := fields["messageVersion"].(string)
		m := made{v.name, v.kind, fields, oracle{version: version, aboutKind: v.about.Type, about: v.about.fields}}
		tried += m.mutate(t)
	}
	t.Logf("counted: %d mutations of certification messages tried", tried)
}
