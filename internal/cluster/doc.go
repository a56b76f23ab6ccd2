// Package cluster holds the gateway against its promises from outside, as an operator would meet it: built
// programs as processes of their own, PostgreSQL with a synchronous standby, proxies between all of them, and
// nothing of ours imported. What it needs to know of a payment it asks the API, the bank's ledger, the database
// and the merchant's inbox, and works out again; so it cannot share a mistake with what it tests.
//
// There are only tests in it. They skip by name where PostgreSQL is not installed, and with -short.
package cluster
