package relay

import (
	"bytes"
	"net"
	"net/http"
	"strconv"
	"time"
)

// subscriber is the other side of a stream.
type subscriber struct {
	send func(text []byte) bool // false: it is gone, or does not take it
	gone <-chan struct{}        // closed when it is
}

// answering is a subscriber that is written to as any client is.
func answering(w http.ResponseWriter, req *http.Request) subscriber {
	control := http.NewResponseController(w)
	return subscriber{gone: req.Context().Done(), send: func(text []byte) bool {
		if _, err := w.Write(text); err != nil {
			return false
		}
		_ = control.SetWriteDeadline(time.Now().Add(streamPatience)) // not supported: there is none
		return control.Flush() == nil
	}}
}

// takeOver begins a stream on a connection of its own, without the buffers and
// the stack that net/http holds for a request: most of what a subscriber would
// cost. It is false, and nothing has been sent, where that is not possible, as
// in HTTP/2. The conn is to be closed by hangUp.
func takeOver(w http.ResponseWriter, req *http.Request) (conn net.Conn, ok bool) {
	if !req.ProtoAtLeast(1, 1) || req.ProtoAtLeast(2, 0) {
		return nil, false // an older client knows no chunks
	}
	head := w.Header().Clone()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, false
	}
	head.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	head.Set("Transfer-Encoding", "chunked")
	head.Set("Connection", "close") // when the stream ends
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 200 OK\r\n")
	_ = head.Write(&b) // a buffer does not fail
	b.WriteString("\r\n")
	_ = conn.SetWriteDeadline(time.Now().Add(streamPatience))
	_, _ = conn.Write(b.Bytes()) // if it fails, so does what comes next
	return conn, true
}

// connected is a subscriber whose connection was taken over. It is read until it
// ends, by a goroutine that ends with it.
func connected(conn net.Conn) subscriber {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		var b [64]byte
		for { // a subscriber has nothing more to say
			if _, err := conn.Read(b[:]); err != nil {
				return
			}
		}
	}()
	return subscriber{gone: gone, send: func(text []byte) bool {
		_ = conn.SetWriteDeadline(time.Now().Add(streamPatience))
		b := append(strconv.AppendInt(make([]byte, 0, len(text)+16), int64(len(text)), 16), "\r\n"...)
		_, err := conn.Write(append(append(b, text...), "\r\n"...))
		return err == nil
	}}
}

// hangUp ends a stream, one that is complete as such, and waits for its reader.
func hangUp(conn net.Conn, gone <-chan struct{}, complete bool) {
	if complete {
		_ = conn.SetWriteDeadline(time.Now().Add(streamPatience))
		_, _ = conn.Write([]byte("0\r\n\r\n"))
	}
	_ = conn.Close()
	<-gone
}
