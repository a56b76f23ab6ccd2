package app

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPanicAtADoor: it is told by its type, and what it holds is not.
func TestPanicAtADoor(t *testing.T) {
	var log bytes.Buffer
	h := &House{log: slog.New(slog.NewTextHandler(&log, nil))}
	for value, logged := range map[any]bool{
		"4000000000001091": true, errors.New("4000000000001091"): true, http.ErrAbortHandler: false,
	} {
		log.Reset()
		func() {
			defer func() {
				if got := recover(); got != http.ErrAbortHandler {
					t.Errorf("%v goes on", got)
				}
			}()
			h.unpanicked("results", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(value) })).
				ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
		}()
		if said := log.String(); strings.Contains(said, "level=ERROR") != logged || strings.Contains(said, "1091") {
			t.Errorf("%T: %q", value, said)
		}
	}
}
