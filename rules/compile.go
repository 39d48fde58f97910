package rules

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// compiler turns definitions into a Set.
type compiler struct {
	*Set
	defs     *flagdef.Definitions
	zone     *time.Location
	matching int
	cohortID map[string]int32

	aggregations map[int]*aggregation
	comparisons  map[string]map[string]*sharedComparison // by operator and value, as long as values are short
	compared     int32                                   // how many they are
	questions    map[question]int32
	asked        []int            // how often each question is asked
	numbers      map[string]int32 // of the properties of persons, by key
	filters      arena[filter]
	conditions   arena[condition]
}

// arena hands out parts of one large piece of memory.
type arena[T any] []T

func (a *arena[T]) take(n int) []T {
	if n > len(*a) {
		return make([]T, n)
	}
	part := (*a)[:n:n]
	*a = (*a)[n:]
	return part
}

// Compile compiles a definitions document. It does not fail: a flag that
// cannot be used is kept, and is inconclusive. The Set does not keep the bytes
// that the definitions were parsed from.
func Compile(defs *flagdef.Definitions, opts Options) *Set {
	c := &compiler{
		Set: &Set{
			flags:    make([]flag, 0, len(defs.Flags)),
			byKey:    make(map[string]int32, len(defs.Flags)),
			problems: defs.Problems,
			scratch:  new(sync.Pool),

			minimalEvents: defs.MinimalFlagCalledEvents,
		},
		defs:     defs,
		zone:     opts.TimeZone,
		matching: defs.PropertyMatchingVersion,
		cohortID: map[string]int32{},

		aggregations: map[int]*aggregation{},
		comparisons:  map[string]map[string]*sharedComparison{},
		numbers:      map[string]int32{},
	}
	conditions, filters := 0, 0
	for i := range defs.Flags {
		conditions += len(defs.Flags[i].Conditions)
		for j := range defs.Flags[i].Conditions {
			filters += len(defs.Flags[i].Conditions[j].Filters)
		}
	}
	c.conditions, c.filters = make([]condition, conditions), make([]filter, filters)
	c.questions, c.asked = make(map[question]int32, filters/2), make([]int, 0, filters/2)
	for i := range defs.Flags {
		key := defs.Flags[i].Key
		if first, ok := c.byKey[key]; ok {
			// Two flags of one key: which of them counts is anybody's guess.
			c.flags[first].problem = &flagdef.Problem{
				Flag: key, Path: "flags[" + strconv.Itoa(i) + "].key", What: "another flag has the same key",
			}
			continue
		}
		c.byKey[key] = int32(len(c.flags))
		c.flags = append(c.flags, flag{key: key, place: int32(len(c.flags))})
	}
	c.compileCohorts()
	for i := range defs.Flags {
		f := &c.flags[c.byKey[defs.Flags[i].Key]]
		if f.prefix.text == "" {
			c.compileFlag(f, &defs.Flags[i])
		}
	}
	c.link()
	return c.Set
}

func (c *compiler) compileFlag(f *flag, def *flagdef.Flag) {
	*f = flag{
		key: f.key, place: f.place, prefix: newHashPrefix(f.key + "."), id: def.ID, version: def.Version,
		runtime: def.Runtime, contexts: def.Contexts, matchAll: def.MatchAll,
		active: def.Active, deleted: def.Deleted, encrypted: def.EncryptedPayloads,
		hasExperiment: def.HasExperiment, experimentKnown: def.ExperimentKnown, earlyExit: def.EarlyExit, byDevice: def.ByDevice,
		continuity: def.Continuity, target: -1, problem: f.problem,
	}
	f.unrestricted = !f.deleted && f.runtime != "server" && f.runtime != "client" && len(f.contexts) == 0
	if f.problem == nil {
		f.problem = def.Problem
	}
	if def.FeatureEnrollment {
		f.enrollment = "$feature_enrollment/" + f.key
	}
	f.aggregation = c.aggregation(def.Aggregation)
	c.compileValues(f, def)
	f.conditions = c.conditions.take(len(def.Conditions))
	for i := range def.Conditions {
		from := &def.Conditions[i]
		to := &f.conditions[i]
		*to = condition{
			percentage: from.Percentage, pinned: noValue,
			aggregation: c.aggregation(from.Aggregation),
			filters:     c.filters.take(len(from.Filters)),
		}
		if from.Variant != "" {
			if to.pinned = f.pinned(from.Variant); to.pinned == noValue {
				to.undeclared = from.Variant
			}
		}
		for j := range from.Filters {
			to.filters[j] = c.compileFilter(&from.Filters[j], to.aggregation)
		}
	}
}

// compileValues lists what the flag can evaluate to.
func (c *compiler) compileValues(f *flag, def *flagdef.Flag) {
	if f.problem != nil {
		return // a flag with a problem is not evaluated; it may have any number of variants
	}
	f.values = append(make([]value, 0, 2+len(def.Variants)),
		value{}, value{payload: payload(def, "true")})
	limit := 0.0
	for _, v := range def.Variants {
		limit += v.Percentage / 100
		f.variants = append(f.variants, variant{limit: limit, value: f.addValue(def, v.Key)})
	}
	f.ascending = slices.IsSortedFunc(f.variants, func(a, b variant) int { return cmp.Compare(a.limit, b.limit) })
	if len(f.variants) > 0 {
		for _, v := range f.variants {
			f.choices = append(f.choices, v.value)
		}
		f.choices = append(f.choices, on)
	}
	if h := def.Holdout; h != nil {
		f.holdout = &holdout{
			percentage: math.Min(math.Max(h.Percentage, 0), 100),
			value:      f.addValue(def, "holdout-"+strconv.FormatInt(h.ID, 10)),
		}
	}
}

// addValue returns the value of a variant key, which is a new one unless the
// key has occurred.
func (f *flag) addValue(def *flagdef.Flag, key string) int16 {
	if v := f.valueOf(key); v != noValue {
		return v
	}
	f.values = append(f.values, value{variant: key, payload: payload(def, key)})
	return int16(len(f.values) - 1)
}

// valueOf returns the value of a variant key, noValue if there is none.
func (f *flag) valueOf(key string) int16 {
	for i := on + 1; i < len(f.values); i++ {
		if f.values[i].variant == key {
			return int16(i)
		}
	}
	return noValue
}

// pinned returns the value of a declared variant, noValue if it is not declared.
func (f *flag) pinned(key string) int16 {
	for _, v := range f.variants {
		if f.values[v.value].variant == key {
			return v.value
		}
	}
	return noValue
}

func payload(def *flagdef.Flag, key string) string { return string(def.Payload(key)) }

// aggregation returns the one aggregation of a group type index.
func (c *compiler) aggregation(index int) *aggregation {
	if index == flagdef.Person {
		return nil
	}
	a, ok := c.aggregations[index]
	if !ok {
		a = &aggregation{name: c.defs.GroupTypes[strconv.Itoa(index)], index: index}
		c.aggregations[index] = a
	}
	return a
}
