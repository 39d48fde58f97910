package relay

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/hogflags/hogflags/internal/jsonscan"
	"github.com/hogflags/hogflags/rules"
)

// shape is the form of an answer.
type shape uint8

const (
	shapeUnknown shape = iota // PostHog's alone
	shapeV1                   // featureFlags and featureFlagPayloads
	shapeV2                   // flags, with reasons
)

// ask is a request for flags, as far as the relay understands it.
type ask struct {
	fields map[string]json.RawMessage // of the body

	token      string
	distinctID string
	identified bool     // there is a distinct id
	keys       []string // nil: all flags
	anonymous  string   // $anon_distinct_id
	subject    rules.Subject
	everywhere bool // for every runtime

	shape shape

	// whole says why only PostHog can answer all of it, in words of ours alone;
	// empty if nothing speaks against answering here.
	whole string
}

var errNotJSON = &decodingError{"invalid JSON", false}

// newAsk reads a request for flags. An error is a [*decodingError].
func newAsk(req *http.Request, body []byte) (*ask, error) {
	a := &ask{}
	a.readQuery(req.URL, endpoint(req.URL.Path) == "/decide")
	if len(req.Header["X-Original-Endpoint"]) > 0 {
		a.onlyPostHog("X-Original-Endpoint")
	}
	if mayBeBot(req.UserAgent()) {
		a.onlyPostHog("crawler")
	}
	if !utf8.Valid(body) || hasSurrogates(body) {
		return nil, errNotJSON // how PostHog mends such text is its own business
	}
	var err error
	if a.fields, err = members(body); err != nil || a.fields == nil {
		return nil, errNotJSON
	}
	if err := a.readFields(); err != nil {
		return nil, errNotJSON
	}
	a.readRuntime(req.Header)
	return a, nil
}

// hasSurrogates reports whether text escapes half characters, which need not
// come in pairs.
func hasSurrogates(body []byte) bool {
	return bytes.Contains(body, []byte(`\ud`)) || bytes.Contains(body, []byte(`\uD`))
}

func (a *ask) onlyPostHog(why string) {
	if a.whole == "" {
		a.whole = why
	}
}

// parameters are those whose meaning is known; what others would do is not.
var parameters = []string{
	"v", "version", "ver", "lib_version", "_", "sent_at", "ip", "compression", "config", "detailed_analysis",
	"only_evaluate_survey_feature_flags", "only_use_override_person_properties",
}

func (a *ask) readQuery(u *url.URL, decide bool) {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		a.onlyPostHog("query")
	}
	for name, values := range q {
		if !slices.Contains(parameters, name) || len(values) > 1 {
			a.onlyPostHog("parameter")
		}
	}
	for _, name := range []string{"detailed_analysis", "only_evaluate_survey_feature_flags", "only_use_override_person_properties"} {
		if given, on := flag(q, name); given && on {
			a.onlyPostHog(name)
		}
	}
	version := q.Get("v") + q.Get("version")
	if q.Has("v") && q.Has("version") {
		a.onlyPostHog("version")
	}
	configGiven, config := flag(q, "config")
	// Who says neither the version nor config, and who calls /decide without
	// config, gets PostHog's configuration, too.
	if config || !configGiven && (decide || version == "") {
		a.onlyPostHog("config")
	}
	n := int64(1)
	if version != "" {
		if n, err = strconv.ParseInt(version, 10, 32); err != nil {
			n = 1
		}
	}
	switch {
	case !decide && n == 1, decide && n == 3:
		a.shape = shapeV1
	case !decide && n == 2, decide && n >= 4:
		a.shape = shapeV2
	default:
		a.onlyPostHog("version")
	}
}

// flag reads a boolean parameter. What is not clearly off counts as on.
func flag(q url.Values, name string) (given, on bool) {
	v := q.Get(name)
	return v != "", v != "" && v != "false" && v != "0"
}

var errTwice = errors.New("given twice")

// field is a field of the body under one of its names; nil if it is absent or
// null.
func (a *ask) field(names ...string) (json.RawMessage, error) {
	var found json.RawMessage
	seen := false
	for _, name := range names {
		v, ok := a.fields[name]
		switch {
		case !ok:
		case seen:
			return nil, errTwice
		default:
			found, seen = v, true
		}
	}
	if string(found) == "null" {
		return nil, nil
	}
	return found, nil
}

