package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reprise/internal/payment"
)

// watched is an engine with somebody between it and the store; see Options.Watch.
type watched struct {
	engine
	watch func(what string, args []any, do func() error) error
}

func (w watched) commit(ctx context.Context, list []stmt) error {
	var verbs []string
	var args []any
	for _, st := range list {
		if v := verb(st.sql); !slices.Contains(verbs, v) {
			verbs = append(verbs, v)
		}
		args = append(args, st.args...)
	}
	err := w.watch(strings.Join(verbs, ", "), args, func() error { return w.engine.commit(ctx, list) })
	if errors.Is(err, payment.ErrUnsure) && !errors.Is(err, errLost) {
		return fmt.Errorf("%w: %w", errLost, err)
	}
	return err
}

func (w watched) query(ctx context.Context, q stmt) error {
	return w.watch(verb(q.sql), q.args, func() error { return w.engine.query(ctx, q) })
}

func (w watched) find(ctx context.Context, q stmt) error {
	return w.watch(verb(q.sql), q.args, func() error { return w.engine.find(ctx, q) })
}

// verb is what a statement does, and to which table: "INSERT work", "SELECT request".
func verb(sql string) string {
	first, before := "", ""
	for word := range strings.FieldsSeq(sql) {
		switch {
		case first == "":
			first = word
		case before == "INTO":
			return "INSERT " + word
		case before == "UPDATE":
			return "UPDATE " + word
		case before == "FROM" && !strings.HasPrefix(word, "(") && (first == "DELETE" || first == "SELECT"):
			return first + " " + word
		}
		before = word
	}
	return first
}
