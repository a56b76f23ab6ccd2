package app

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// cable is a TCP connection to somewhere that can be held or cut.
type cable struct {
	url string // the database by way of it

	mu   sync.Mutex
	held chan struct{} // not nil: nothing passes until it is closed
	near []byte        // what a client must send to be cut
	made bool          // what it sent still arrives, and is answered, before the cut
	cuts int
}

// newCable listens for what is meant for a server.
func newCable(t *testing.T, to string) *cable {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cable{url: l.Addr().String()}
	t.Cleanup(func() { c.release(); _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				continue
			}
			go c.forth(client, server)
			go c.back(client, server)
		}
	}()
	return c
}

// hold lets nothing pass any more, and keeps the connections.
func (c *cable) hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = make(chan struct{})
}

func (c *cable) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held != nil {
		close(c.held)
		c.held = nil
	}
}

// cutAt cuts the connection on which something is sent, once: before it has arrived, or when it was answered.
func (c *cable) cutAt(near string, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.near, c.made, c.cuts = []byte(near), made, 0
}

func (c *cable) cut() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cuts
}

func (c *cable) passing() {
	c.mu.Lock()
	held := c.held
	c.mu.Unlock()
	if held != nil {
		<-held
	}
}

// meets says whether the cut is to be made at what is sent, and whether that arrives before.
func (c *cable) meets(sent []byte) (cut, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.near == nil || !bytes.Contains(sent, c.near) {
		return false, false
	}
	c.near = nil
	c.cuts++
	return true, c.made
}

func (c *cable) forth(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	for buffer := make([]byte, 256<<10); ; {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		c.passing()
		cut, made := c.meets(buffer[:n])
		if cut && !made {
			return
		}
		if cut { // the answer comes to nobody
			_ = client.SetDeadline(time.Now())
			_, _ = server.Write(buffer[:n])
			time.Sleep(300 * time.Millisecond)
			return
		}
		if _, err := server.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (c *cable) back(client, server net.Conn) {
	for buffer := make([]byte, 64<<10); ; {
		n, err := server.Read(buffer)
		if err != nil {
			_ = client.Close()
			return
		}
		c.passing()
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
