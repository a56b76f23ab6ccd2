package store

import (
	"context"
	"errors"
	"fmt"
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
		verbs, args = append(verbs, verb(st.sql)), append(args, st.args...)
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

// verb is what a statement does, and to which table: "INSERT work", "SELECT request".
func verb(sql string) string {
	words := strings.Fields(sql)
	for i, word := range words[:len(words)-1] {
		switch table := words[i+1]; word {
		case "INTO":
			return "INSERT " + table
		case "UPDATE":
			return "UPDATE " + table
		case "FROM":
			if strings.HasPrefix(table, "(") {
				continue
			}
			if words[0] == "DELETE" {
				return "DELETE " + table
			}
			if words[0] == "SELECT" {
				return "SELECT " + table
			}
		}
	}
	return words[0]
}
