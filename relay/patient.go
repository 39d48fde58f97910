package relay

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// patience is how long the other side of a connection may take for what is
// being read or written at a time. It bounds a stall, and not the whole: a
// stream may go on for hours.
const patience = 30 * time.Second

// slowest is what a body has to arrive at, in bytes a second, once it has taken
// longer than patience: who sends a byte now and then is cut off.
const slowest = 1 << 10

// patient cuts off clients that read or write too slowly.
type patient struct {
	http.Handler
	patience time.Duration
}

// ServeHTTP serves with a deadline for each step.
func (p patient) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	control := http.NewResponseController(w)
	if req.Body != nil && req.Body != http.NoBody {
		body := &patientBody{ReadCloser: req.Body, control: control, patience: p.patience, begun: time.Now(), multiplexed: req.ProtoMajor > 1}
		defer body.end()
		req.Body = body
	}
	if connOf(req) != nil {
		p.Handler.ServeHTTP(w, req) // it has patience of its own for what is written
		return
	}
	pw := &patientWriter{ResponseWriter: w, control: control, patience: p.patience}
	pw.extend()
	p.Handler.ServeHTTP(pw, req)
	pw.extend() // what is buffered is still to be sent
}

type patientBody struct {
	io.ReadCloser
	control  *http.ResponseController
	patience time.Duration
	begun    time.Time
	read     int64
	whole    bool

	multiplexed bool // the connection is shared with other requests, as in HTTP/2
}

// end is for what the handler left: the server reads on before it sends the
// answer, for which time has to remain.
func (b *patientBody) end() {
	if !b.whole {
		_ = b.control.SetReadDeadline(time.Now().Add(b.patience / 3))
	}
}

var errSlow = errors.New("the body arrives too slowly")

func (b *patientBody) Read(p []byte) (int, error) {
	now := time.Now()
	if taken := now.Sub(b.begun); taken > b.patience && float64(b.read) < taken.Seconds()*slowest {
		return 0, errSlow
	}
	_ = b.control.SetReadDeadline(now.Add(b.patience)) // not supported: there is none
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if err == io.EOF {
		// The server goes on reading, to see the client leave: for that there is
		// no deadline.
		b.whole = true
		if b.multiplexed { // else the server has just taken it away
			_ = b.control.SetReadDeadline(time.Time{})
		}
	}
	return n, err
}

type patientWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
	extended time.Time // when the deadline was set
}

func (w *patientWriter) extend() {
	now := time.Now()
	if now.Sub(w.extended) < w.patience/8 {
		return // a deadline costs more than what is written
	}
	w.extended = now
	_ = w.control.SetWriteDeadline(now.Add(w.patience)) // not supported: there is none
}

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader begins the answer.
func (w *patientWriter) WriteHeader(status int) {
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the answer.
func (w *patientWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}
