package hogflags_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/rules"
)

func TestEvaluations(t *testing.T) {
	c := ready(t, newServer(t))
	e, err := c.EvaluateFlags(t.Context(), pro("u"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.Keys(), []string{"beta", "checkout", "off", "on", "recent"}); diff != "" {
		t.Errorf("keys (-got +want):\n%s", diff)
	}
	type row struct {
		Enabled bool
		Variant string
		Value   any
		Reason  string
		Payload string
		Status  rules.Status
	}
	tests := map[string]struct {
		want row
		err  error
	}{
		"beta":         {row{true, "", true, "condition_match", `"{\"limit\": 10}"`, rules.Decided}, nil},
		"checkout":     {row{true, "fast", "fast", "condition_match", `"\"quick\""`, rules.Decided}, nil},
		"off":          {row{false, "", false, "flag_disabled", "", rules.Decided}, nil},
		"on":           {row{true, "", true, "condition_match", "", rules.Decided}, nil},
		"recent":       {row{false, "", nil, "", "", rules.Inconclusive}, hogflags.ErrInconclusive},
		"no such flag": {row{}, hogflags.ErrFlagNotFound},
	}
	for key, tt := range tests {
		got := row{e.IsEnabled(key), e.Variant(key), e.Value(key), e.Reason(key), string(e.Payload(key)), e.Answer(key).Status()}
		if diff := cmp.Diff(got, tt.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", key, diff)
		}
		if err := e.Err(key); !errors.Is(err, tt.err) || tt.err == nil && err != nil {
			t.Errorf("%s: Err = %v, want %v", key, err, tt.err)
		}
	}
	if a := e.Answer("beta"); a.Key() != "beta" || a.ID() != 1 || a.Version() != 3 || a.ConditionIndex() != 0 {
		t.Errorf("answer of beta: %+v", a)
	}

	var zero hogflags.Evaluations
	if len(zero.Keys()) != 0 || zero.IsEnabled("on") || !errors.Is(zero.Err("on"), hogflags.ErrFlagNotFound) {
		t.Error("the zero Evaluations are not without flags")
	}
}

// PostHog sends the flags sorted by key; nothing may depend on it.
func TestEvaluationsOfAnUnsortedDocument(t *testing.T) {
	srv := newServer(t)
	srv.SetDefinitions([]byte(`{"flags":[{"key":"c","active":true,"filters":{}},{"key":"a","active":true,"filters":{"groups":[{}]}},{"key":"b","active":true,"filters":{}}]}`))
	e, err := ready(t, srv).EvaluateFlags(t.Context(), pro("u"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e.Keys(), []string{"a", "b", "c"}); diff != "" {
		t.Errorf("keys (-got +want):\n%s", diff)
	}
	if !e.IsEnabled("a") || e.IsEnabled("b") || e.Err("c") != nil {
		t.Error("the answers are not with their keys")
	}
}

func TestPayloadInto(t *testing.T) {
	srv := newServer(t)
	flag := func(key, payload string) {
		t.Helper()
		text := `{"key":"` + key + `","active":true,"filters":{"groups":[{}],"payloads":{"true":` + payload + `}}}`
		if err := srv.AddFlag([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	flag("object in text", `"{\"limit\": 10}"`)
	flag("object", `{"limit": 10}`)
	flag("number in text", `"1"`)
	flag("plain text", `"hello"`)
	flag("text in text", `"\"hello\""`)
	flag("null in text", `"null"`)
	if err := srv.AddFlag([]byte(`{"key":"encrypted","active":true,"has_encrypted_payloads":true,"filters":{"groups":[{}],"payloads":{"true":"x"}}}`)); err != nil {
		t.Fatal(err)
	}
	e, err := ready(t, srv).EvaluateFlags(t.Context(), hogflags.Subject{DistinctID: "u"})
	if err != nil {
		t.Fatal(err)
	}
	type limits struct{ Limit int }
	decode := func(key string, into string) (any, error) {
		switch into {
		case "struct":
			var v limits
			err := e.PayloadInto(key, &v)
			return v, err
		case "string":
			var v string
			err := e.PayloadInto(key, &v)
			return v, err
		case "int":
			var v int
			err := e.PayloadInto(key, &v)
			return v, err
		}
		var v any
		err := e.PayloadInto(key, &v)
		return v, err
	}
	tests := []struct {
		key, into string
		want      any
	}{
		{"object in text", "struct", limits{10}},
		{"object", "struct", limits{10}},
		{"object in text", "any", map[string]any{"limit": 10.0}},
		{"object in text", "string", `{"limit": 10}`},
		{"number in text", "int", 1},
		{"number in text", "string", "1"},
		{"plain text", "string", "hello"},
		{"text in text", "string", "hello"},
		{"null in text", "any", nil},
	}
	for _, tt := range tests {
		got, err := decode(tt.key, tt.into)
		if diff := cmp.Diff(got, tt.want); err != nil || diff != "" {
			t.Errorf("%s into %s: %v (-got +want):\n%s", tt.key, tt.into, err, diff)
		}
	}

	failures := []struct {
		key, into string
		want      error
		text      string
	}{
		{"on", "any", hogflags.ErrNoPayload, `"on"`},
		{"off", "any", hogflags.ErrNoPayload, `"off"`},
		{"beta", "any", hogflags.ErrInconclusive, "person property plan"},
		{"no such flag", "any", hogflags.ErrFlagNotFound, "no such flag"},
		{"encrypted", "any", hogflags.ErrInconclusive, "encrypted"},
		{"plain text", "int", nil, `decode payload of "plain text"`},
		{"object in text", "int", nil, "cannot unmarshal object"},
	}
	for _, tt := range failures {
		_, err := decode(tt.key, tt.into)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s into %s: got %v, want %v with %q", tt.key, tt.into, err, tt.want, tt.text)
		}
	}
	var typed *json.UnmarshalTypeError
	if _, err := decode("object in text", "int"); !errors.As(err, &typed) {
		t.Errorf("got %v, want the decoder's error in the chain", err)
	}
}
