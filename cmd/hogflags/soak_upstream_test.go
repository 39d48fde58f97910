package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// chaos stands before a fake PostHog. It does to requests at random what
// networks, proxies and overloaded servers do, and remembers what it did, by the
// request's id.
type chaos struct {
	*httptest.Server
	posthog *posthogtest.Server
	soak    *soak
	mood    atomic.Int32 // how many of 100 requests go wrong

	mu       sync.Mutex
	rnd      *rand.Rand
	outcomes map[string][]outcome
}

// outcome is what came of a request.
type outcome struct {
	status int
	body   string
	broken bool // the answer breaks off
	cut    bool // there is no answer
}

func newChaos(t *testing.T, s *soak) *chaos {
	c := &chaos{
		posthog: posthogtest.New(t), soak: s,
		rnd: rand.New(rand.NewPCG(s.seed, 1<<33)), outcomes: map[string][]outcome{},
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// take are the outcomes of the requests with an id, in their order.
func (c *chaos) take(id string) []outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer delete(c.outcomes, id)
	return c.outcomes[id]
}

func (c *chaos) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rnd.IntN(n)
}

var (
	badStatuses = []int{400, 401, 402, 403, 404, 408, 429, 500, 502, 503, 504, 520}
	garbage     = []string{
		"", "null", "{}", "[]", `{"flags":null}`, `{"flags":[{]}`, `{"flags":`, "<html><title>Sign in to the network</title></html>",
		"\x1f\x8b\x08\x00garbage", strings.Repeat("x", 1<<16), `{"flags":{"steady":1}}`,
	}
)

// ServeHTTP answers as PostHog does, or worse.
func (c *chaos) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // its client was cut off, and so is its request
	}
	if strings.Contains(req.Header.Get("Authorization"), soakKey) {
		c.soak.complain("PostHog was sent the relay key, for %s", req.URL.Path)
	}
	header, answer := c.usual(req, body)
	if strings.HasPrefix(req.URL.Path, "/flags") && c.draw(100) < 30 {
		<-time.After(time.Duration(c.draw(200)) * time.Millisecond)
	}
	if int32(c.draw(100)) < c.mood.Load() {
		c.soak.count("faults")
		switch c.draw(6) {
		case 0, 1:
			answer = outcome{status: badStatuses[c.draw(len(badStatuses))]}
			answer.body = fmt.Sprintf(`{"type":"server_error","code":"error","detail":"%d","attr":null}`, answer.status)
			header = http.Header{"Content-Type": {"application/json"}}
			if answer.status == http.StatusTooManyRequests {
				header.Set("Retry-After", "1")
			}
		case 2:
			answer = outcome{cut: true}
		case 3:
			answer.broken = len(answer.body) > 1
		case 4:
			answer = outcome{status: 200, body: garbage[c.draw(len(garbage))]}
			header = http.Header{"Content-Type": {"application/json"}}
		case 5:
			if c.draw(10) == 0 { // nobody waits for flags so long
				<-time.After(remotePatience + time.Second)
			}
		}
	}
	if id := req.Header.Get("X-Request-Id"); id != "" {
		c.mu.Lock()
		c.outcomes[id] = append(c.outcomes[id], answer)
		c.mu.Unlock()
	}
	if answer.cut {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), header)
	if answer.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
	}
	w.WriteHeader(answer.status)
	if answer.broken {
		_, _ = io.WriteString(w, answer.body[:len(answer.body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, answer.body)
}

// usual is the answer of the fake PostHog.
func (c *chaos) usual(in *http.Request, body []byte) (http.Header, outcome) {
	if strings.HasPrefix(in.URL.Path, "/static/") {
		return http.Header{"Content-Type": {"text/javascript"}}, outcome{status: 200, body: "// " + strings.Repeat(in.URL.Path, 5000)}
	}
	out, err := http.NewRequestWithContext(in.Context(), in.Method, c.posthog.URL+in.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	out.Header = in.Header.Clone()
	out.Header.Set("Accept-Encoding", "identity")
	resp, err := c.posthog.Client().Do(out)
	if err != nil {
		panic(http.ErrAbortHandler) // in has gone
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return resp.Header, outcome{status: resp.StatusCode, body: string(answer)}
}
