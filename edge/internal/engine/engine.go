// Package engine answers for a caller on the other side of a narrow boundary,
// such as JavaScript's of WebAssembly: definitions, subjects and answers are
// bytes there. What an answer says is sent once; after that its number will do.
package engine

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// Set is a compiled document, and which of its answers the caller knows. It is
// not safe for concurrent use.
type Set struct {
	rules   *rules.Set
	keys    []string
	catalog []byte
	known   [][]form // by flag
	next    uint32   // the number of the next answer that the caller does not know
	answers []rules.Answer
}

// form is a decided answer but for its flag, with its number.
type form struct {
	enabled bool
	variant string
	reason  rules.Reason
	index   int
	number  uint32
}

// Load compiles a document. The project's time zone is an IANA name; empty if
// it is not known.
func Load(document []byte, zone string) (*Set, error) {
	var opts rules.Options
	if zone != "" {
		location, err := time.LoadLocation(zone)
		if err != nil {
			return nil, errors.New("time zone " + strconv.Quote(zone) + ": not known to this build")
		}
		opts.TimeZone = location
	}
	defs, err := flagdef.Parse(document)
	if err != nil {
		return nil, err
	}
	s := &Set{rules: rules.Compile(defs, opts), next: 1}
	s.keys = s.rules.Keys()
	s.catalog = catalogOf(s.rules)
	s.known = make([][]form, len(s.keys))
	return s, nil
}

// Catalog describes the flags as JSON: their keys in the order in which Question
// numbers them, and what a proxy of PostHog has to know of them.
func (s *Set) Catalog() []byte { return s.catalog }

// Question is who is asked about, and for which flags.
type Question struct {
	Subject []byte // JSON, as in the body of POST /flags
	Frame   []byte // JSON of a frame, what the subject does not say of itself; empty: nothing
	Now     time.Time
	Runtime rules.Runtime
	Flags   []uint32 // numbers of flags, from 0; nil: all
}

// Answers are the answers to a question. Evaluate overwrites them.
type Answers struct {
	// Numbers has the number of each answer, 0 for one that has none.
	Numbers []uint32

	// Text is a JSON list of what the caller does not know yet, in order: the
	// answers that are 0, and those that are numbered for the first time. Empty:
	// the caller knows them all.
	Text []byte
}

// Evaluate answers for the flags of a question, in its order. Among all, flags
// that are for another runtime or other contexts are left out.
func (s *Set) Evaluate(q *Question, out *Answers) error {
	out.Numbers, out.Text = out.Numbers[:0], out.Text[:0]
	subject, err := q.subject()
	if err != nil {
		return err
	}
	s.answers = s.answers[:0]
	if q.Flags == nil {
		s.answers = s.rules.EvaluateAll(s.answers, &subject)
	}
	for _, flag := range q.Flags {
		if int(flag) >= len(s.keys) {
			return errors.New("no flag has that number")
		}
		s.answers = append(s.answers, s.rules.Evaluate(s.keys[flag], &subject))
	}
	flag := 0
	for i := range s.answers {
		a := &s.answers[i]
		if q.Flags != nil {
			flag = int(q.Flags[i])
		}
		for s.keys[flag] != a.Key() { // those in between were left out
			flag++
		}
		number, known := s.number(flag, a)
		out.Numbers = append(out.Numbers, number)
		if !known {
			out.Text = appendAnswer(out.Text, a, number)
		}
		if q.Flags == nil {
			flag++
		}
	}
	if len(out.Text) > 0 {
		out.Text = append(out.Text, ']')
	}
	clear(s.answers) // they keep the subject's strings alive
	return nil
}

// number is the number of an answer, and whether the caller knows it. An
// inconclusive answer has none: what it lacks may be different each time.
func (s *Set) number(flag int, a *rules.Answer) (number uint32, known bool) {
	if a.Status == rules.Inconclusive {
		return 0, false
	}
	f := form{enabled: a.Enabled, variant: a.Variant, reason: a.Reason, index: a.ConditionIndex}
	if a.Status == rules.NotFound {
		f.index = -2 // which no decided answer has
	}
	forms := s.known[flag]
	i := slices.IndexFunc(forms, func(k form) bool {
		return k.enabled == f.enabled && k.reason == f.reason && k.index == f.index && k.variant == f.variant
	})
	if i >= 0 {
		return forms[i].number, true
	}
	f.number = s.next
	s.next++
	s.known[flag] = append(forms, f)
	return f.number, false
}

// Explain says how a flag is evaluated, as JSON.
func (s *Set) Explain(q *Question) ([]byte, error) {
	subject, err := q.subject()
	if err != nil {
		return nil, err
	}
	if len(q.Flags) != 1 || int(q.Flags[0]) >= len(s.keys) {
		return nil, errors.New("no flag has that number")
	}
	return appendExplanation(nil, s.rules.Explain(s.keys[q.Flags[0]], &subject)), nil
}