func (a *ask) readFields() error {
	var v struct {
		id, device, anonymous                  any
		disabled, geoIP                        *bool
		timezone, address, runtime, cookieless *string
	}
	var err error
	read := func(into any, names ...string) {
		var raw json.RawMessage
		if err == nil {
			raw, err = a.field(names...)
		}
		if err == nil && raw != nil {
			err = decodeField(raw, into)
		}
	}
	read(&a.token, "token", "api_key", "$token")
	read(&v.id, "distinct_id", "$distinct_id")
	read(&v.device, "device_id", "$device_id")
	read(&v.anonymous, "anon_distinct_id", "$anon_distinct_id")
	read(&a.keys, "flag_keys", "flag_keys_to_evaluate")
	read(&a.subject.Contexts, "evaluation_contexts", "evaluation_environments")
	read(&a.subject.PersonProperties, "person_properties", "$properties")
	read(&a.subject.Groups, "groups", "$groups")
	read(&a.subject.GroupProperties, "group_properties", "$group_properties")
	read(&v.disabled, "disable_flags")
	read(&v.cookieless, "cookieless_hash_extra")
	// These decide nothing here, but PostHog refuses what they must not be.
	read(&v.geoIP, "geoip_disable")
	read(&v.timezone, "timezone")
	read(&v.address, "ip_address")
	read(&v.runtime, "evaluation_runtime")
	if err != nil {
		return err
	}
	switch id := v.id.(type) {
	case nil:
	case string:
		a.distinctID, a.identified = id, true
	case json.Number:
		a.distinctID, a.identified = id.String(), true
		if _, err := strconv.ParseInt(a.distinctID, 10, 64); err != nil {
			a.onlyPostHog("distinct_id") // 1.50 and 1e3 are spelled anew
		}
	default:
		return errors.New("distinct_id is neither a string nor a number")
	}
	var ok bool
	if a.anonymous, ok = v.anonymous.(string); !ok && v.anonymous != nil {
		return errors.New("$anon_distinct_id is not a string")
	}
	if a.subject.DeviceID, ok = v.device.(string); !ok && v.device != nil {
		return errors.New("device_id is not a string")
	}
	a.subject.DistinctID = a.distinctID
	switch {
	case v.disabled != nil && *v.disabled:
		a.onlyPostHog("disable_flags")
	case v.cookieless != nil || a.distinctID == "$posthog_cookieless":
		a.onlyPostHog("cookieless")
	case a.fields["override_flags_definitions"] != nil:
		a.onlyPostHog("override_flags_definitions")
	case a.keys != nil && len(a.keys) == 0:
		a.onlyPostHog("flag_keys")
	case slices.Contains(a.subject.Contexts, ""):
		a.onlyPostHog("evaluation_contexts") // which may have been null
	}
	for _, properties := range a.subject.GroupProperties {
		if properties == nil {
			a.onlyPostHog("group_properties")
		}
	}
	return nil
}

// decodeField decodes a value into the field that is to hold it.
func decodeField(raw json.RawMessage, into any) error {
	done := false
	switch into := into.(type) {
	case *any:
		done = decodeAs(raw, into)
	case *string:
		done = decodeAs(raw, into)
	case *map[string]any:
		done = decodeAs(raw, into)
	case *[]string:
		return json.Unmarshal(raw, into) // a decoder is dear
	}
	if done {
		return nil
	}
	return decodeSlowly(raw, into)
}

// decodeAs is false for what is no T.
func decodeAs[T any](raw json.RawMessage, into *T) bool {
	v, ok := jsonscan.Decode(raw)
	if t, is := v.(T); ok && is {
		*into = t
		return true
	}
	return false
}

// readRuntime finds out for which runtime the flags are.
func (a *ask) readRuntime(h http.Header) {
	raw, _ := a.field("evaluation_runtime")
	var named string
	if raw != nil {
		_ = json.Unmarshal(raw, &named)
		switch named {
		case "server":
			a.subject.Runtime = rules.RuntimeServer
		case "client":
			a.subject.Runtime = rules.RuntimeClient
		default:
			a.everywhere = true
		}
		return
	}
	var certain bool
	if a.subject.Runtime, certain = runtimeOf(h); !certain {
		a.everywhere = true
	}
}
