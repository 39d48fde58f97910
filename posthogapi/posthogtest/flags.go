package posthogtest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hogflags/hogflags/rules"
)

const maxFlagsBody = 2 << 20

// flagsRequest is the body of POST /flags, under its usual names.
type flagsRequest struct {
	Token             string                    `json:"token"`
	APIKey            string                    `json:"api_key"`
	DistinctID        any                       `json:"distinct_id"`
	DeviceID          string                    `json:"device_id"`
	Groups            map[string]any            `json:"groups"`
	PersonProperties  map[string]any            `json:"person_properties"`
	GroupProperties   map[string]map[string]any `json:"group_properties"`
	FlagKeys          []string                  `json:"flag_keys"`
	FlagKeysLong      []string                  `json:"flag_keys_to_evaluate"`
	EvaluationContext []string                  `json:"evaluation_contexts"`
	Runtime           string                    `json:"evaluation_runtime"`
}

type flagsResponse struct {
	Errors      bool                  `json:"errorsWhileComputingFlags"`
	Flags       map[string]flagAnswer `json:"flags"`
	RequestID   string                `json:"requestId"`
	EvaluatedAt int64                 `json:"evaluatedAt"` // epoch milliseconds
	Minimal     bool                  `json:"minimalFlagCalledEvents,omitempty"`
}

type flagAnswer struct {
	Key      string       `json:"key"`
	Enabled  bool         `json:"enabled"`
	Variant  *string      `json:"variant"`
	Reason   flagReason   `json:"reason"`
	Metadata flagMetadata `json:"metadata"`
	Failed   bool         `json:"failed,omitempty"`
}

type flagReason struct {
	Code        string `json:"code"`
	Index       *int   `json:"condition_index"`
	Description string `json:"description"`
}

type flagMetadata struct {
	ID            int64           `json:"id"`
	Version       int64           `json:"version"`
	Description   *string         `json:"description"`
	Payload       json.RawMessage `json:"payload"`
	HasExperiment bool            `json:"has_experiment"`
}

// SetPerson stores properties of a person, as PostHog has them from earlier
// events: POST /flags merges those of the request over them. Nil forgets the
// person. Do not change the map afterwards.
func (s *Server) SetPerson(distinctID string, properties map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.persons == nil {
		s.persons = map[string]map[string]any{}
	}
	s.persons[distinctID] = properties
}

// flags answers POST /flags in its version 2. The properties of the request
// and of SetPerson are taken as all there is; what even so cannot be decided
// without PostHog's database, such as a static cohort, comes back as a failed
// flag.
func (s *Server) flags(req *http.Request) reply {
	const allow = "GET, POST, OPTIONS, HEAD"
	switch req.Method {
	case http.MethodPost:
	case http.MethodHead:
		return reply{status: http.StatusOK}
	case http.MethodOptions:
		return reply{status: http.StatusNoContent, header: http.Header{"Allow": {allow}}}
	case http.MethodGet:
		return jsonReply(http.StatusOK, flagsResponse{Flags: map[string]flagAnswer{}, RequestID: requestID(req), EvaluatedAt: time.Now().UnixMilli()})
	default:
		return reply{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {allow}}}
	}
	if v := req.URL.Query().Get("v"); v != "" && v != "2" {
		return textReply(http.StatusBadRequest, "This fake PostHog speaks version 2 of /flags only.")
	}
	body, err := decodeFlags(req)
	if err != nil {
		return textReply(http.StatusBadRequest, fmt.Sprintf("Failed to decode request: %v. Please check your request format and try again.", err))
	}
	s.mu.Lock()
	keys, compile := s.keys, s.document.compiled
	s.mu.Unlock()
	if refused, ok := keys.checkToken(cmp.Or(body.Token, body.APIKey)); !ok {
		return refused
	}
	doc := compile()
	subject, ok := body.subject(doc.groupTypes)
	if !ok {
		return textReply(http.StatusBadRequest, noDistinctID)
	}
	s.mu.Lock()
	subject.PersonProperties = merge(s.persons[subject.DistinctID], subject.PersonProperties)
	s.mu.Unlock()
	if doc.set == nil {
		return textReply(http.StatusInternalServerError, "Failed to parse flag configuration data")
	}
	wanted := slices.Concat(body.FlagKeys, body.FlagKeysLong)
	resp := flagsResponse{
		Flags:       map[string]flagAnswer{},
		RequestID:   requestID(req),
		EvaluatedAt: subject.Now.UnixMilli(),
		Minimal:     doc.minimal,
	}
	for _, a := range doc.set.EvaluateAll(nil, &subject) {
		if a.Reason.String() == "flag_disabled" || len(wanted) > 0 && !slices.Contains(wanted, a.Key()) {
			continue
		}
		resp.Flags[a.Key()] = newFlagAnswer(a)
		resp.Errors = resp.Errors || a.Status == rules.Inconclusive
	}
	return jsonReply(http.StatusOK, resp)
}

