package relay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// short is patience for a test. It is long enough for a machine under load to
// do in it what is not meant to be slow.
const short = 300 * time.Millisecond

// A client that stops sending is cut off, and the handler learns of it.
func TestSlowSenderIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	srv := httptest.NewServer(patient{http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, err := io.ReadAll(req.Body)
		ended <- err
	}), short})
	t.Cleanup(srv.Close)
	conn := open(t, srv)
	_, _ = fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	if err := <-ended; err == nil {
		t.Error("the body was read to an end that did not come")
	}
	if _, err := io.ReadAll(conn); err != nil {
		t.Errorf("the connection: %v, want it closed", err)
	}
}

// Nor does a body that nobody wants keep a connection.
func TestUnreadBodyIsCutOff(t *testing.T) {
	srv := httptest.NewServer(patient{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}), short})
	t.Cleanup(srv.Close)
	conn := open(t, srv)
	_, _ = fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
	if answer, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 401")) {
		t.Errorf("read %q, %v, want a 401 and the end", answer, err)
	}
}

// A client that stops reading is cut off.
func TestSlowReaderIsCutOff(t *testing.T) {
	ended := make(chan error, 1)
	endless := func(w http.ResponseWriter, _ *http.Request) {
		block := bytes.Repeat([]byte("x"), 1<<20)
		for {
			if _, err := w.Write(block); err != nil {
				ended <- err
				return
			}
		}
	}
	other := httptest.NewServer(patient{http.HandlerFunc(endless), short})
	t.Cleanup(other.Close)
	for name, srv := range map[string]*httptest.Server{"other": other, "own": serveConns(t, endless, short)} {
		conn := open(t, srv)
		_, _ = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		if err := <-ended; err == nil {
			t.Errorf("%s connection: all of an endless answer was written", name)
		}
	}
}

// Who sends a byte now and then is cut off, however often.
func TestTricklingSenderIsCutOff(t *testing.T) {
	body := &patientBody{
		ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", 100))),
		control:    http.NewResponseController(httptest.NewRecorder()),
		patience:   short,
		begun:      time.Now().Add(-time.Hour),
	}
	if _, err := body.Read(make([]byte, 1)); !errors.Is(err, errSlow) {
		t.Errorf("read: %v, want errSlow", err)
	}
	body.begun = time.Now()
	if _, err := body.Read(make([]byte, 1)); err != nil {
		t.Errorf("read: %v, want patience at the beginning", err)
	}
}

// A handler that takes long after it has read the body is not taken for a
// client that is slow.
func TestSlowHandlerIsNotCutOff(t *testing.T) {
	srv := serveConns(t, func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.ReadAll(req.Body)
		select {
		case <-req.Context().Done():
		case <-time.After(3 * short):
			_, _ = io.WriteString(w, "late")
		}
	}, short)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	for range 2 { // on one connection
		resp, err := client.Post(srv.URL, "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || string(body) != "late" {
			t.Errorf("answer %q, %v", body, err)
		}
	}
}

func open(t *testing.T, srv *httptest.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
