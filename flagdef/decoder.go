package flagdef

import (
	"errors"
	"strconv"
	"strings"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// errTooDeep is the reason a value deeper than MaxDepth is not looked at.
var errTooDeep = errors.New("nested deeper than " + strconv.Itoa(MaxDepth) + " levels")

// decoder reads the typed parts of a document. It knows where it is, so that
// a problem can be reported with its path, and it keeps the first problem of
// the flag or cohort that it is in.
type decoder struct {
	jsonscan.Cursor
	path     []step
	problem  *Problem
	interned [512]string

	// What a document has many of is kept in few large pieces of memory.
	filterArena    []Filter
	conditionArena []Condition
}

// step is one level of a path: a member's name or, if that is empty, an index.
type step struct {
	name  string
	index int
}

// member reads the name of the next member of the object that is open. It is
// for a switch, which needs no string of it.
func (d *decoder) member() []byte {
	literal := d.Name()
	if d.Escaped() {
		return []byte(jsonscan.Unquote(literal))
	}
	return literal[1 : len(literal)-1]
}

// intern returns the content of a literal. The same property keys, types and
// operators occur all over a document: most are found among the last ones.
func (d *decoder) intern(literal []byte) string {
	if d.Escaped() {
		return jsonscan.Unquote(literal)
	}
	inner := literal[1 : len(literal)-1]
	hash := uint32(2166136261) // FNV-1a
	for _, b := range inner {
		hash = (hash ^ uint32(b)) * 16777619
	}
	last := &d.interned[hash%uint32(len(d.interned))]
	if *last != string(inner) {
		*last = jsonscan.Unquote(literal)
	}
	return *last
}

// skip returns the next value undecoded. A value that is too deep is a problem.
func (d *decoder) skip() Value {
	v, depth := d.Value()
	if depth > 0 && len(d.path)+depth+1 > MaxDepth {
		d.fail(errTooDeep.Error())
	}
	return v
}

// object steps into the object that comes next. If something else comes next,
// it steps over it, notes the problem unless that something is null, and
// returns false.
func (d *decoder) object() bool { return d.container(Object) }

// array is object for an array.
func (d *decoder) array() bool { return d.container(Array) }

func (d *decoder) container(want Kind) bool {
	if k := kindOf(d.Peek()); k != want {
		if d.skip(); k != Null {
			d.fail(wanted(want, k))
		}
		return false
	}
	if len(d.path) >= MaxDepth {
		d.skip()
		return false
	}
	d.Open()
	return true
}

// in runs read one level down, under a member's name.
func (d *decoder) in(name string, read func()) {
	d.path = append(d.path, step{name: name})
	read()
	d.path = d.path[:len(d.path)-1]
}

// each runs read for every element of the array that comes next.
func (d *decoder) each(read func(i int)) {
	if !d.array() {
		return
	}
	for i := 0; !d.Close(); i++ {
		d.path = append(d.path, step{index: i})
		read(i)
		d.path = d.path[:len(d.path)-1]
	}
}

// str reads a string or null. ok is false for null and for a problem.
func (d *decoder) str(name string) (s string, ok bool) {
	switch k := kindOf(d.Peek()); k {
	case String:
		return d.intern(d.Literal()), true
	case Null:
		d.skip()
	default:
		d.skip()
		d.failAt(name, wanted(String, k))
	}
	return "", false
}

// boolean reads a boolean or null, which counts as false.
func (d *decoder) boolean(name string) bool {
	v := d.skip()
	if k := v.Kind(); k != Bool && k != Null {
		d.failAt(name, wanted(Bool, k))
	}
	return v.IsTrue()
}

// integer reads an integer or null. ok is false for null and for a problem.
func (d *decoder) integer(name string) (n int64, ok bool) {
	v := d.skip()
	if v.IsNull() {
		return 0, false
	}
	n, err := strconv.ParseInt(string(v), 10, 64)
	if err != nil {
		d.failAt(name, "want an integer, found "+excerpt(v))
		return 0, false
	}
	return n, true
}

// number reads a number or null. ok is false for null and for a problem.
func (d *decoder) number(name string) (x float64, ok bool) {
	v := d.skip()
	if v.IsNull() {
		return 0, false
	}
	if k := v.Kind(); k != Number {
		d.failAt(name, wanted(Number, k))
		return 0, false
	}
	x, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		d.failAt(name, excerpt(v)+" is not a number that can be represented")
		return 0, false
	}
	return x, true
}

// fail notes a problem at the current path, unless there is an earlier one.
func (d *decoder) fail(what string) {
	if d.problem == nil {
		d.problem = &Problem{Path: d.pathString(), What: what}
	}
}

func (d *decoder) failAt(name, what string) {
	d.in(name, func() { d.fail(what) })
}

// takeProblem returns the problem noted since it was last called.
func (d *decoder) takeProblem() *Problem {
	p := d.problem
	d.problem = nil
	return p
}

func (d *decoder) pathString() string {
	var b strings.Builder
	for i, s := range d.path {
		switch {
		case s.name == "":
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case i > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}

func wanted(want, found Kind) string { return "want " + want.String() + ", found " + found.String() }

// excerpt is a value as an error message may show it.
func excerpt(v Value) string {
	const most = 40
	if len(v) <= most {
		return string(v)
	}
	return strings.ToValidUTF8(string(v[:most]), "") + "…"
}
