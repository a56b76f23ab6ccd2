package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// operation is one thing that is measured, about the nth order. It registers the webhooks that it leads to.
type operation func(ctx context.Context, n int64) error

// workload is something that a gateway is asked to do, again and again.
type workload struct {
	name, about string
	on          func(*site) operation
}

// Two are not in the list of workloads, for what they measure is no operation: growth is oneclick on databases of several
// sizes, webhooks is how fast those that wait are delivered.
const (
	growth   = "growth"
	webhooks = "webhooks"
)

func workloads() []workload {
	return []workload{
		{"session", "create a session", func(s *site) operation {
			return func(ctx context.Context, n int64) error {
				_, err := s.open(ctx, s.cards, n, true)
				return err
			}
		}},
		{"oneclick", "session, CVN, purchase and capture over ISO 8583 without 3-D Secure, two webhooks", func(s *site) operation {
			return func(ctx context.Context, n int64) error {
				_, err := s.oneclick(ctx, n)
				return err
			}
		}},
		{"frictionless", "the same with 3-D Secure whose bank lets the payer pass: 3DS Method, AReq", func(s *site) operation {
			return func(ctx context.Context, n int64) error { return s.clicks(ctx, s.cards, n) }
		}},
		{"challenge", "the same with a bank that asks for a code: CReq, page, RReq, CRes", func(s *site) operation {
			return func(ctx context.Context, n int64) error { return s.clicks(ctx, s.asked, n) }
		}},
		{"refund", "oneclick, and all of it given back", func(s *site) operation { return s.refund }},
		{"mixed", "of twenty: ten oneclick, four frictionless, two challenges, three sessions that nobody pays, one refund", mixed},
	}
}

func mixed(s *site) operation {
	var each []operation
	for _, part := range []struct {
		name  string
		times int
	}{{"oneclick", 10}, {"frictionless", 4}, {"challenge", 2}, {"session", 3}, {"refund", 1}} {
		for _, w := range workloads() {
			if w.name == part.name {
				each = append(each, slices.Repeat([]operation{w.on(s)}, part.times)...)
			}
		}
	}
	return func(ctx context.Context, n int64) error {
		return each[n*7%int64(len(each))](ctx, n) // 7 has no divisor in common with twenty: all come, well mixed
	}
}

// choose finds workloads by their names, and says which of the others are named.
func choose(names []string) (chosen []workload, others map[string]bool, err error) {
	var known []string
	for _, w := range workloads() {
		known = append(known, w.name)
	}
	others = map[string]bool{}
	for i, name := range names {
		at := slices.Index(known, name)
		switch {
		case slices.Contains(names[:i], name):
			return nil, nil, fmt.Errorf("%s is named twice", name)
		case name == growth, name == webhooks:
			others[name] = true
		case at < 0:
			return nil, nil, fmt.Errorf("there is no workload %q: there are %s, %s and %s", name, strings.Join(known, ", "), growth, webhooks)
		default:
			chosen = append(chosen, workloads()[at])
		}
	}
	return chosen, others, nil
}
