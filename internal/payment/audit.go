package payment

import "time"

// Actor is who changes what decides about access: merchants, keys, endpoints.
type Actor string

// Operator is somebody at the command line, by the name of the account at the operating system.
func Operator(account string) Actor { return Actor("cli:" + account) }

// Actor is the holder of the key.
func (k Key) Actor() Actor { return Actor("key:" + k.ID()) }

// Audit says that something was changed, by whom and when (PCI DSS 10.2.1.5, 10.2.2). It is written in the
// commit that changes it, and is never changed itself. No key or secret is in it.
type Audit struct {
	At       time.Time
	Actor    Actor
	Business BusinessID     // whose it is
	Act      string         // "key.revoke"
	Object   string         // its id
	Change   map[string]any // what it became, by member; of a merchant what changed, as a list of before and after
}
