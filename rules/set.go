package rules

import (
	"sync"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// Options is what [Compile] needs to know beside the definitions.
type Options struct {
	// TimeZone is the project's time zone, in which the server reads dates
	// without an offset. Nil means that it is not known; a flag is then decided
	// only if it comes out the same in every zone.
	TimeZone *time.Location
}

// Set is a compiled definitions document. It is immutable and safe for
// concurrent use.
type Set struct {
	flags   []flag
	byKey   map[string]int32
	cohorts []cohort
	cycles  [][]int32 // the cohorts of each cycle among cohorts

	targets       int        // flags that others depend on
	questionCount int        // person filters that occur more than once
	properties    int        // of persons, that filters are about
	shared        bool       // evaluating all flags, there is something to remember
	scratch       *sync.Pool // of *scratch; behind a pointer, see remember
	problems      []*flagdef.Problem
	withheld      *Missing              // not nil: no flag is decided, for want of this
	spared        func(key string) bool // but for these; nil: none
	minimalEvents bool
}

// flag is one compiled flag.
type flag struct {
	key             string
	place           int32 // among the set's flags
	prefix          hashPrefix
	id, version     int64
	runtime         string
	contexts        []string
	matchAll        bool
	active          bool
	deleted         bool
	unrestricted    bool // for every runtime and context, and not deleted
	encrypted       bool
	hasExperiment   bool
	experimentKnown bool
	earlyExit       bool
	byDevice        bool
	continuity      bool

	broken bool // it may lack a dependency at the server, which makes it off
	plain  bool // nothing but its conditions decides it
	heavy  bool // evaluating it without remembering results could be slow

	enrollment  string // the property that decides early access, "" for none
	holdout     *holdout
	aggregation *aggregation
	conditions  []condition
	variants    []variant // in stored order
	choices     []int16   // the value of each variant, and on
	ascending   bool      // no variant has a negative share, so their limits ascend
	values      []value   // off, on, then one for each variant key and the holdout

	target  int32 // index among the flags that others depend on, -1 for none
	depth   int   // length of the longest chain of dependencies
	problem *flagdef.Problem
}

// The values that every flag has.
const (
	off     = 0
	on      = 1
	noValue = -1
)

// value is something that a flag can evaluate to.
type value struct {
	variant string
	payload string // as stored, "" for none
}

type variant struct {
	limit float64 // the hash must be below this, and not below the variants before
	value int16   // index into values
}

type holdout struct {
	percentage float64 // in 0..100
	value      int16
}

// aggregation is the type of group that a condition is about. Nil stands for
// persons.
type aggregation struct {
	name  string // "" if the definitions do not name it
	index int
}

type condition struct {
	filters     []filter
	percentage  float64
	pinned      int16 // value of the pinned variant, noValue for none
	aggregation *aggregation
	undeclared  string // a pinned variant that the flag does not declare
}

// Len is the number of flags.
func (s *Set) Len() int { return len(s.flags) }

// Keys lists the keys of all flags in the order of the document.
func (s *Set) Keys() []string {
	keys := make([]string, len(s.flags))
	for i := range s.flags {
		keys[i] = s.flags[i].key
	}
	return keys
}

// Has reports whether there is a flag of that key, for whatever runtime and
// contexts.
func (s *Set) Has(key string) bool {
	_, ok := s.byKey[key]
	return ok
}

// MinimalFlagCalledEvents reports whether the server asks for the slim form of
// $feature_flag_called.
func (s *Set) MinimalFlagCalledEvents() bool { return s.minimalEvents }

// Evaluate answers for one flag. It allocates nothing for a flag that is
// decided, unless a property's text has to be made. The subject does not escape.
func (s *Set) Evaluate(key string, subject *Subject) (a Answer) {
	s.EvaluateInto(&a, key, subject)
	return a
}

// EvaluateInto is [Set.Evaluate] with the answer in a place of the caller's. To hand
// an answer up by value takes a tenth of the time of finding it.
func (s *Set) EvaluateInto(a *Answer, key string, subject *Subject) {
	i, ok := s.byKey[key]
	if !ok {
		*a = Absent(key)
		return
	}
	*a = Answer{}
	e := evaluation{set: s, subject: subject}
	f := &s.flags[i]
	if !f.heavy {
		e.answer(f, a)
		return
	}
	memory := s.remember()
	e.memory = memory
	e.answer(f, a)
	s.forget(memory)
}

// EvaluateAll appends an answer for every flag, in the order of the document,
// and returns the extended slice. Flags that are for another runtime or for
// other contexts are left out.
func (s *Set) EvaluateAll(dst []Answer, subject *Subject) []Answer {
	e := evaluation{set: s, subject: subject}
	if s.shared {
		memory := s.remember()
		defer s.forget(memory)
		e.memory = memory
	}
	for i := range s.flags {
		dst = append(dst, Answer{})
		e.answer(&s.flags[i], &dst[len(dst)-1])
		if dst[len(dst)-1].Status == NotFound {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}
