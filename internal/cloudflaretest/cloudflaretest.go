// Package cloudflaretest is a fake of Cloudflare's REST API of Workers KV, for
// tests.
package cloudflaretest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"
)

// What the fake knows: one account with one namespace, and a token for it.
const (
	Account   = "acc0"
	Namespace = "ns0"
	Token     = "cf-secret"
	BasePath  = "/client/v4"
)

const (
	root     = BasePath + "/accounts/" + Account + "/storage/kv/namespaces/" + Namespace
	maxValue = 25 << 20
)

// API is the fake, with the real one's limits: one write a second for a key, 1,024
// bytes of metadata, 25 MiB of value. It is a handler, and a transport too, so that
// time in a test may be synctest's. Its fields are not changed while it is used.
type API struct {
	Fail []func(w http.ResponseWriter) // how the next requests fail; nil: it does not
	Lost int                           // so many writes take effect, and the answer is lost
	Slow time.Duration                 // how long each request takes at least

	mu       sync.Mutex
	values   map[string]Value
	requests []string
}

// Value is what is stored under a key.
type Value struct {
	Value    []byte
	Metadata []byte    // JSON; nil: none
	At       time.Time // when it was written
}

// New is an empty namespace.
func New() *API { return &API{values: map[string]Value{}} }

// Put stores a value without a request.
func (f *API) Put(key string, v Value) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.values[key] = v
}

// Get is what is stored under a key.
func (f *API) Get(key string) (Value, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.values[key]
	return v, ok
}

// Requests lists the requests, as "GET metadata".
func (f *API) Requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// Writes counts the requests that write.
func (f *API) Writes() int {
	n := 0
	for _, r := range f.Requests() {
		if strings.HasPrefix(r, http.MethodPut) {
			n++
		}
	}
	return n
}

// ServeHTTP answers as the API does.
func (f *API) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve(w, req)
}

// RoundTrip answers without a network.
func (f *API) RoundTrip(req *http.Request) (*http.Response, error) {
	if f.Slow > 0 {
		if err := wait(req.Context(), f.Slow); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.serve(w, req)
	if req.Method == http.MethodPut && w.Code == http.StatusOK && f.Lost > 0 {
		f.Lost--
		return nil, io.ErrUnexpectedEOF
	}
	return w.Result(), nil
}

func (f *API) serve(w http.ResponseWriter, req *http.Request) {
	kind, key, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, root+"/"), "/")
	f.requests = append(f.requests, req.Method+" "+kind)
	if len(f.Fail) > 0 {
		fail := f.Fail[0]
		f.Fail = f.Fail[1:]
		if fail != nil {
			fail(w)
			return
		}
	}
	s, there := f.values[key]
	switch {
	case !strings.HasPrefix(req.URL.Path, root+"/"):
		Refuse(w, http.StatusNotFound, 10013, "namespace not found")
	case req.Header.Get("Authorization") != "Bearer "+Token:
		Refuse(w, http.StatusForbidden, 10000, "Authentication error")
	case req.Method == http.MethodPut && kind == "values":
		f.write(w, req, key, s.At)
	case req.Method != http.MethodGet:
		Refuse(w, http.StatusMethodNotAllowed, 10405, "method not allowed")
	case !there:
		Refuse(w, http.StatusNotFound, 10009, "get: 'key not found'")
	case kind == "values":
		_, _ = w.Write(s.Value)
	case kind == "metadata" && s.Metadata == nil:
		_, _ = io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":null}`)
	case kind == "metadata":
		_, _ = fmt.Fprintf(w, `{"success":true,"errors":[],"messages":[],"result":%s}`, s.Metadata)
	}
}

func (f *API) write(w http.ResponseWriter, req *http.Request, key string, last time.Time) {
	if err := req.ParseMultipartForm(64 << 20); err != nil {
		Refuse(w, http.StatusBadRequest, 10012, err.Error())
		return
	}
	value, metadata := []byte(req.FormValue("value")), []byte(req.FormValue("metadata"))
	switch {
	case len(value) > maxValue:
		Refuse(w, http.StatusRequestEntityTooLarge, 10033, "value too large")
	case len(metadata) > 1024:
		Refuse(w, http.StatusBadRequest, 10034, "metadata too large")
	case time.Since(last) < time.Second:
		Refuse(w, http.StatusTooManyRequests, 10013, "too many writes of the key")
	default:
		f.values[key] = Value{Value: value, Metadata: metadata, At: time.Now()}
		_, _ = io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":{}}`)
	}
}

// Refuse writes an answer that is not a success.
func Refuse(w http.ResponseWriter, status, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"success":false,"errors":[{"code":%d,"message":%q}],"messages":[],"result":null}`, code, message)
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
