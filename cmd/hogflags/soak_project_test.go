package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// revision is one state of the project. All of its flags have its number as
// their version, so that an answer says which revision it is from.
type revision struct {
	number int64
	id     string // SHA-256 of the body
	body   []byte
	set    *rules.Set
	keys   map[string]bool
}

// history has the revisions in the order in which PostHog served them.
type history struct {
	mu   sync.Mutex
	all  []*revision
	byID map[string]*revision
	live int64 // the newest that PostHog certainly serves

	// seen is the newest revision that an answer was from: none that is asked
	// for later may be from an older one.
	seen atomic.Int64
}

func (h *history) get(number int64) *revision {
	h.mu.Lock()
	defer h.mu.Unlock()
	if number < 0 || number >= int64(len(h.all)) {
		return nil
	}
	return h.all[number]
}

func (h *history) find(id string) *revision {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byID[id]
}

func (h *history) newest() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.live
}

// lacks reports whether a revision that could be served since from has not got
// all of the keys.
func (h *history) lacks(keys []string, from int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.all[from:] {
		for _, key := range keys {
			if !r.keys[key] {
				return true
			}
		}
	}
	return false
}

// saw notes that an answer, to what was asked when from had been seen, is from a
// revision.
func (h *history) saw(r *revision, from int64) error {
	if r == nil {
		return fmt.Errorf("it is from a revision that there never was")
	}
	if r.number < from {
		return fmt.Errorf("it is from revision %d, but %d had been seen", r.number, from)
	}
	for {
		seen := h.seen.Load()
		if r.number <= seen || h.seen.CompareAndSwap(seen, r.number) {
			return nil
		}
	}
}

func idOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// publish edits the project: every flag anew.
func (s *soak) publish(rnd *rand.Rand) {
	h := &s.history
	h.mu.Lock()
	number := int64(len(h.all))
	h.mu.Unlock()
	body := soakDocument(rnd, number)
	defs, err := flagdef.Parse(body)
	if err != nil {
		panic(err) // made of what is right
	}
	r := &revision{number: number, id: idOf(body), body: body, set: rules.Compile(defs, rules.Options{}), keys: map[string]bool{}}
	for i := range defs.Flags {
		r.keys[defs.Flags[i].Key] = true
	}
	h.mu.Lock()
	if h.byID == nil {
		h.byID = map[string]*revision{}
	}
	h.all = append(h.all, r)
	h.byID[r.id] = r
	h.mu.Unlock()
	s.up.posthog.SetDefinitions(body) // from now on it may be seen
	h.mu.Lock()
	h.live = number
	h.mu.Unlock()
}

// steady is a flag that every revision has, on for everybody.
const steady = "steady"

const soakFlags = 40

func soakFlag(i int) string { return fmt.Sprintf("flag-%d", i) }

// soakDocument makes up a project of booleans, variants, conditions,
// dependencies and cohorts. The last tenth of the flags come and go.
func soakDocument(rnd *rand.Rand, number int64) []byte {
	type object = map[string]any
	condition := func(rollout int, properties ...object) object {
		if properties == nil {
			properties = []object{}
		}
		return object{"properties": properties, "rollout_percentage": rollout, "variant": nil}
	}
	is := func(key, operator string, value any) object {
		return object{"key": key, "type": "person", "operator": operator, "value": value}
	}
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	filters := func(i int) object {
		switch i % 6 {
		case 0:
			return object{"groups": []object{condition(rnd.IntN(101))}, "payloads": object{"true": fmt.Sprintf(`{"revision":%d}`, number)}}
		case 1:
			first := rnd.IntN(101)
			return object{"groups": []object{condition(100)}, "payloads": object{"a": `"of a"`}, "multivariate": object{"variants": []object{
				{"key": "a", "rollout_percentage": first}, {"key": "b", "rollout_percentage": 100 - first},
			}}}
		case 2:
			return object{"groups": []object{condition(100, is("plan", "exact", pick("free", "team", "business"))), condition(rnd.IntN(50))}}
		case 3:
			return object{"groups": []object{condition(100, is("seats", "gt", rnd.IntN(100)), is("country", "exact", []string{"DE", pick("FR", "US")}))}}
		case 4:
			return object{"groups": []object{condition(100, object{"key": "id", "type": "cohort", "operator": "in", "value": 1})}}
		}
		return object{"groups": []object{condition(100, object{
			"key": soakFlag(i - 5), "type": "flag", "operator": "flag_evaluates_to", "value": rnd.IntN(2) == 0,
		})}}
	}
	flags := []object{{"id": 1, "key": steady, "active": true, "version": number, "filters": object{"groups": []object{condition(100)}}}}
	for i := range soakFlags {
		if i >= soakFlags*9/10 && rnd.IntN(2) == 0 {
			continue
		}
		flags = append(flags, object{"id": i + 2, "key": soakFlag(i), "active": rnd.IntN(10) > 0, "version": number, "filters": filters(i)})
	}
	body, err := json.Marshal(object{
		"flags": flags, "group_type_mapping": object{},
		"cohorts": object{"1": object{"type": "OR", "values": []object{{"type": "AND", "values": []object{is("plan", "exact", pick("free", "team"))}}}}},
	})
	if err != nil {
		panic(err)
	}
	return body
}
