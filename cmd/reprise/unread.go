package main

import (
	"log"
	"log/slog"
)

// unread takes what libraries write to the log of the language, and says only that they did: net/http puts there what
// an endpoint or a directory server sent unasked, and whoever is at the other end may send anything, a card number too.
type unread struct{ log *slog.Logger }

// leaveUnread has nothing of a library's log seen.
func leaveUnread(to *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(unread{to})
}

func (u unread) Write(text []byte) (int, error) {
	u.log.Warn("a library logged what is not repeated: it may hold what others sent, such as more than one answer to a request")
	return len(text), nil
}
