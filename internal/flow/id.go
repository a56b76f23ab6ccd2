package flow

import (
	"encoding/base64"
	"io"

	"reprise/internal/payment"
)

// random fills b. A gateway that has no randomness left must not go on: ids and shares would repeat.
func (f *Flow) random(b []byte) {
	if _, err := io.ReadFull(f.o.Rand, b); err != nil {
		panic("flow: no randomness: " + err.Error())
	}
}

func (f *Flow) newUUID() string {
	var b [10]byte
	f.random(b[:])
	return payment.UUID7(f.o.Now(), b)
}

func (f *Flow) newSessionID() payment.SessionID {
	var b [8]byte
	f.random(b[:])
	return payment.SessionID("ps-" + payment.ObjectID(f.o.Now(), b))
}

func (f *Flow) newCaptureID() payment.CaptureID { return payment.CaptureID("cptr-" + f.newUUID()) }

func (f *Flow) newServerTransID() payment.ServerTransID {
	var b [16]byte
	f.random(b[:])
	return payment.ServerTransID(payment.UUID4(b))
}

// newPage draws the unguessable last part of an attempt's page.
func (f *Flow) newPage() string {
	b := make([]byte, 24)
	f.random(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