// merge puts a request's properties over stored ones.
func merge(stored, given map[string]any) map[string]any {
	if len(stored) == 0 {
		return given
	}
	merged := maps.Clone(stored)
	maps.Copy(merged, given)
	return merged
}

func newFlagAnswer(a rules.Answer) flagAnswer {
	f := flagAnswer{
		Key:     a.Key(),
		Enabled: a.Enabled,
		Reason:  flagReason{Code: a.Reason.String(), Description: a.Description()},
		Metadata: flagMetadata{
			ID:            a.ID(),
			Version:       a.Version(),
			Payload:       a.Payload(),
			HasExperiment: a.HasExperiment(),
		},
	}
	if a.Status == rules.Inconclusive {
		f.Failed, f.Enabled = true, false
		f.Metadata.Payload = nil
		return f
	}
	if a.Variant != "" {
		f.Variant = &a.Variant
	}
	if a.ConditionIndex >= 0 {
		f.Reason.Index = &a.ConditionIndex
	}
	return f
}

func decodeFlags(req *http.Request) (flagsRequest, error) {
	var in flagsRequest
	r := io.Reader(req.Body)
	if strings.EqualFold(req.Header.Get("Content-Encoding"), "gzip") || req.URL.Query().Get("compression") == "gzip" {
		z, err := gzip.NewReader(r)
		if err != nil {
			return in, err
		}
		r = z
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxFlagsBody+1))
	if err != nil {
		return in, err
	}
	if len(raw) > maxFlagsBody {
		return in, fmt.Errorf("the body exceeds %d bytes", maxFlagsBody)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // 1.0 must stay 1.0
	return in, dec.Decode(&in)
}

// noDistinctID is PostHog's text, which is a sentence.
const noDistinctID = "The distinct_id field is missing from the request. Please include a valid identifier."

func (in flagsRequest) subject(groupTypes []string) (s rules.Subject, ok bool) {
	s = rules.Subject{
		DeviceID:         in.DeviceID,
		Groups:           in.Groups,
		PersonProperties: in.PersonProperties,
		GroupProperties:  in.GroupProperties,
		CompletePerson:   true,
		CompleteGroups:   groupTypes,
		Now:              time.Now(),
		Contexts:         in.EvaluationContext,
	}
	switch id := in.DistinctID.(type) {
	case string:
		s.DistinctID = id
	case json.Number:
		s.DistinctID = id.String()
	default:
		return s, false
	}
	switch in.Runtime {
	case "", "server":
	case "client":
		s.Runtime = rules.RuntimeClient
	default:
		s.Runtime = rules.RuntimeUnknown
	}
	return s, true
}

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// requestID echoes the caller's, as PostHog does with a UUID, or makes one.
func requestID(req *http.Request) string {
	if id := req.Header.Get("X-Request-Id"); uuid.MatchString(id) {
		return id
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
