package store

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reprise/internal/payment"
)

var update = flag.Bool("update", false, "write testdata anew")

// Objects are kept as JSON under the names of their fields. A field that was renamed would be read as empty
// from every row written before: rename it only with a migration, and add new ones here with -update.
func TestKeptObjects(t *testing.T) {
	for name, object := range map[string]any{
		"session": &payment.Session{}, "request": &payment.Request{}, "advice": &payment.Advice{}, "merchant": &payment.Merchant{},
		"token": &payment.Token{}, "refund": &payment.Refund{},
	} {
		t.Run(name, func(t *testing.T) {
			fill(reflect.ValueOf(object).Elem())
			file := filepath.Join("testdata", name+".json")
			if *update {
				text, err := encode(object)
				must(t, err)
				var indented bytes.Buffer
				must(t, json.Indent(&indented, []byte(text), "", "  "))
				must(t, os.WriteFile(file, append(indented.Bytes(), '\n'), 0o644))
			}
			text, err := os.ReadFile(file)
			must(t, err)
			read := reflect.New(reflect.TypeOf(object).Elem()).Interface()
			must(t, decode(text, read))
			if diff := cmp.Diff(object, read); diff != "" {
				t.Errorf("rows written before are read otherwise (-want +read):\n%s", diff)
			}
		})
	}
}

// fill sets every field to something that is not its zero value.
func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(moment))
	case v.Type() == reflect.TypeFor[[]byte]():
		v.SetBytes([]byte("x"))
	case v.Type() == reflect.TypeFor[json.RawMessage]():
		v.SetBytes([]byte(`"x"`))
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case v.Kind() == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case v.Type() == reflect.TypeFor[payment.Unread](): // is not of the object's own
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(7)
	}
}
