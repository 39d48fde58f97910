package posthogapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"
)

// flagsPath is spelled as PostHog's SDKs spell it: proxies are set up for that.
const flagsPath = "/flags/?v=2"

// retryPause is the longest time before the second attempt. It is short because
// somebody waits, and random because many may have been cut off at once.
const retryPause = 200 * time.Millisecond

// The runtimes that a [FlagsRequest] may be for.
const (
	RuntimeServer = "server"
	RuntimeClient = "client"
)

// FlagsRequest asks PostHog for the flags of one person. Properties are merged
// over those that PostHog has stored, and win.
type FlagsRequest struct {
	DistinctID string

	// DeviceID is what flags that are bucketed by device hash; empty: none.
	DeviceID string

	// AnonDistinctID is the id that the person had before being identified,
	// for flags with experience continuity: PostHog then stores which id
	// counts. Empty: none.
	AnonDistinctID string

	// Groups maps a group type to the group's key, a string or a number.
	Groups           map[string]any
	PersonProperties map[string]any
	GroupProperties  map[string]map[string]any // by group type

	// Keys are the flags to evaluate; the answer also holds those that they
	// depend on. Empty: all flags.
	Keys []string

	// Contexts are the evaluation contexts to evaluate in. Empty: PostHog
	// does not filter by them.
	Contexts []string

	// Runtime is [RuntimeServer] or [RuntimeClient]. Empty: PostHog answers
	// only for flags that are for every runtime.
	Runtime string

	// DisableGeoIP keeps PostHog from taking properties from the address
	// that the request comes from, which is right where that is a server's.
	DisableGeoIP bool
}

// flagsBody is a FlagsRequest on the wire. PostHog's contract wants groups and
// properties as objects, also where they are empty.
type flagsBody struct {
	Token            string                    `json:"token"`
	DistinctID       string                    `json:"distinct_id"`
	DeviceID         string                    `json:"device_id,omitempty"`
	AnonDistinctID   string                    `json:"$anon_distinct_id,omitempty"`
	Groups           map[string]any            `json:"groups"`
	PersonProperties map[string]any            `json:"person_properties"`
	GroupProperties  map[string]map[string]any `json:"group_properties"`
	Keys             []string                  `json:"flag_keys_to_evaluate,omitempty"`
	Contexts         []string                  `json:"evaluation_contexts,omitempty"`
	Runtime          string                    `json:"evaluation_runtime,omitempty"`
	DisableGeoIP     bool                      `json:"geoip_disable"`
}

func (r FlagsRequest) encode(token string) ([]byte, error) {
	body := flagsBody{
		Token:            token,
		DistinctID:       r.DistinctID,
		DeviceID:         r.DeviceID,
		AnonDistinctID:   r.AnonDistinctID,
		Groups:           r.Groups,
		PersonProperties: r.PersonProperties,
		GroupProperties:  r.GroupProperties,
		Keys:             r.Keys,
		Contexts:         r.Contexts,
		Runtime:          r.Runtime,
		DisableGeoIP:     r.DisableGeoIP,
	}
	if body.Groups == nil {
		body.Groups = map[string]any{}
	}
	if body.PersonProperties == nil {
		body.PersonProperties = map[string]any{}
	}
	if body.GroupProperties == nil {
		body.GroupProperties = map[string]map[string]any{}
	}
	encoded, err := marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w: %w", ErrUnsendable, err)
	}
	return encoded, nil
}

// marshal is json.Marshal for values whose MarshalJSON is the caller's and may
// panic: evaluation never does.
func marshal(body flagsBody) (encoded []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return json.Marshal(body)
}

// Flags has PostHog evaluate flags, by POST /flags in its version 2. It sends
// the token in the body and no secret key.
//
// It blocks until the answer has been read whole, ctx ends or [Config.Timeout]
// has passed. A 502, a 504 and a broken connection are tried once more. An
// answer other than 200, or a 200 that is no flags answer, is a
// [*StatusError]. A property that is no JSON is [ErrUnsendable]. Being over the quota is no error: see [Flags.QuotaLimited].
func (c *Client) Flags(ctx context.Context, req FlagsRequest) (Flags, error) {
	f, err := c.flags(ctx, req)
	if err != nil {
		return Flags{}, fmt.Errorf("evaluate flags at %s: %w", c.host, err)
	}
	return f, nil
}

func (c *Client) flags(ctx context.Context, req FlagsRequest) (Flags, error) {
	body, err := req.encode(c.token)
	if err != nil {
		return Flags{}, err
	}
	_, f, err := c.sendFlags(ctx, body, nil)
	return f, err
}

// PostFlags is [Client.Flags] for a body and headers that somebody else has
// made, such as the client of a proxy. It returns the answer as it came, once it
// is known to be one.
func (c *Client) PostFlags(ctx context.Context, body []byte, header http.Header) ([]byte, error) {
	answer, _, err := c.sendFlags(ctx, body, header)
	if err != nil {
		return nil, fmt.Errorf("evaluate flags at %s: %w", c.host, err)
	}
	return answer, nil
}

func (c *Client) sendFlags(ctx context.Context, body []byte, header http.Header) ([]byte, Flags, error) {
	bounded, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, f, err := c.postFlags(bounded, body, header)
	if err != nil && transient(err) && pause(bounded, rand.N(retryPause)) {
		answer, f, err = c.postFlags(bounded, body, header)
	}
	return answer, f, c.inTime(ctx, err)
}

// knownKey is the key that was used last, for who knows it to be: a proxy may
// put it into a page of its own.
func (c *Client) knownKey() string {
	if key := c.lastKey.Load(); key != nil {
		return *key
	}
	return ""
}

func (c *Client) postFlags(ctx context.Context, body []byte, header http.Header) ([]byte, Flags, error) {
	req, err := newRequest(ctx, http.MethodPost, c.host+flagsPath, bytes.NewReader(body))
	if err != nil {
		return nil, Flags{}, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, Flags{}, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, Flags{}, refusal(resp, c.knownKey())
	}
	answer, err := c.readAnswer(resp, 0)
	if err != nil {
		return nil, Flags{}, err
	}
	f, err := parseFlags(answer)
	if err != nil {
		fail := newStatusError(resp, answer, c.knownKey(), time.Now())
		fail.Kind, fail.Detail = NotPostHog, err.Error()+": "+fail.Detail
		return nil, Flags{}, fail
	}
	return answer, f, nil
}

// transient reports whether an attempt may have met a moment in which a gateway
// or a server behind it went away. A timeout is none: who waited that long will
// not wait again.
func transient(err error) bool {
	if se, ok := errors.AsType[*StatusError](err); ok {
		return se.StatusCode == http.StatusBadGateway || se.StatusCode == http.StatusGatewayTimeout
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return true
	}
	broken, ok := errors.AsType[*net.OpError](err)
	return ok && broken.Op != "dial" && !broken.Timeout()
}

// pause waits, and reports whether ctx lasted longer.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
