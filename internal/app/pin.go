package app

import (
	"context"
	"crypto/hmac"
	"errors"
)

// sameKeys refuses a key file that is not the one under which this database has been kept. A node with another would
// be ready, and open no stored card, know no repeated command, and sign webhooks that nobody can check. What is kept
// is a keyed hash of nothing: it tells the file, and nothing of it.
func sameKeys(ctx context.Context, h *House) error {
	mark := h.vault.Keyed("key file", nil)
	kept, err := h.store.Pin(ctx, "key file", mark[:])
	if err == nil && !hmac.Equal(kept, mark[:]) {
		err = errors.New("the key file is not the one that this database was kept under: every node has the same, and a restored database the one of its time")
	}
	return err
}
