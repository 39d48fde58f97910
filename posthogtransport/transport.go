package posthogtransport

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/hogflags/hogflags"
)

// transport stands between posthog-go and the network.
type transport struct {
	client   *hogflags.Client
	base     http.RoundTripper
	evaluate bool
	polls    schedule
	deferred atomic.Pointer[deferred]
}

// RoundTrip answers what it can and sends on the rest.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	path := strings.TrimSuffix(req.URL.Path, "/")
	switch { // suffixes, because a reverse proxy may have a path of its own
	case req.Method == http.MethodGet && (strings.HasSuffix(path, "/flags/definitions") || strings.HasSuffix(path, "/api/feature_flag/local_evaluation")):
		if req.Body != nil {
			_ = req.Body.Close() // a transport has to; there is nothing in it
		}
		return t.definitions(req)
	case t.evaluate && req.Method == http.MethodPost && req.Body != nil && strings.HasSuffix(path, "/flags"):
		return t.flags(req)
	}
	return t.base.RoundTrip(req)
}

// answer is a response that no server has sent. The text is its status line,
// which posthog-go logs; empty: the usual one.
func answer(req *http.Request, status int, text string, header http.Header, body []byte) *http.Response {
	if text == "" {
		text = fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
	return &http.Response{
		Status:        text,
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}
