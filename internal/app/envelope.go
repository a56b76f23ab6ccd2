package app

import (
	"bytes"
	"net"

	"reprise/internal/gate"
)

// enveloped is a connection of the public door on which also what net/http itself refuses is answered in the envelope of
// the API. net/http writes those answers past every handler, as plain text, in one piece with a head that no handler of
// ours makes (server.go, conn.serve).
type enveloped struct{ net.Conn }

// netHTTPHead is that head, but for the status line.
const netHTTPHead = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"

func (c enveloped) Write(b []byte) (int, error) {
	line, rest, _ := bytes.Cut(b[:min(len(b), 256)], []byte("\r\n"))
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || !bytes.HasPrefix(rest, []byte(netHTTPHead)) {
		return c.Conn.Write(b)
	}
	tooLarge := bytes.HasPrefix(line, []byte("HTTP/1.1 431"))
	if _, err := c.Conn.Write(gate.Unread(tooLarge)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// CloseWrite lets net/http wait until the client has read why it is hung up on.
func (c enveloped) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
