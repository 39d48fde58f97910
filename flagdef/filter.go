package flagdef

// Filter is one property filter of a condition or a cohort.
type Filter struct {
	Type     string // "person", "group", "cohort", "flag", "person_metadata", …; "" if absent
	Key      string // property name; flag key for a flag filter; "" if absent
	Operator string // "" if the document does not say, which each type reads in its own way
	Value    Value  // nil if absent

	// Negation inverts the filter. The server honours it inside cohorts only.
	Negation bool

	GroupIndex int // of a group filter: the group type index, or Unset

	// Chain is the dependency_chain of a flag filter: keys of flags,
	// dependencies first, the target last. Nil if there is none.
	Chain []string
}

// Unset is the GroupIndex of a filter that names no group type.
const Unset = -1

// UnknownOperator is the Operator of a filter whose operator is not a string
// or is the empty string.
const UnknownOperator = "?"

func (d *decoder) filter() Filter {
	f := Filter{GroupIndex: Unset}
	if !d.object() {
		d.fail("a filter must be an object")
		return f
	}
	for !d.Close() {
		d.filterMember(&f, d.member())
	}
	return f
}

func (d *decoder) filterMember(f *Filter, name []byte) {
	switch string(name) {
	case "type":
		f.Type, _ = d.str("type")
	case "key":
		f.Key = d.filterKey()
	case "operator":
		f.Operator = d.operator()
	case "value":
		f.Value = d.skip()
	case "negation":
		f.Negation = d.boolean("negation")
	case "group_type_index":
		if n, ok := d.integer("group_type_index"); ok {
			f.GroupIndex = int(n)
		}
	case "dependency_chain":
		if kindOf(d.Peek()) == Null {
			d.skip()
			return
		}
		d.in("dependency_chain", func() { f.Chain = append([]string{}, d.strings()...) })
	default:
		d.skip()
	}
}

// filterKey reads a key; a number, as old data has for flags, is its text.
func (d *decoder) filterKey() string {
	if kindOf(d.Peek()) == Number {
		return string(d.skip())
	}
	key, _ := d.str("key")
	return key
}

// operator reads an operator. One that is not a non-empty string is no
// problem of the flag: only the filter is undecided.
func (d *decoder) operator() string {
	switch kindOf(d.Peek()) {
	case String:
		if s := d.intern(d.Literal()); s != "" {
			return s
		}
	case Null:
		d.skip()
		return ""
	default:
		d.skip()
	}
	return UnknownOperator
}
