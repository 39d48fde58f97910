package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"slices"
	"time"
)

// remoteTimeout is for PostHog to answer for what is open. PostHog's own edge
// gives up after as much.
const remoteTimeout = 5 * time.Second

const maxRemoteBytes = 32 << 20

// remote has PostHog evaluate what the definitions do not decide.
type remote struct {
	to        string
	transport http.RoundTripper
	name      string
	log       *slog.Logger
}

func newRemote(p *Project, d deps) *remote {
	return &remote{to: p.Host + "/flags/?v=2", transport: d.transport, name: p.Name, log: d.log}
}

// complete asks PostHog, in one request, about the flags that are open in o. If
// it does not answer, they stay open.
func (m *remote) complete(in *http.Request, s *registry, a *ask, o *answer) {
	o.asked = true
	got, err := m.post(in, s, a, o)
	if err != nil {
		m.log.Warn("flags not completed by PostHog", "project", m.name, "open", len(o.open), "error", withoutURL(err))
		return
	}
	o.errors = o.errors || got.Errors
	o.minimal = o.minimal || got.Minimal
	decided := make(map[string]bool, len(o.local))
	for i := range o.local {
		decided[o.local[i].Key()] = true
	}
	for _, key := range slices.Sorted(maps.Keys(got.Flags)) {
		if !decided[key] {
			o.remote = append(o.remote, remoteFlag{key, got.Flags[key]})
		}
	}
	if !got.Errors {
		o.settle()
	}
}

// remoteAnswer is PostHog's answer in version 2.
type remoteAnswer struct {
	Errors  bool                       `json:"errorsWhileComputingFlags"`
	Minimal bool                       `json:"minimalFlagCalledEvents"`
	Quota   []string                   `json:"quotaLimited"`
	Flags   map[string]json.RawMessage `json:"flags"`
}

// post sends the client's own request on, for the open flags alone.
func (m *remote) post(in *http.Request, s *registry, a *ask, o *answer) (*remoteAnswer, error) {
	fields := maps.Clone(a.fields)
	delete(fields, "flag_keys")
	keys := make([]string, len(o.open))
	for i := range o.open {
		keys[i] = o.open[i].Key()
	}
	fields["flag_keys_to_evaluate"], _ = json.Marshal(keys) // strings do not fail
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	ctx, cancel := context.WithTimeout(in.Context(), remoteTimeout)
	defer cancel()
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, m.to, bytes.NewReader(body))
	if err != nil {
		return nil, withoutURL(err)
	}
	carry(out, in, s)
	out.Header.Set("Content-Type", "application/json")
	out.Header.Set("X-Request-Id", o.requestID)
	resp, err := m.transport.RoundTrip(out)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("PostHog answered with status %d", resp.StatusCode)
	}
	var got remoteAnswer
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRemoteBytes)).Decode(&got); err != nil {
		return nil, errors.New("PostHog's answer is not one of the flags endpoint")
	}
	if slices.Contains(got.Quota, "feature_flags") {
		return nil, errors.New("the project has used up its feature flag requests")
	}
	return &got, nil
}

// carry takes over what PostHog evaluates by: who the client is and where it is.
func carry(out, in *http.Request, s *registry) {
	for _, name := range []string{"User-Agent", "Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site"} {
		if v, ok := in.Header[name]; ok {
			out.Header[name] = v
		}
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""}
	}
	if isTrusted(peer(in), s.trusted) {
		out.Header["X-Forwarded-For"] = in.Header["X-Forwarded-For"]
	}
	(&httputil.ProxyRequest{In: in, Out: out}).SetXForwarded()
}
