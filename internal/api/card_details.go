package api

import (
	"context"
	"errors"

	"reprise/internal/card"
	"reprise/internal/flow"
	"reprise/internal/gate"
	"reprise/internal/payment"
)

// This file is the only place of this door that knows of card fields. Merchants who may handle card numbers send
// them as channel_properties.card_details; they are cut out of the body before anyone else sees it, and only
// package card judges them.

// cutCards takes the card fields out of a body.
func cutCards(body []byte) (rest []byte, taken any, err error) {
	rest, fields, err := card.Cut(body)
	return rest, fields, fieldError(err)
}

// cardHandler is a handler whose command may have card fields: give puts them into it.
type cardHandler func(ctx context.Context, r *gate.Request, give func(*flow.NewRequest)) (gate.Answer, error)

func withCards(h cardHandler) func(context.Context, *gate.Request, any) (gate.Answer, error) {
	return func(ctx context.Context, r *gate.Request, taken any) (gate.Answer, error) {
		fields := taken.(card.Fields)
		a, err := h(ctx, r, func(n *flow.NewRequest) { n.Fields = fields })
		return a, fieldError(err)
	}
}

// fieldError names a refused card field as the API does. The value is in none of it.
func fieldError(err error) error {
	var field *card.FieldError
	if !errors.As(err, &field) {
		return err
	}
	return gate.Invalid(payment.Field{Path: field.Path, Message: field.Message})
}
