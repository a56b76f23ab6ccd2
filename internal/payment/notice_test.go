package payment

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryNoticeIsListed: the source is read, because a constant that is left out of the list shows nowhere else.
func TestEveryNoticeIsListed(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "notice.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var named []NoticeKind
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if of, ok := spec.Type.(*ast.Ident); ok && of.Name == "NoticeKind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			named = append(named, NoticeKind(text))
		}
		return true
	})
	if diff := cmp.Diff(slices.Sorted(slices.Values(named)), slices.Sorted(slices.Values(NoticeKinds()))); diff != "" {
		t.Errorf("the constants, and NoticeKinds:\n%s", diff)
	}
}

func TestEveryNoticeIsAboutSomething(t *testing.T) {
	c := caseIn(Succeeded)
	c.Refund = &Refund{ID: "rfd-1", Version: 7}
	for _, kind := range NoticeKinds() {
		if object, sequence, err := kind.Subject(c); object == "" || sequence != map[string]int64{
			"ps-1": 3, "pt-1": 2, "rfd-1": 7, "pr-1": 5, "py-1": 5,
		}[object] || err != nil {
			t.Errorf("%s: %q %d, %v", kind, object, sequence, err)
		}
		object, _, err := kind.Subject(Case{})
		if object != "" || err == nil {
			t.Errorf("%s about nothing: %q, %v", kind, object, err)
		}
	}
	if object, _, err := NoticeKind("payment.surprise").Subject(c); object != "" || err == nil {
		t.Errorf("a notice that nobody knows is about %q, %v", object, err)
	}
}
