package bench

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestNamesOfCopies: a copy has no name of what it was copied from, has names of the same shape that begin with its
// time, and keeps whose card and whose merchant it is.
func TestNamesOfCopies(t *testing.T) {
	e := example{names: []string{
		"ps-69271f10aaaaaaaaaaaaaaaa", "pr-019abfed-0000-7000-8000-000000000001", "019abfed-0000-7000-8000-000000000002",
		"02|400551|TOKO0001|1126101112|000487|6330100000DI", "CiFTWCf6LpqO_LPbXCQ1fcx6cgLEcOvm",
	}}
	kept := `{"token":"pt-019abfed-0000-7000-8000-000000000003","customer":"cust-019abfed-0000-7000-8000-000000000004"`
	text := kept + `,"all":"` + strings.Join(e.names, " ") + `"}`
	shape := regexp.MustCompile(`^\Q` + kept + `\E,"all":"ps-([0-9a-f]{8})[0-9a-f]{16} pr-([0-9a-f]{8}-[0-9a-f]{4})-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12} ` +
		`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12} 02\|400551\|TOKO0001\|1126101112\|000487\|[0-9A-F]{12} [0-9a-f]{32}"}$`)
	seen := map[string]bool{}
	var before []string
	e.rows = []row{{0, []any{text, int64(7), []byte("x"), "no name"}}}
	e.cut()
	for i := range 200 {
		came := copyOf(e.rows[0].values, e.namesAt(time.Unix(1_700_000_000+int64(i), 0)))
		found := shape.FindStringSubmatch(came[0].(string))
		if found == nil || came[1] != int64(7) || came[3] != "no name" {
			t.Fatalf("%v", came)
		}
		if seen[came[0].(string)] || before != nil && (found[1] <= before[1] || found[2] <= before[2]) {
			t.Fatalf("%s came again, or before one that is older", came[0])
		}
		seen[came[0].(string)], before = true, found
	}
}
