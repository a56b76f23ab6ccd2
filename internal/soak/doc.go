// Package soak is proof, not product: it holds whole houses in one process against seeds. Time is virtual, the
// network is in memory, and one scheduler with a seed decides what happens next, and what goes wrong. What the
// issuer's ledger, our books and the merchant's sink say at the end must be one story. See docs/proof.md.
package soak
