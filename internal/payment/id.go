package payment

import (
	"encoding/hex"
	"time"
)

// Ids in the shapes of the v3 API (facts of the wire, not of storage).
type (
	BusinessID    string // 24 hex digits
	SessionID     string // "ps-" and 24 hex digits
	RequestID     string // "pr-" and a UUID
	PaymentID     string // "py-" and a UUID
	TokenID       string // "pt-" and a UUID
	CustomerID    string // "cust-" and a UUID
	CaptureID     string // "cptr-" and a UUID
	EventID       string // a UUID; the webhook-id that a merchant sees
	EndpointID    string // a UUID
	AdviceID      string // a UUID
	RefundID      string // "rfd-" and a UUID
	ServerTransID string // the threeDSServerTransID: a UUID of version 4 (EMV 3DS: canonical, lower case)
)

// UUID7 lays out a UUID of version 7 (RFC 9562 section 5.7): milliseconds first, so that rows inserted
// together stand together in an index, then random bits.
func UUID7(now time.Time, random [10]byte) string {
	var b [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (8 * (5 - i)))
	}
	copy(b[6:], random[:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return uuid(b)
}

// UUID4 lays out a UUID of version 4 from random bytes.
func UUID4(random [16]byte) string {
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	return uuid(random)
}

// ObjectID lays out 24 hex digits: seconds first, then random bits (the shape of a session's id).
func ObjectID(now time.Time, random [8]byte) string {
	var b [12]byte
	s := uint32(now.Unix())
	b[0], b[1], b[2], b[3] = byte(s>>24), byte(s>>16), byte(s>>8), byte(s)
	copy(b[4:], random[:])
	return hex.EncodeToString(b[:])
}

func uuid(b [16]byte) string {
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
