package payment

// Once makes a command happen once: the key and the answer are written in the command's own commit.
type Once struct {
	Business    BusinessID
	Endpoint    string // environment and operation: "test POST /sessions"
	Key         string // the idempotency-key header
	Fingerprint []byte // keyed hash of the request, without card data

	// Amends: the command was written before, and this commit of its own tells more. The answer takes the
	// place of the one that was kept then.
	Amends bool

	// Answer renders what the door will answer, so that the same answer can be given again. Doors set it by
	// Keeps.
	Answer func(Case) (status int, body []byte, err error)
}

// Keeps says how the answer is rendered. Without a key (nil) none is kept.
func (o *Once) Keeps(answer func(Case) (status int, body []byte, err error)) {
	if o != nil {
		o.Answer = answer
	}
}

// Amended is the same key for the later commit of a command, or nil.
func (o *Once) Amended() *Once {
	if o == nil {
		return nil
	}
	later := *o
	later.Amends = true
	return &later
}
