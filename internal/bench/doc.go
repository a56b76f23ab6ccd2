// Package bench measures the gateway from outside. It starts the simulated world and a gateway as processes of their own,
// drives them over HTTP as merchants and payers do, takes the webhooks, and accounts for what each process used. Beside
// the gateway it measures limits: the least that a durable payment costs on the same machine, without a gateway.
//
// It imports nothing of ours, so that what is measured cannot be measured wrongly in the same way. docs/performance.md
// says what each figure means.
package bench
