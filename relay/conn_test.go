package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// serveConns is a server whose connections are the relay's own.
func serveConns(t *testing.T, h http.HandlerFunc, patience time.Duration) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(patient{h, patience})
	srv.Listener = conns{srv.Listener, patience}
	srv.Config.ConnContext = withConn
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// Answers of every size arrive as they are, one after another, whether they fit
// into the server's buffer, fill it, or are longer.
func TestLargeWrites(t *testing.T) {
	all := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	var sizes []int
	for _, around := range []int{0, 2 << 10, 4 << 10, 8 << 10, 12 << 10, 40 << 10} {
		for size := max(0, around-300); size < around+300; size += 7 {
			sizes = append(sizes, size)
		}
	}
	srv := serveConns(t, func(w http.ResponseWriter, req *http.Request) {
		var size, parts int
		_, _ = fmt.Sscanf(req.URL.RawQuery, "%d-%d", &size, &parts)
		if parts == 1 {
			w.Header().Set("Content-Length", fmt.Sprint(size))
		}
		told := telling{ResponseWriter: w, req: req}
		for part := range slices.Chunk(all[:size], max(1, size/parts)) {
			_, _ = told.Write(part)
		}
		if connOf(req).joint != nil {
			t.Error("a write was left to wait")
		}
	}, time.Minute)
	client := srv.Client()
	for _, size := range sizes {
		for parts := 1; parts <= 3; parts++ {
			resp, err := client.Get(fmt.Sprintf("%s/?%d-%d", srv.URL, size, parts))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !bytes.Equal(got, all[:size]) {
				t.Fatalf("%d bytes in %d parts: got %d, %v", size, parts, len(got), err)
			}
		}
	}
}

// recorder is a connection that remembers what was written, and fails when told.
type recorder struct {
	net.Conn
	writes    []string
	deadlines int
	closed    bool
	err       error
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func (r *recorder) Close() error                     { r.closed = true; return nil }
func (r *recorder) SetWriteDeadline(time.Time) error { r.deadlines++; return nil }

func TestJoin(t *testing.T) {
	to := &recorder{}
	c := &conn{Conn: to, patience: time.Hour}
	write := func(text string) {
		if n, err := c.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("wrote %q: %d, %v", text, n, err)
		}
	}
	write("a")
	c.join()
	write("b")
	if !slices.Equal(to.writes, []string{"a"}) {
		t.Errorf("wrote %q, and nothing was to be", to.writes)
	}
	write("c")
	write("d")
	c.part() // nothing comes after it
	c.join()
	c.part()
	write("e")
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(to.writes, want) {
		t.Errorf("wrote %q, want %q", to.writes, want)
	}
	if to.deadlines != 1 {
		t.Errorf("set %d deadlines, want one", to.deadlines)
	}
}

// What was said to be written and was not ends the connection.
func TestJoinThatFails(t *testing.T) {
	to := &recorder{err: errors.New("broken")}
	c := &conn{Conn: to}
	c.join()
	if n, err := c.Write([]byte("head")); n != 4 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if n, err := c.Write([]byte("body")); n != 0 || err == nil {
		t.Errorf("wrote %d, %v, want an error", n, err)
	}
	c.part()
	if to.closed {
		t.Error("closed, though the server knows")
	}
	c.join()
	_, _ = c.Write([]byte("head"))
	c.part()
	if !to.closed {
		t.Error("not closed")
	}
}
