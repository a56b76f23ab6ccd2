package payment

import "time"

// Binding ties a sealed CVN to the one payment it was typed for. All of it is authenticated with the
// ciphertext, so a row moved to another attempt, amount or card cannot be opened.
type Binding struct {
	Business BusinessID
	Session  SessionID
	Request  RequestID
	Token    TokenID
	Amount   Money
	Expires  time.Time // microseconds count
}

// SealedCVN is one row of the escrow. It opens only with the browser's share, which is stored nowhere
// (PCI DSS 3.3.2; docs/card-data.md).
type SealedCVN struct {
	Request    RequestID
	Verifier   []byte // 32 bytes: tells which row a share belongs to, says nothing of the key
	Ciphertext []byte // AES-256-GCM
	Nonce      []byte // 12 bytes, random
	MasterKey  string // id of the escrow master key that is the other half
	Expires    time.Time
}
