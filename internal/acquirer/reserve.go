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

// Numbers wrap around at the size of their field. No STAN of a terminal is drawn twice within an hour: time is cut
// into periods, each draws from one of seven groups of STANs, in turn, and what is left of a block when its period
// is over is thrown away. So a number comes back after six periods at the earliest, 66 minutes less what clocks
// differ by. What a group has not is refused: 216 messages a second for 11 minutes, and a terminal that sells faster
// needs a second one. A counter that just wraps around would give the rest of a block that an idle node holds, to
// others too.
const (
	stans      = 999_999 // 000001 to 999999
	stanGroups = 7
	stanGroup  = stans / stanGroups // 142,857: nothing is left over
	stanPeriod = 11 * time.Minute
	serials    = 36 * 36 * 36 * 36 * 36 * 36 // the last six of DE37
)

// errSTANs says that a terminal has sent as much as its STANs allow. It passes with the period.
var errSTANs = fmt.Errorf("the STANs of a terminal are used up until the next %v begin: %w", stanPeriod, payment.ErrUnavailable)

// nothing is an amount of zero (DE4).
const nothing = "000000000000"

// purposes are what an authorisation is for: its message type, and DE25.
var purposes = map[payment.Purpose]struct{ mti, condition string }{
	payment.Purchase:      {"0200", electronicCommerce},
	payment.Authorisation: {"0100", electronicCommerce},
	payment.Verification:  {"0100", accountStatus},
}

// Reserve draws the trace that will identify an 0100 or 0200, so that it can be committed before it is sent.
// The error says what of the merchant or the amount does not fit the line, or that no numbers could be leased.
func (l *Line) Reserve(ctx context.Context, m payment.Merchant, why payment.Purpose, amount payment.Money) (payment.Trace, error) {
	kind, known := purposes[why]
	currency, ok := payment.NumericCurrency(amount.Currency)
	digits, err := m.AcquirerAmount(amount)
	switch {
	case !known:
		return payment.Trace{}, fmt.Errorf("purpose %q is not known to the acquirer line", why)
	case !ok:
		return payment.Trace{}, fmt.Errorf("currency %q has no ISO 4217 number", amount.Currency)
	case err != nil:
		return payment.Trace{}, err
	case (digits == nothing) != (why == payment.Verification):
		return payment.Trace{}, errors.New("a verification has no amount, and all else has one")
	}
	if err := errors.Join(unfit(m)...); err != nil {
		return payment.Trace{}, fmt.Errorf("merchant %s: %w", m.ID, err)
	}
	terminal := fill(m.Terminal, 8) // as sent, so that what the host echoes finds it again
	stan, err := l.stan(ctx, m.AcquirerBIN, terminal)
	if err != nil {
		return payment.Trace{}, err
	}
	serial, _, err := l.draw(ctx, "rrn/"+m.AcquirerBIN, 0) // DE37 has its hour in it, and no hour sees so many
	if err != nil {
		return payment.Trace{}, err
	}
	now := l.o.Now()
	return payment.Trace{
		MTI:            kind.mti,
		ProcessingCode: purchaseCode,
		Amount:         digits,
		Transmitted:    transmitted(now),
		STAN:           stan,
		LocalTime:      now.In(l.o.Location).Format("150405"),
		LocalDate:      now.In(l.o.Location).Format("0102"),
		Category:       m.MCC,
		Country:        countries[m.AcquiredIn()],
		Condition:      kind.condition,
		Acquirer:       m.AcquirerBIN,
		Forwarder:      l.o.Forwarder,
		RRN:            rrn(now, serial),
		Terminal:       terminal,
		CardAcceptor:   fill(m.CardAcceptor, 15),
		Currency:       currency,
	}, nil
}

// ReserveAdvice draws the trace of an advice: DE7 and DE11 of its own, DE37 and all that names the merchant as
// the original has it. A capture and a refund have the amount that they are about; a refund is a sale's
// opposite and has a DE3 and a local time of its own too. The error says what does not fit the original.
func (l *Line) ReserveAdvice(ctx context.Context, m payment.Merchant, kind payment.AdviceKind, original payment.Trace, amount payment.Money) (payment.Trace, error) {
	if rule := mayAdvise(kind, original); rule != "" {
		return payment.Trace{}, errors.New("an advice " + rule)
	}
	t := original
	if kind == payment.CaptureAdvice || kind == payment.RefundAdvice {
		digits, err := m.AcquirerAmount(amount)
		currency, _ := payment.NumericCurrency(amount.Currency)
		switch {
		case err != nil:
			return payment.Trace{}, err
		case currency != original.Currency || digits == nothing || digits > original.Amount:
			return payment.Trace{}, errors.New("an advice is about more than its original, about nothing or another currency")
		}
		t.Amount = digits
	}
	stan, err := l.stan(ctx, original.Acquirer, original.Terminal)
	if err != nil {
		return payment.Trace{}, err
	}
	now := l.o.Now()
	t.MTI, t.Transmitted, t.STAN = adviceTypes[kind].first, transmitted(now), stan
	if kind == payment.RefundAdvice {
		t.ProcessingCode = refundCode
		t.LocalTime, t.LocalDate = now.In(l.o.Location).Format("150405"), now.In(l.o.Location).Format("0102")
	}
	return t, nil
}

// Beyond is where a lane goes on whose counter was set back, as by a backup that is restored, to next of a period:
// what was given out since is not given out again. STANs go on in the group whose turn is next, which was used last 55
// minutes ago or earlier, serials on the other half of all there are. In both the second at which that happens says
// where, so that the same backup can be restored again a minute later.
func Beyond(lane string, period, next int64, now time.Time) (goesOn, at int64) {
	if strings.HasPrefix(lane, "stan/") {
		elapsed := now.Unix() % int64(stanPeriod/time.Second)
		return max(period, periodOf(now)+1), elapsed * (stanGroup / 2) / int64(stanPeriod/time.Second) // half is left, for what is left of both periods
	}
	return period, next + serials/2 + now.Unix()%3600*(serials/2/3600)
}

func periodOf(now time.Time) int64 { return now.Unix() / int64(stanPeriod/time.Second) }

func (l *Line) stan(ctx context.Context, acquirer, terminal string) (string, error) {
	number, period, err := l.draw(ctx, "stan/"+acquirer+"/"+strings.TrimRight(terminal, " "), periodOf(l.o.Now()))
	if err == nil && number >= stanGroup {
		err = errSTANs
	}
	return fmt.Sprintf("%06d", 1+period%stanGroups*stanGroup+number), err
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
	period    int64
	next, end int64
}

// draw takes the next number of a lane in a period, or in a later one that another node has begun already.
func (l *Line) draw(ctx context.Context, name string, period int64) (number, of int64, err error) {
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
		return 0, 0, ctx.Err()
	}
	defer func() { <-on.turn }()
	if on.next == on.end || on.period < period {
		from, at, err := l.o.Lease(ctx, name, period, block)
		if err != nil {
			return 0, 0, fmt.Errorf("lease numbers for the acquirer line: %w", err)
		}
		if from < 0 || at < period {
			return 0, 0, errors.New("lease numbers for the acquirer line: a negative number, or of a period that is over")
		}
		on.period, on.next, on.end = at, from, from+block
	}
	on.next++
	return on.next - 1, on.period, nil
}
