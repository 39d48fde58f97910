package posthogtest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hogflags/hogflags/internal/flagswire"
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
	Anonymous         string                    `json:"$anon_distinct_id"`
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
		return jsonReply(http.StatusOK, flagswire.New(req, time.Now()))
	default:
		return reply{status: http.StatusMethodNotAllowed, header: http.Header{"Allow": {allow}}}
	}
	// Servers that do not know version 4 answer it as version 2, and so does this.
	if v := req.URL.Query().Get("v"); v != "" && v != "2" && v != "4" {
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
	former := s.formerLocked(subject.DistinctID, body.Anonymous)
	s.mu.Unlock()
	if doc.set == nil {
		return textReply(http.StatusInternalServerError, "Failed to parse flag configuration data")
	}
	wanted := slices.Concat(body.FlagKeys, body.FlagKeysLong)
	resp := flagswire.New(req, subject.Now)
	resp.Minimal = doc.minimal
	answers := doc.set.EvaluateAll(nil, &subject)
	doc.keep(answers, subject, former)
	for _, a := range answers {
		if len(wanted) == 0 || slices.Contains(wanted, a.Key()) {
			resp.Add(a)
		}
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

func decodeFlags(req *http.Request) (flagsRequest, error) {
	var in flagsRequest
	r := io.Reader(req.Body)
	switch compression := req.URL.Query().Get("compression"); {
	case compression == "gzip", compression == "gzip-js", strings.EqualFold(req.Header.Get("Content-Encoding"), "gzip"):
		z, err := gzip.NewReader(r)
		if err != nil {
			return in, err
		}
		r = z
	case compression == "base64": // posthog-js sends a form
		r = base64.NewDecoder(base64.StdEncoding, strings.NewReader(req.PostFormValue("data")))
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
