package hogflags

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"
)

// maxShared bounds the subjects that a request shares answers for. Most have one.
const maxShared = 32

// scope is the answers that the evaluations of one request share.
type scope struct {
	mu      sync.Mutex
	entries []*shared
}

// shared is the answers of one client for one subject. A nil one shares nothing.
type shared struct {
	client  *Client
	subject Subject
	geoIP   bool

	mu        sync.Mutex
	snapshots []kept
	answers   map[string]Answer // what PostHog was asked about
}

type kept struct {
	keys              []string // nil: all
	localOnly, silent bool
	evaluations       Evaluations
	err               error
}

func scopeOf(ctx context.Context) *scope {
	if r, ok := ctx.Value(requestKey{}).(*request); ok {
		return &r.scope
	}
	return nil
}

// entry finds or makes the entry of a client and a subject.
func (sc *scope) entry(c *Client, s *Subject, geoIP bool) *shared {
	if sc == nil || !scalar(s) {
		return nil
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	for _, e := range sc.entries {
		if e.client == c && e.geoIP == geoIP && reflect.DeepEqual(&e.subject, s) {
			return e
		}
	}
	if len(sc.entries) == maxShared {
		return nil
	}
	e := &shared{client: c, subject: *s, geoIP: geoIP, answers: map[string]Answer{}}
	e.subject.Groups = maps.Clone(s.Groups)
	e.subject.PersonProperties = maps.Clone(s.PersonProperties)
	e.subject.GroupProperties = maps.Clone(s.GroupProperties)
	for kind, properties := range e.subject.GroupProperties {
		e.subject.GroupProperties[kind] = maps.Clone(properties)
	}
	e.subject.Contexts = slices.Clone(s.Contexts)
	e.subject.CompleteGroups = slices.Clone(s.CompleteGroups)
	sc.entries = append(sc.entries, e)
	return e
}

// scalar reports whether a copy of the subject's maps is a copy of all of it:
// what a caller can change in place cannot be compared with what it was.
func scalar(s *Subject) bool {
	if !scalars(s.Groups) || !scalars(s.PersonProperties) {
		return false
	}
	for _, properties := range s.GroupProperties {
		if !scalars(properties) {
			return false
		}
	}
	return true
}

func scalars(values map[string]any) bool {
	for _, v := range values {
		switch v.(type) {
		case nil, string, bool, json.Number, time.Time, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		default:
			return false
		}
	}
	return true
}

// snapshot finds one that was made with the same settings.
func (e *shared) snapshot(set settings) (k kept, ok bool) {
	if e == nil {
		return kept{}, false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.snapshots {
		if k.localOnly == set.localOnly && k.silent == set.silent && (k.keys == nil) == (set.keys == nil) && slices.Equal(k.keys, set.keys) {
			return k, true
		}
	}
	return kept{}, false
}

// keep takes a snapshot that was made.
func (e *shared) keep(set settings, out Evaluations, err error) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.snapshots = append(e.snapshots, kept{slices.Clone(set.keys), set.localOnly, set.silent, out, err})
}

// remember takes what PostHog said, or did not say.
func (e *shared) remember(answers ...Answer) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range answers {
		if a.Asked() {
			e.answers[a.Key()] = a
		}
	}
}

// known looks up what PostHog said in this request; nil for nothing.
func (e *shared) known() func(string) (Answer, bool) {
	if e == nil {
		return nil
	}
	return func(key string) (Answer, bool) {
		e.mu.Lock()
		defer e.mu.Unlock()
		a, ok := e.answers[key]
		return a, ok
	}
}
