package hogflagstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/hogflags/hogflags/flagdef"
)

// upstream is what the client takes for PostHog. It serves a document that can
// be changed, and nothing else.
type upstream struct {
	mu      sync.Mutex
	members map[string]json.RawMessage // of the document, without flags
	keys    []string                   // of flags, in order
	flags   map[string]json.RawMessage
}

// start takes a document, nil for none, and adds flags.
func (u *upstream) start(document []byte, flags Flags) error {
	u.members, u.flags = map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if document != nil {
		if _, err := flagdef.Parse(document); err != nil {
			return fmt.Errorf("use definitions: %w", err)
		}
		var list []json.RawMessage
		if err := errors.Join(json.Unmarshal(document, &u.members), json.Unmarshal(u.members["flags"], &list)); err != nil {
			return fmt.Errorf("use definitions: %w", err)
		}
		for _, raw := range list {
			var f struct {
				Key string `json:"key"`
			}
			if json.Unmarshal(raw, &f) == nil && f.Key != "" {
				u.put(f.Key, raw)
			}
		}
	}
	for key, value := range flags {
		if err := u.set(key, value); err != nil {
			return err
		}
	}
	return nil
}

// set gives a flag a value.
func (u *upstream) set(key string, value any) error {
	raw, err := encode(key, value)
	if err == nil {
		u.put(key, raw)
	}
	return err
}

// flag is a flag as it is in the document, nil if it is not.
func (u *upstream) flag(key string) json.RawMessage {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.flags[key]
}

// put puts a flag into the document, or takes it out if raw is nil.
func (u *upstream) put(key string, raw json.RawMessage) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.flags[key]; !ok {
		u.keys = append(u.keys, key)
	}
	u.flags[key] = raw
}

// document writes the document.
func (u *upstream) document() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	list := []json.RawMessage{}
	for _, key := range u.keys {
		if raw := u.flags[key]; raw != nil {
			list = append(list, raw)
		}
	}
	members := map[string]any{"flags": list}
	for name, raw := range u.members {
		if name != "flags" {
			members[name] = raw
		}
	}
	body, _ := json.Marshal(members) // of what was JSON before
	return body
}

// client is an HTTP client that reaches nobody else.
func (u *upstream) client() *http.Client { return &http.Client{Transport: u} }

// RoundTrip answers for PostHog.
func (u *upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(req.URL.Path, "/flags/definitions") {
		return nil, fmt.Errorf("hogflagstest: no network for %s %s", req.Method, req.URL.Path)
	}
	body := u.document()
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}, nil
}
