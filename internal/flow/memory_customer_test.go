package flow_test

import (
	"context"

	"reprise/internal/payment"
)

func (m *memory) Customer(ctx context.Context, b payment.BusinessID, c payment.CustomerID) (payment.Customer, error) {
	return row(ctx, m, m.customers, c, func(c payment.Customer) bool { return c.Business == b })
}

func (m *memory) CustomerByReference(ctx context.Context, b payment.BusinessID, reference string) (payment.Customer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.reads++
	for _, c := range m.customers {
		if c.Business == b && c.ReferenceID == reference {
			return copied(c), ctx.Err()
		}
	}
	return payment.Customer{}, payment.ErrNotFound
}

// addCustomer keeps a customer, unless the reference is another's.
func (m *memory) addCustomer(c payment.Customer) bool {
	for _, other := range m.customers {
		if other.Business == c.Business && other.ReferenceID == c.ReferenceID {
			return false
		}
	}
	c.Version = 1
	m.customers[c.ID] = copied(c)
	return true
}

func (m *memory) CreateCustomer(ctx context.Context, c payment.Customer, once *payment.Once) error {
	if m.between != nil {
		m.between()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	fails := m.failure(ctx, payment.Changes{})
	switch {
	case fails == notWritten:
		return errDown
	case m.repeated(once):
		return payment.ErrRepeated
	case !m.addCustomer(c):
		return payment.ErrTaken
	}
	if err := m.keepAnswer(once, payment.Case{}); err != nil {
		panic(err)
	}
	if fails == answerLost {
		return errDown
	}
	return nil
}

func (m *memory) ChangeCustomer(ctx context.Context, b payment.BusinessID, id payment.CustomerID, fn func(payment.Customer) (payment.Customer, error)) (payment.Customer, error) {
	for {
		before, err := m.Customer(ctx, b, id)
		if err != nil {
			return payment.Customer{}, err
		}
		c, err := fn(copied(before))
		if err != nil {
			return payment.Customer{}, err
		}
		if m.between != nil {
			m.between()
		}
		m.mu.Lock()
		fails, won := m.failure(ctx, payment.Changes{}), m.customers[id].Version == before.Version
		c.Version = before.Version + 1
		if won && fails != notWritten {
			m.customers[id] = copied(c)
		}
		m.mu.Unlock()
		switch {
		case fails != none:
			return payment.Customer{}, errDown
		case won:
			return c, nil
		}
	}
}
