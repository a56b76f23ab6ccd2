package acquirer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"reprise/internal/payment"
)

// block is how many numbers a lane leases at once: few enough that a restart wastes little, many enough
// that the database is asked for every hundredth payment only.
const block = 100

// Numbers wrap around at the size of their field. STANs of one terminal repeat after 999,999 messages; at
// less than 277 a second that is more than an hour, and a terminal that sells faster needs a second one.
const (
	stans   = 999_999                     // 000001 to 999999
	serials = 36 * 36 * 36 * 36 * 36 * 36 // the last six of DE37
)

// Reserve draws the trace that will identify an 0200, so that it can be committed before it is sent. The
// error says what of the merchant or the amount does not fit the line, or that no numbers could be leased.
func (l *Line) Reserve(ctx context.Context, m payment.Merchant, why payment.Purpose, amount payment.Money) (payment.Trace, error) {
	currency, ok := payment.NumericCurrency(amount.Currency)
	switch {
	case !ok:
		return payment.Trace{}, fmt.Errorf("currency %q has no ISO 4217 number", amount.Currency)
	case amount.Minor <= 0 || amount.Minor > 999_999_999_999:
		return payment.Trace{}, errors.New("amount is not positive or does not fit DE4")
	}
	if err := errors.Join(unfit(m)...); err != nil {
		return payment.Trace{}, fmt.Errorf("merchant %s: %w", m.ID, err)
	}
	terminal := fill(m.Terminal, 8) // as sent, so that what the host echoes finds it again
	stan, err := l.stan(ctx, m.AcquirerBIN, terminal)
	if err != nil {
		return payment.Trace{}, err
	}
	serial, err := l.draw(ctx, "rrn/"+m.AcquirerBIN)
	if err != nil {
		return payment.Trace{}, err
	}
	now := l.o.Now()
	return payment.Trace{
		MTI:            "0200",
		ProcessingCode: purchaseCode,
		Amount:         fmt.Sprintf("%012d", amount.Minor),
		Transmitted:    transmitted(now),
		STAN:           stan,
		LocalTime:      now.In(l.o.Location).Format("150405"),
		LocalDate:      now.In(l.o.Location).Format("0102"),
		Category:       m.MCC,
		Country:        countries[m.Country],
		Acquirer:       m.AcquirerBIN,
		Forwarder:      l.o.Forwarder,
		RRN:            rrn(now, serial),
		Terminal:       terminal,
		CardAcceptor:   fill(m.CardAcceptor, 15),
		Currency:       currency,
	}, nil
}

// ReserveAdvice draws the trace of a 0420: DE7 and DE11 of its own, all else as the original has it.
func (l *Line) ReserveAdvice(ctx context.Context, m payment.Merchant, kind payment.AdviceKind, original payment.Trace, amount payment.Money) (payment.Trace, error) {
	stan, err := l.stan(ctx, original.Acquirer, original.Terminal)
	if err != nil {
		return payment.Trace{}, err
	}
	t := original
	t.MTI, t.Transmitted, t.STAN = "0420", transmitted(l.o.Now()), stan
	return t, nil
}

func (l *Line) stan(ctx context.Context, acquirer, terminal string) (string, error) {
	number, err := l.draw(ctx, "stan/"+acquirer+"/"+strings.TrimRight(terminal, " "))
	return fmt.Sprintf("%06d", 1+number%stans), err
}

// rrn makes DE37: the last digit of the year, the day of the year counted from 001 (as a Julian date is),
// the hour in UTC, six of base 36.
func rrn(at time.Time, serial int64) string {
	at = at.UTC()
	tail := strings.ToUpper(strconv.FormatInt(serial%serials, 36))
	return fmt.Sprintf("%d%03d%02d%s", at.Year()%10, at.YearDay(), at.Hour(), zeros(tail, 6))
}

// lanes hands out numbers that no other node hands out: each lane is a counter in the database, leased in
// blocks.
type lanes struct {
	mu   sync.Mutex
	lane map[string]*lane
}

// lane is one counter's leased block. Its turn is a channel and not a lock, so that waiting for a slow
// lease ends when the caller's context does.
type lane struct {
	turn      chan struct{}
	next, end int64
}

// draw takes the next number of a lane.
func (l *Line) draw(ctx context.Context, name string) (int64, error) {
	l.lanes.mu.Lock()
	on := l.lanes.lane[name]
	if on == nil {
		on = &lane{turn: make(chan struct{}, 1)}
		l.lanes.lane[name] = on
	}
	l.lanes.mu.Unlock()

	select {
	case on.turn <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { <-on.turn }()
	if on.next == on.end {
		from, err := l.o.Lease(ctx, name, block)
		if err != nil {
			return 0, fmt.Errorf("lease numbers for the acquirer line: %w", err)
		}
		if from < 0 {
			return 0, errors.New("lease numbers for the acquirer line: a negative number")
		}
		on.next, on.end = from, from+block
	}
	on.next++
	return on.next - 1, nil
}
