package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"reprise/internal/payment"
)

// Figures are what the memory knows of how things stand, for all nodes together.
type Figures struct {
	Unknown int             // payments of which nobody knows whether money was taken
	Advices []AdviceFigures // that are open, or that the acquirer never confirmed
	Due     []WorkFigures
}

// AdviceFigures are how many advices of one kind there are in one status.
type AdviceFigures struct {
	Kind   payment.AdviceKind
	Status payment.AdviceStatus
	N      int
}

// WorkFigures are how much work of one kind is due and in nobody's hands, and for how long the oldest of it.
type WorkFigures struct {
	Kind    payment.WorkKind
	N       int
	Overdue time.Duration
}

// Figures reads how things stand. It looks only at what is not settled, which an index holds.
func (s *Store) Figures(ctx context.Context) (f Figures, err error) {
	advices := s.engine.query(ctx, stmt{
		sql: `
SELECT unsettled.kind, unsettled.status, COUNT(*), CAST(SUM(unsettled.unknown) AS BIGINT)
FROM (
    SELECT CASE WHEN a.data LIKE '%"Kind":"REVERSAL"%' THEN 'REVERSAL' WHEN a.data LIKE '%"Kind":"RELEASE"%' THEN 'RELEASE'
                WHEN a.data LIKE '%"Kind":"CAPTURE"%' THEN 'CAPTURE' ELSE 'REFUND' END AS kind,
           a.status AS status, CASE WHEN a.status = 'OPEN' AND r.state = 'REVERSING' THEN 1 ELSE 0 END AS unknown
    FROM advice a JOIN request r ON r.id = a.request
    WHERE a.status IN ('OPEN', 'NO_TRACE', 'GIVEN_UP')
) unsettled
GROUP BY unsettled.kind, unsettled.status`,
		each: func(r row) error {
			var a AdviceFigures
			var unknown int
			err := r.Scan(&a.Kind, &a.Status, &a.N, &unknown)
			f.Advices, f.Unknown = append(f.Advices, a), f.Unknown+unknown
			return err
		},
	})
	now := s.Now()
	due := s.engine.query(ctx, stmt{
		// What is due is looked up first, as the index has it: for one endpoint after the other, and for nobody.
		sql: `
WITH RECURSIVE ` + knownPeers + `, webhooks AS MATERIALIZED (
    SELECT (SELECT COUNT(*) FROM work w WHERE w.peer = known.peer AND w.next_at <= $1) AS n,
           (SELECT MIN(w.next_at) FROM work w WHERE w.peer = known.peer) AS oldest
    FROM known WHERE known.peer > ''
), own AS MATERIALIZED (SELECT kind, next_at FROM work WHERE peer = '' AND next_at <= $1)
SELECT 'webhook', CAST(SUM(n) AS BIGINT), MIN(oldest) FROM webhooks WHERE n > 0 HAVING COUNT(*) > 0
UNION ALL
SELECT kind, COUNT(*), MIN(next_at) FROM own GROUP BY kind`,
		args: []any{micros(now)},
		each: func(r row) error {
			var w WorkFigures
			var oldest int64
			err := r.Scan(&w.Kind, &w.N, &oldest)
			w.Overdue = now.Sub(fromMicros(oldest))
			f.Due = append(f.Due, w)
			return err
		},
	})
	return f, errors.Join(advices, due)
}

// Connections are those to the database that this node has.
type Connections struct {
	Busy, Idle, Max int
	Waits           int64 // how often somebody had to wait for one, so far
}

// Connections says how many connections there are.
func (s *Store) Connections() Connections { return s.engine.connections() }

func (p *postgres) connections() Connections {
	now := p.pool.Stat()
	return Connections{
		Busy: int(now.AcquiredConns()), Idle: int(now.IdleConns()), Max: int(now.MaxConns()), Waits: now.EmptyAcquireCount(),
	}
}

// connections of a file are the writer's and those that read.
func (q *sqlite) connections() Connections {
	all := Connections{Max: 1 + readers}
	for _, now := range []sql.DBStats{q.write.Stats(), q.read.Stats()} {
		all.Busy, all.Idle, all.Waits = all.Busy+now.InUse, all.Idle+now.Idle, all.Waits+now.WaitCount
	}
	return all
}

// Busy says how much work of each kind this node is doing.
func (s *Store) Busy() map[payment.WorkKind]int {
	s.slots.mu.Lock()
	defer s.slots.mu.Unlock()
	busy := map[payment.WorkKind]int{}
	for _, kind := range s.slots.kinds {
		busy[payment.WorkKind(kind)] = 0
	}
	for kind, n := range s.slots.byKind {
		busy[kind] = n
	}
	return busy
}
