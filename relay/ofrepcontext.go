package relay

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/hogflags/hogflags/internal/flagswire"
	"github.com/hogflags/hogflags/internal/openfeature"
	"github.com/hogflags/hogflags/rules"
)

// The codes of OFREP's errors.
const (
	codeParse        = "PARSE_ERROR"
	codeNoTarget     = "TARGETING_KEY_MISSING"
	codeContext      = "INVALID_CONTEXT"
	codeGeneral      = "GENERAL"
	codeFlagNotFound = "FLAG_NOT_FOUND"
	codeNotReady     = "PROVIDER_NOT_READY"
)

// ofrepError is the body of an answer that is not one.
type ofrepError struct {
	Key     string `json:"key,omitempty"`
	Code    string `json:"errorCode,omitempty"`
	Details string `json:"errorDetails"`
}

// ofrepFailure is why a request is not answered.
type ofrepFailure struct {
	status int
	error  ofrepError
}

// ofrepAsk is a request of OFREP, understood as one for flags.
type ofrepAsk struct{ ask }

// readOFREP reads a request's context.
func readOFREP(w http.ResponseWriter, req *http.Request, limit int64, memory *scratch) (*ofrepAsk, *ofrepFailure) {
	bad := func(code, details string) (*ofrepAsk, *ofrepFailure) {
		return nil, &ofrepFailure{http.StatusBadRequest, ofrepError{Code: code, Details: details}}
	}
	body, err := memory.read(w, req, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, &ofrepFailure{http.StatusRequestEntityTooLarge, ofrepError{Details: errTooLarge.Error()}}
	case err != nil:
		return bad(codeParse, "the body broke off")
	case !utf8.Valid(body):
		return bad(codeParse, "the body is not UTF-8")
	}
	context, err := contextOf(body)
	if err != nil {
		return bad(codeParse, err.Error())
	}
	attributes, ok := context.(map[string]any)
	if !ok && context != nil {
		return bad(codeContext, "the context is not an object")
	}
	a := &ofrepAsk{}
	if a.distinctID, err = openfeature.Read(attributes, &a.subject); err != nil {
		return bad(codeContext, err.Error())
	}
	if a.distinctID == "" {
		return bad(codeNoTarget, openfeature.ErrNoTargetingKey.Error())
	}
	a.subject.DistinctID = a.distinctID
	return a, nil
}

// fromOFREP is for which runtime a caller asks: who has only what is public is
// a client.
func (a *ofrepAsk) fromOFREP(c *caller) {
	a.subject.Runtime = rules.RuntimeClient
	if c.keyed || c.project.open() || c.project.Server {
		a.subject.Runtime = rules.RuntimeServer
	}
}

// runtime is how PostHog spells it.
func (a *ofrepAsk) runtime() string {
	if a.subject.Runtime == rules.RuntimeServer {
		return "server"
	}
	return "client"
}

// spell makes the fields by which PostHog is asked.
func (a *ofrepAsk) spell(token string) {
	a.fields = map[string]json.RawMessage{}
	for name, v := range map[string]any{
		"token": token, "distinct_id": a.distinctID, "evaluation_runtime": a.runtime(),
		"person_properties": a.subject.PersonProperties, "groups": a.subject.Groups, "group_properties": a.subject.GroupProperties,
	} {
		if text, err := json.Marshal(v); err == nil && string(text) != "null" { // it was JSON before
			a.fields[name] = text
		}
	}
}

// etagOf covers whom an answer is for, and all of it by its sum: replicas that
// would answer alike have the same.
func etagOf(subject []byte, sum uint64) string {
	// Who could make two of them collide would fool only themselves.
	b := append(make([]byte, 0, 40), '"')
	b = strconv.AppendUint(b, xxhash.Sum64(subject), 36)
	b = append(b, '-')
	b = strconv.AppendUint(b, sum, 36)
	return string(append(b, '"'))
}

// appendSubject writes whom an answer is for, the same in whatever order and
// spelling it was sent.
func (a *ofrepAsk) appendSubject(b []byte) []byte {
	b = append(b, a.runtime()...)
	b = flagswire.AppendText(b, a.distinctID)
	b = appendObject(b, a.subject.PersonProperties)
	b = appendObject(b, a.subject.Groups)
	return appendObject(b, a.subject.GroupProperties)
}

// appendCanonical writes what JSON was decoded into so that the order of members
// and blanks do not matter.
func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case map[string]any:
		return appendObject(b, v)
	case []any:
		b = append(b, '[')
		for _, item := range v {
			b = append(appendCanonical(b, item), ',')
		}
		return append(b, ']')
	case string:
		return flagswire.AppendText(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		if v {
			return append(b, 't')
		}
		return append(b, 'f')
	}
	return append(b, 'n')
}

func appendObject[V any](b []byte, members map[string]V) []byte {
	var stack [16]string
	names := slices.AppendSeq(stack[:0], maps.Keys(members))
	slices.Sort(names)
	b = append(b, '{')
	for _, name := range names {
		b = append(flagswire.AppendText(b, name), ':')
		b = append(appendCanonical(b, members[name]), ',')
	}
	return append(b, '}')
}
