package store

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
)

// panicked is an error made of a panic. It holds neither the value nor the arguments on the stack, either
// of which could be card data.
type panicked struct {
	kind  string // the value's type
	stack []string
}

// newPanicked is called by the function that recovers.
func newPanicked(value any) *panicked {
	return &panicked{kind: fmt.Sprintf("%T", value), stack: stack()}
}

func (p *panicked) Error() string { return "panic: " + p.kind }

func (p *panicked) LogValue() slog.Value {
	return slog.GroupValue(slog.String("panic", p.kind), slog.String("stack", strings.Join(p.stack, " < ")))
}

// stack names the functions and lines that led to the panic, without their arguments.
func stack() []string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs[:])]) // from where the deferred one was called
	var names []string
	for {
		frame, more := frames.Next()
		names = append(names, fmt.Sprintf("%s:%d", frame.Function, frame.Line))
		if !more {
			return names
		}
	}
}
