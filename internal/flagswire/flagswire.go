// Package flagswire writes the answer of POST /flags in its version 2, as
// PostHog's server does.
package flagswire

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/hogflags/hogflags/rules"
)

// Response is the answer for one subject.
type Response struct {
	Errors      bool            `json:"errorsWhileComputingFlags"`
	Flags       map[string]Flag `json:"flags"`
	RequestID   string          `json:"requestId"`
	EvaluatedAt int64           `json:"evaluatedAt"` // epoch milliseconds
	Minimal     bool            `json:"minimalFlagCalledEvents,omitempty"`
}

// Flag is the answer for one flag.
type Flag struct {
	Key      string   `json:"key"`
	Enabled  bool     `json:"enabled"`
	Variant  *string  `json:"variant"`
	Reason   Reason   `json:"reason"`
	Metadata Metadata `json:"metadata"`
	Failed   bool     `json:"failed,omitempty"`
}

// Reason is why a flag has its value.
type Reason struct {
	Code        string `json:"code"`
	Index       *int   `json:"condition_index"`
	Description string `json:"description"`
}

// Metadata says which flag it is, and carries its payload.
type Metadata struct {
	ID            int64           `json:"id"`
	Version       int64           `json:"version"`
	Description   *string         `json:"description"`
	Payload       json.RawMessage `json:"payload"`
	HasExperiment bool            `json:"has_experiment"`
}

// New is an answer without flags to a request that came in at a time.
func New(req *http.Request, now time.Time) Response {
	return Response{Flags: map[string]Flag{}, RequestID: requestID(req), EvaluatedAt: now.UnixMilli()}
}

// Add adds a flag. Inactive flags, and those that are not for the subject's
// runtime or contexts, are left out of an answer; one that cannot be decided
// has failed.
func (r *Response) Add(a rules.Answer) {
	if a.Status == rules.NotFound || a.Reason == rules.ReasonFlagDisabled {
		return
	}
	f := Flag{
		Key:     a.Key(),
		Enabled: a.Enabled,
		Reason:  Reason{Code: a.Reason.String(), Description: a.Description()},
		Metadata: Metadata{
			ID:            a.ID(),
			Version:       a.Version(),
			Payload:       a.Payload(),
			HasExperiment: a.HasExperiment(),
		},
	}
	if a.Status == rules.Inconclusive {
		f.Failed, r.Errors = true, true
	}
	if a.Variant != "" {
		f.Variant = &a.Variant
	}
	if a.ConditionIndex >= 0 {
		f.Reason.Index = &a.ConditionIndex
	}
	r.Flags[a.Key()] = f
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
