package simulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"time"
)

// writeWithin bounds a write to a peer that has stopped reading.
const writeWithin = 5 * time.Second

// line is one connection from the gateway. Only its reader touches signedOn.
type line struct {
	conn     net.Conn
	stage    *stage
	signedOn bool

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

// parseTags reads DE48: tag (2), length (2 digits), value, nothing left over, no tag twice.
func parseTags(text string) (map[string]string, error) {
	tags := map[string]string{}
	for len(text) > 0 {
		if len(text) < 4 || !num.holds(text[:4]) {
			return nil, errors.New("no tag and length")
		}
		tag, size := text[:2], int(text[2]-'0')*10+int(text[3]-'0')
		text = text[4:]
		if len(text) < size {
			return nil, fmt.Errorf("tag %s is cut off", tag)
		}
		if _, twice := tags[tag]; twice {
			return nil, fmt.Errorf("tag %s twice", tag)
		}
		tags[tag], text = text[:size], text[size:]
	}
	return tags, nil
}

var (
	eciShape  = regexp.MustCompile(`^0[0-7]$`)
	avShape   = regexp.MustCompile(`^[A-Za-z0-9+/]{27}[A-Za-z0-9+/=]$`)
	dsIDShape = regexp.MustCompile(`^2[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

// checkTags judges the private data of a purchase.
func checkTags(tags map[string]string, pan string) error {
	value, authenticated := tags["43"]
	cvn, hasCVN := tags["92"]
	size := 3
	if r, ok := rangeOf(pan); ok {
		size = schemes[r.scheme].cvnSize
	}
	eci, hasECI := tags["42"]
	id, hasID := tags["66"]
	known := 0
	for _, tag := range []string{"22", "42", "43", "66", "92"} {
		if _, ok := tags[tag]; ok {
			known++
		}
	}
	switch {
	case known != len(tags):
		return errors.New("DE48 has an unknown tag")
	case tags["22"] != "C101":
		return errors.New("DE48 tag 22 is not C101")
	case hasECI && !eciShape.MatchString(eci):
		return errors.New("DE48 tag 42 is no ECI")
	case authenticated && !avShape.MatchString(value):
		return errors.New("DE48 tag 43 is no authentication value")
	case hasID && !dsIDShape.MatchString(id):
		return errors.New("DE48 tag 66 is no protocol and transaction id")
	case authenticated && (!hasECI || !hasID):
		return errors.New("DE48 tag 43 needs tags 42 and 66")
	case hasCVN && (len(cvn) != size || !num.holds(cvn)):
		return errors.New("DE48 tag 92 is no CVN of this card")
	}
	return nil
}
