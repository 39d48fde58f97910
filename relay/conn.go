package relay

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// conn is the connection of a client. net/http has a buffer of 4 KB for each, so
// it sends a longer answer as the head and what of the body fits, and then the
// rest: the system has all the work twice. While a large part of an answer is
// written, the first of the two waits for the second.
//
// It has patience, too, once for all requests: setting a deadline for each costs
// more than most of what is done for one.
type conn struct {
	net.Conn
	joint    *joint // nil: what is written goes out at once
	patience time.Duration
	extended time.Time // when the deadline for writing was set
}

// joint is what two writes need to become one.
type joint struct {
	first [4 << 10]byte // of which n bytes wait
	n     int
	parts [2][]byte
}

var joints = sync.Pool{New: func() any { return new(joint) }}

// SetWriteDeadline is for who has other patience.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.extended = t
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) extend() {
	if now := time.Now(); now.Sub(c.extended) >= c.patience/8 {
		c.extended = now
		_ = c.Conn.SetWriteDeadline(now.Add(c.patience)) // closed: so says the write
	}
}

// Write writes, or keeps p for the next Write.
func (c *conn) Write(p []byte) (int, error) {
	j := c.joint
	if j != nil && j.n == 0 && len(p) <= len(j.first) {
		j.n = copy(j.first[:], p)
		return len(p), nil
	}
	c.extend()
	if j == nil || j.n == 0 {
		return c.Conn.Write(p)
	}
	waited := j.n
	j.n = 0
	j.parts = [2][]byte{j.first[:waited], p}
	both := net.Buffers(j.parts[:])
	n, err := both.WriteTo(c.Conn)
	j.parts = [2][]byte{}
	return max(0, int(n)-waited), err
}

// CloseWrite is for the server, which ends so what it has refused: a client that
// is still sending gets the answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// join makes one of two writes, until part.
func (c *conn) join() { c.joint = joints.Get().(*joint) }

// part writes what no second write came for.
func (c *conn) part() {
	j := c.joint
	c.joint = nil
	if j.n > 0 {
		c.extend()
		if _, err := c.Conn.Write(j.first[:j.n]); err != nil {
			_ = c.Close() // the server took it for sent, and nothing may follow
		}
		j.n = 0
	}
	joints.Put(j)
}

// conns is a listener of such connections.
type conns struct {
	net.Listener
	patience time.Duration
}

// Accept waits for the next client.
func (l conns) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, patience: l.patience}, nil
}

type connKey struct{}

// withConn lets a request find its connection, unless it is that of TLS, with a
// conn beneath.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if own, ok := c.(*conn); ok {
		return context.WithValue(ctx, connKey{}, own)
	}
	return ctx
}

// largeWrite is what does not fit into the server's buffer.
const largeWrite = 4 << 10

// connOf is the connection of a request, nil if that is not known.
func connOf(req *http.Request) *conn {
	c, _ := req.Context().Value(connKey{}).(*conn)
	return c
}

// writeLarge writes a part of an answer to the client that asked.
func writeLarge(w http.ResponseWriter, req *http.Request, p []byte) (int, error) {
	if len(p) >= largeWrite {
		if c := connOf(req); c != nil {
			c.join()
			defer c.part()
		}
	}
	return w.Write(p)
}
