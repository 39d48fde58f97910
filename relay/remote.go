package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/resolve"
)

// remoteTimeout is for PostHog to answer for what is open. PostHog's own edge
// gives up after as much.
const remoteTimeout = 5 * time.Second

const maxRemoteBytes = 32 << 20

// remote has PostHog evaluate what the definitions do not decide.
type remote struct {
	api     *posthogapi.Client
	breaker *resolve.Breaker
	name    string
	log     *slog.Logger
}

// newRemote takes over the breaker of the project's former configuration: what
// it knows of PostHog still holds.
func newRemote(p *Project, former *remote, d deps) (*remote, error) {
	api, err := posthogapi.New(posthogapi.Config{
		Host: p.Host, ProjectToken: p.Token, Timeout: remoteTimeout, MaxBodyBytes: maxRemoteBytes, HTTPClient: &http.Client{Transport: d.transport},
	})
	if err != nil {
		return nil, err
	}
	m := &remote{api: api, breaker: new(resolve.Breaker), name: p.Name, log: d.log}
	if former != nil && former.api.Host() == api.Host() {
		m.breaker = former.breaker
	}
	return m, nil
}

// complete asks PostHog, in one request, about the flags that are open in o. If
// it does not answer, they stay open.
func (m *remote) complete(in *http.Request, s *registry, a *ask, o *answer) {
	o.asked = true
	got, err := m.post(in, s, a, o)
	if err != nil {
		level := slog.LevelWarn
		if errors.Is(err, resolve.ErrCircuitOpen) {
			level = slog.LevelDebug // said when it opened
		}
		m.log.Log(in.Context(), level, "flags not completed by PostHog", "project", m.name, "open", len(o.open), "error", err)
		return
	}
	decided := make(map[string]bool, len(o.local))
	for i := range o.local {
		decided[o.local[i].Key()] = true
	}
	for _, f := range got.flags {
		if !decided[f.key] {
			o.remote = append(o.remote, f)
		}
	}
	o.errors = o.errors || got.Errors
	o.minimal = o.minimal || got.Minimal
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

	flags []remoteFlag // Flags, by key
}

// remoteFlag is PostHog's answer for one flag.
type remoteFlag struct {
	resolution
	raw    json.RawMessage // in version 2, as it came
	failed bool            // PostHog could not evaluate it
}

// readRemote reads PostHog's answer for a flag. It is false for what is none.
func readRemote(key string, raw json.RawMessage) (remoteFlag, bool) {
	var wire struct {
		Enabled *bool  `json:"enabled"`
		Variant string `json:"variant"`
		Failed  bool   `json:"failed"`
		Reason  struct {
			Code string `json:"code"`
		} `json:"reason"`
		Metadata struct {
			ID      int64           `json:"id"`
			Version int64           `json:"version"`
			Payload json.RawMessage `json:"payload"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil || wire.Enabled == nil && !wire.Failed {
		return remoteFlag{}, false
	}
	f := remoteFlag{raw: raw, failed: wire.Failed}
	f.resolution = resolution{key: key, reason: wire.Reason.Code, id: wire.Metadata.ID, version: wire.Metadata.Version}
	if f.enabled = wire.Enabled != nil && *wire.Enabled; f.enabled {
		f.variant = wire.Variant
	}
	if string(wire.Metadata.Payload) != "null" {
		f.payload = wire.Metadata.Payload
	}
	return f, true
}

var errNotVersion2 = errors.New("PostHog's answer is not one of version 2")

// post sends the client's own request on, for the open flags alone.
func (m *remote) post(in *http.Request, s *registry, a *ask, o *answer) (*remoteAnswer, error) {
	if hops(in.Header) >= maxHops {
		return nil, errors.New("the request has come through too many relays: is one of them its own host?")
	}
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
	if err := m.breaker.Allow(time.Now()); err != nil {
		return nil, err
	}
	answer, err := m.api.PostFlags(in.Context(), body, carried(in, s, o.requestID))
	m.breaker.Done(time.Now(), err)
	if err != nil {
		return nil, err
	}
	var got remoteAnswer
	err = json.Unmarshal(answer, &got)
	switch {
	case slices.Contains(got.Quota, "feature_flags"):
		return nil, resolve.ErrQuotaLimited
	case err != nil || got.Flags == nil:
		return nil, errNotVersion2
	}
	for _, key := range slices.Sorted(maps.Keys(got.Flags)) {
		f, ok := readRemote(key, got.Flags[key])
		if !ok {
			return nil, errNotVersion2 // then what it leaves out says nothing either
		}
		got.flags = append(got.flags, f)
	}
	return &got, nil
}

// carried are the headers by which PostHog evaluates: who the client is and
// where it is.
func carried(in *http.Request, s *registry, requestID string) http.Header {
	out := &http.Request{Header: http.Header{"X-Request-Id": {requestID}, "User-Agent": {""}, hopsHeader: {strconv.Itoa(hops(in.Header) + 1)}}}
	for _, name := range []string{"User-Agent", "Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site"} {
		if v, ok := in.Header[name]; ok {
			out.Header[name] = v
		}
	}
	if isTrusted(peer(in), s.trusted) {
		out.Header["X-Forwarded-For"] = in.Header["X-Forwarded-For"]
	}
	(&httputil.ProxyRequest{In: in, Out: out}).SetXForwarded()
	return out.Header
}
