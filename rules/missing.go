package rules

// Missing names one thing that is not known locally and that an inconclusive
// flag depends on.
type Missing struct {
	Kind  MissingKind
	Name  string // property key, cohort id, flag key, operator, group type, or what is wrong
	Group string // of a GroupProperty: the group type
}

// MissingKind is what kind of thing is missing.
type MissingKind uint8

// The kinds of things that can be missing. Only PersonProperty, GroupProperty,
// Group, DeviceID, Time and TimeZone can be supplied by a caller; the others
// are the server's alone.
const (
	PersonProperty MissingKind = iota // not given, or given as a value that is not settled
	GroupProperty
	Group          // a group of a type that a filter asks about outside of its aggregation
	GroupTypeName  // the definitions do not name a group type index
	DeviceID       // the flag is bucketed by device
	Time           // Subject.Now, for a relative date
	TimeZone       // the project's time zone, for a naive or a relative date
	CohortMember   // membership of a cohort that cannot be evaluated from its definition
	PersonMetadata // a column of the person, such as created_at
	HashOverride   // the stored identifier of a flag with experience continuity
	Flag           // a flag that is not in the definitions, or that lies on a cycle
	Operator       // an operator that this version does not know
	FilterType     // a filter type that this version does not know
	Pattern        // a regular expression that cannot be judged, or reached its limit
	FilterValue    // a filter value whose meaning is not settled
	Definition     // the definition of the flag cannot be used
	Freshness      // definitions that upstream has confirmed lately enough; see Set.Withheld
)

var missingNames = [...]string{
	PersonProperty: "person property", GroupProperty: "group property", Group: "group",
	GroupTypeName: "name of group type", DeviceID: "device id", Time: "time of evaluation",
	TimeZone: "project time zone", CohortMember: "membership of cohort",
	PersonMetadata: "person metadata", HashOverride: "stored hash key override of flag", Flag: "flag",
	Operator: "meaning of operator", FilterType: "meaning of filter type", Pattern: "meaning of pattern",
	FilterValue: "meaning of filter value", Definition: "usable definition:",
	Freshness: "definitions confirmed within",
}

// String is the kind of thing in words: "person property".
func (k MissingKind) String() string { return missingNames[k] }

// String says what is missing, for a person to read: "person property email".
func (m Missing) String() string {
	s := m.Kind.String()
	if m.Name != "" {
		s += " " + m.Name
	}
	if m.Group != "" {
		s += " of group type " + m.Group
	}
	return s
}
