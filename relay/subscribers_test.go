package relay_test

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

var subscribers = flag.Int("subscribers", 300, "how many subscribers TestManySubscribers has; each takes two files")

// A change reaches all subscribers, and each costs a bounded part of memory. They
// are bare connections, which cost the test next to nothing.
func TestManySubscribers(t *testing.T) {
	r, up := startStreams(t)
	first := revisionOf(t, r)
	address := strings.TrimPrefix(r.url, "http://")
	before := memory()
	connect := func() []net.Conn {
		conns := make([]net.Conn, *subscribers)
		for i := range conns {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: relay\r\n\r\n", ofrepStream); err != nil {
				t.Fatal(err)
			}
			conns[i] = conn
		}
		return conns
	}
	conns := connect()
	for _, conn := range conns {
		hear(t, conn, first)
	}
	each := (memory() - before) / int64(*subscribers)
	t.Logf("%d subscribers take %d bytes each", *subscribers, each)
	if each > 64<<10 {
		t.Errorf("%d bytes a subscriber, want at most 64 KiB", each)
	}
	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	second := hear(t, conns[0], `"refetchEvaluation"`)
	began := time.Now()
	for _, conn := range conns[1:] {
		hear(t, conn, second)
	}
	t.Logf("all had heard of the change %v after the first", time.Since(began))

	// All are cut off and come back at once.
	for _, conn := range conns {
		_ = conn.Close()
	}
	for _, conn := range connect() {
		hear(t, conn, second)
	}
	if again := (memory() - before) / int64(*subscribers); again > 2*max(each, 32<<10) {
		t.Errorf("%d bytes a subscriber after all came back, %d before", again, each)
	}
}

// memory is what the process uses, after a collection.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// hear reads until a text has come, and returns the last id.
func hear(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buffer := make([]byte, 4<<10)
	for !bytes.Contains(got, []byte(text)) || !bytes.HasSuffix(got, []byte("\n\n\r\n")) {
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		got = append(got, buffer[:n]...)
	}
	id, _, _ := strings.Cut(string(got[bytes.LastIndex(got, []byte("id: "))+len("id: "):]), "\n")
	return id
}
