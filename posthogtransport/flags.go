package posthogtransport

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/rules"
)

// maxBody is how much of a request is read before it is sent on.
const maxBody = 1 << 20

// flagsRequest is what posthog-go sends.
type flagsRequest struct {
	Token            string                    `json:"api_key"`
	DistinctID       *string                   `json:"distinct_id"`
	DeviceID         string                    `json:"device_id"`
	Groups           map[string]any            `json:"groups"`
	PersonProperties map[string]any            `json:"person_properties"`
	GroupProperties  map[string]map[string]any `json:"group_properties"`
	Keys             []string                  `json:"flag_keys_to_evaluate"`

	// GeoIP is not read: properties that PostHog would take from the
	// address are unknown here, whatever it says.
	GeoIP bool `json:"geoip_disable"`
}

// flags answers POST /flags if every flag of it can be decided here, and sends
// it on as it is if not.
func (t *transport) flags(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody))
	if err != nil {
		_ = req.Body.Close()
		return nil, err
	}
	if in, err := readFlags(req, body); err == nil && in.Token == t.client.ProjectToken() {
		if resp, ok := t.evaluateFlags(req, in); ok {
			_ = req.Body.Close()
			return resp, nil
		}
	}
	on := req.Clone(req.Context())
	on.Body = rewound{io.MultiReader(bytes.NewReader(body), req.Body), req.Body}
	return t.base.RoundTrip(on)
}

// rewound is a body that has been read from.
type rewound struct {
	io.Reader
	io.Closer
}

var errNotPlain = errors.New("not a plain request for flags")

// readFlags reads a request if it is one that posthog-go sends. Whatever else
// is in it may be for PostHog to act on.
func readFlags(req *http.Request, body []byte) (in flagsRequest, err error) {
	query, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil || len(query) != 1 || query.Get("v") != "2" || req.Header.Get("Content-Encoding") != "" || len(body) == maxBody {
		return in, errNotPlain
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // 1.0 must stay 1.0
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return in, err
	}
	if _, err := dec.Token(); err != io.EOF || in.DistinctID == nil {
		return in, errNotPlain
	}
	return in, nil
}

// evaluateFlags answers a request, or not at all.
func (t *transport) evaluateFlags(req *http.Request, in flagsRequest) (*http.Response, bool) {
	set := t.client.Rules()
	if set == nil {
		return nil, false
	}
	subject := rules.Subject{
		DistinctID:       *in.DistinctID,
		DeviceID:         in.DeviceID,
		Groups:           in.Groups,
		PersonProperties: in.PersonProperties,
		GroupProperties:  in.GroupProperties,
		Now:              time.Now(),
	}
	var answers []rules.Answer
	if len(in.Keys) == 0 {
		answers = set.EvaluateAll(answers, &subject)
	}
	for _, key := range in.Keys {
		answers = append(answers, set.Evaluate(key, &subject))
	}
	resp := flagswire.New(req, subject.Now)
	resp.Minimal = set.MinimalFlagCalledEvents()
	for _, a := range answers {
		if a.Status != rules.Decided || !a.PayloadKnown() {
			return nil, false
		}
		resp.Add(a)
	}
	body, err := json.Marshal(resp)
	if err != nil {
		return nil, false // a payload that is no JSON
	}
	return answer(req, http.StatusOK, "", http.Header{"Content-Type": {"application/json"}}, body), true
}
