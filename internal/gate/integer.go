package gate

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// integers narrows the type integer to what Go reads as an int64. To JSON Schema 1e2 and 100.0 are integers
// too (2020-12 §4.2.3), on which a door would fail.
func integers() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL:        "urn:reprise:integers",
		Subschemas: schemas(),
		Compile: func(_ *jsonschema.CompilerContext, schema map[string]any) (jsonschema.SchemaExt, error) {
			var types []string
			switch t := schema["type"].(type) {
			case string:
				types = []string{t}
			case []any:
				for _, name := range t {
					name, _ := name.(string)
					types = append(types, name)
				}
			}
			if !slices.Contains(types, "integer") || slices.Contains(types, "number") {
				return nil, nil
			}
			return integer{types}, nil
		},
	}
}

// integer judges the numbers of a schema whose type is integer, perhaps among others.
type integer struct{ types []string }

func (i integer) Validate(ctx *jsonschema.ValidatorContext, v any) {
	n, ok := v.(json.Number)
	if !ok {
		return // of another type, which the keyword itself judges
	}
	if _, err := strconv.ParseInt(n.String(), 10, 64); err != nil {
		ctx.AddError(&kind.Type{Got: "number", Want: i.types})
	}
}
