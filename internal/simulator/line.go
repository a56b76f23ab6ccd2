package simulator

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

// writeWithin bounds a write to a peer that has stopped reading.
const writeWithin = 5 * time.Second

// line is one connection from the gateway. Only its reader touches deaf.
type line struct {
	conn   net.Conn
	stage  *stage
	number int
	deaf   bool // it stays open, and nobody reads it

	mu sync.Mutex // one frame at a time
}

// read takes one frame: two bytes of length, big endian, then that many bytes.
func (l *line) read() ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(l.conn, length[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(l.conn, frame); err != nil {
		return nil, err
	}
	return frame, nil
}

// send writes a packed message as often as wanted. A peer that has vanished or does not read
// loses its connection.
func (l *line) send(packed []byte, copies int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range copies {
		inTime := l.stage.limit(writeWithin, func() { _ = l.conn.Close() })
		_, err := l.conn.Write(packed)
		inTime()
		if err != nil {
			return err
		}
	}
	return nil
}

// reset ends a connection as a host does that does not want it: on a socket, by a reset and not by an end.
func (l *line) reset() {
	conn := l.conn
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	if socket, ok := conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = socket.SetLinger(0)
	}
	l.note("world", "reset", behaviourRefuse)
}

// note writes into the history what became of the connection.
func (l *line) note(from, what, did string) {
	l.stage.passed(Passage{Line: "acquirer", Connection: l.number, From: from, Type: what, Did: did})
}
