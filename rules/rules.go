package rules

import (
	"encoding/json"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// Options is what compilation needs to know beside the definitions.
type Options struct {
	// TimeZone is the project's time zone. Nil means that it is not known.
	TimeZone *time.Location
}

// Set is a compiled definitions document: immutable, safe for concurrent use.
type Set struct{}

// Compile never fails: a flag that cannot be used is inconclusive, with the reason.
func Compile(defs *flagdef.Definitions, opts Options) *Set { panic("not yet") }

// Subject is who is asked about. The zero values mean "none".
type Subject struct {
	DistinctID       string
	DeviceID         string
	Groups           map[string]any            // group type → key (string or number)
	PersonProperties map[string]any            //
	GroupProperties  map[string]map[string]any // group type → properties

	// CompletePerson declares that PersonProperties is all there is.
	CompletePerson bool
	// CompleteGroups names the group types whose GroupProperties are all there is.
	CompleteGroups []string

	// Now is the instant of the evaluation. Zero: relative dates are undecided.
	Now time.Time

	Runtime  Runtime  // zero: server
	Contexts []string // evaluation contexts of the request; empty: not filtered
}

// Runtime is the runtime a request is evaluated for.
type Runtime uint8

const (
	RuntimeServer  Runtime = iota // flags for "server", "all" or without a runtime
	RuntimeClient                 // flags for "client", "all" or without a runtime
	RuntimeUnknown                // flags for "all" or without a runtime
)

// Status says what kind of answer an Answer is.
type Status uint8

const (
	NotFound     Status = iota // no such flag, or filtered out by runtime or context
	Decided                    // proven to be the server's answer
	Inconclusive               // not decidable from what is known; see Missing
)

// Reason is the server's reason code. ReasonNone: differs between possible worlds.
type Reason uint8

// String is the server's code ("condition_match").
func (r Reason) String() string { panic("not yet") }

// Answer is the outcome for one flag.
type Answer struct {
	Status         Status
	Enabled        bool
	Variant        string // "" for a boolean
	Reason         Reason
	ConditionIndex int       // 0-based; -1: none, or not the same in every world
	Missing        []Missing // what would decide it; nil unless Inconclusive
}

func (a Answer) Key() string { panic("not yet") }

// Value is false, true (on without a variant) or the variant key.
func (a Answer) Value() any               { panic("not yet") }
func (a Answer) Payload() json.RawMessage { panic("not yet") } // as stored; nil when none
func (a Answer) PayloadKnown() bool       { panic("not yet") } // false when encrypted
func (a Answer) Description() string      { panic("not yet") } // the server's reason text
func (a Answer) ID() int64                { panic("not yet") }
func (a Answer) Version() int64           { panic("not yet") }
func (a Answer) HasExperiment() bool      { panic("not yet") }

// Missing names one thing that is not known locally.
type Missing struct {
	Kind  MissingKind
	Name  string // property key, cohort id, flag key, operator, …
	Group string // the group type of a group property
}

func (m Missing) String() string { panic("not yet") } // "person property email"

// MissingKind is what kind of thing is missing.
type MissingKind uint8

// Len is the number of flags.
func (s *Set) Len() int { panic("not yet") }

// Keys lists the flag keys in document order.
func (s *Set) Keys() []string { panic("not yet") }

// Evaluate answers for one flag. It allocates nothing when the answer is decided.
func (s *Set) Evaluate(key string, subject *Subject) Answer { panic("not yet") }

// EvaluateAll appends an answer for each flag that is not filtered out, in document order.
func (s *Set) EvaluateAll(dst []Answer, subject *Subject) []Answer { panic("not yet") }

// Explain evaluates with a trace.
func (s *Set) Explain(key string, subject *Subject) *Explanation { panic("not yet") }

// Explanation is the whole tree of an evaluation.
type Explanation struct {
	Answer      Answer
	EarlyAccess *FilterTrace
	Holdout     *BucketTrace
	Conditions  []ConditionTrace
	Stop        string // where and why it stopped, in words
}

// ConditionTrace is one condition set as evaluated.
type ConditionTrace struct {
	Index       int
	Aggregation string // "person" or the group type
	Filters     []FilterTrace
	Outcome     Truth // of all filters together
	Rollout     *BucketTrace
	Variant     *BucketTrace
	Note        string
}

// FilterTrace is one filter, with what was seen.
type FilterTrace struct {
	Type, Key, Operator string
	Group               string // group type of a group filter
	Value               json.RawMessage
	Seen                string // the property's text; "" with Present false
	Present             bool
	Outcome             Truth
	Negated             bool
	Note                string
	Children            []FilterTrace // of a cohort or a property group
	Flag                *Explanation  // of a dependency
}

// BucketTrace is one hash and what it was compared with.
type BucketTrace struct {
	Identifier string
	Hash       float64
	Percentage float64
	Outcome    Truth
	Variant    string
	Note       string
}

// Truth is a three-valued outcome.
type Truth uint8

const (
	False Truth = iota
	True
	Unknown
)

// Finding is something lint has to say about a flag.
type Finding struct {
	Severity Severity
	Flag     string // key; "" for the document
	Path     string // JSON path within the document
	Code     string // stable, e.g. "static-cohort"
	Message  string
}

// Severity of a finding.
type Severity uint8

const (
	Info Severity = iota
	Warning
	Error
)

// Check lists what stands in the way of deciding flags locally, and what is broken.
func (s *Set) Check() []Finding { panic("not yet") }
