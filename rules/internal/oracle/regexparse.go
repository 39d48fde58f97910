package oracle

import (
	"cmp"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nodeKind is what a node of a pattern does.
type nodeKind int8

const (
	alternation nodeKind = iota
	sequence
	repetition
	capture
	bare   // a group that does not capture
	atomic // a group that is not entered again
	look
	literal
	class
	dot
	assertion
	reference
)

// node is a piece of a pattern.
type node struct {
	kind nodeKind
	subs []*node

	fold, dotAll, multi bool // the flags i, s and m where it stands

	char             rune // of a literal; of an assertion one of ^ $ b B A z
	set              runes
	min, max         int // of a repetition; max -1 is endless
	lazy, possessive bool
	behind, negated  bool // of a look; negated also of a class
	group            int  // of a capture or a reference
}

// pattern is a whole one.
type pattern struct {
	root     *node
	groups   int
	boundary bool // has \b or \B
}

var (
	errBroken    = errors.New("broken in every dialect")
	errUndecided = errors.New("dialects differ")
)

// parser reads the syntax that the server's dialect shares with others and
// refuses the rest. The first thing it does not like decides.
type parser struct {
	rest  string
	p     *pattern
	names map[string]int
	open  map[int]bool // groups that are not closed yet
	loops map[int]bool // groups in repetitions
	refs  []int        // groups that are referred to

	numbered bool // a reference by number
	hollow   bool // an endless repetition of what may match nothing
	depth    int
	fancy    bool

	fold, dotAll, multi bool
}

func parsePattern(s string) (*pattern, verdict) {
	if !utf8.ValidString(s) {
		return nil, undecided
	}
	ps := &parser{rest: s, p: &pattern{}, names: map[string]int{}, open: map[int]bool{}, loops: map[int]bool{}}
	root, err := ps.alternatives()
	if err == nil && ps.rest != "" {
		err = errBroken // a parenthesis that closes nothing
	}
	if ps.numbered && len(ps.names) > 0 || ps.hollow && ps.fancy {
		err = cmp.Or(err, errUndecided) // versions of the server's engine differ
	}
	for _, group := range ps.refs {
		if ps.loops[group] {
			err = cmp.Or(err, errUndecided) // what an empty turn leaves in it depends on the version
		}
	}
	if err == nil && root.weight() > 50_000 {
		err = errUndecided // the server bounds the size of a program
	}
	switch {
	case errors.Is(err, errBroken) && !strings.Contains(s, "{0"): // what is repeated zero times may be left out unread
		return nil, broken
	case err != nil:
		return nil, undecided
	}
	ps.p.root = root
	if ps.fancy {
		return ps.p, backtracking
	}
	return ps.p, linear
}

// take consumes prefix if it is next.
func (ps *parser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(ps.rest, prefix)
	ps.rest = rest
	return ok
}

func (ps *parser) next() rune {
	r := []rune(ps.rest)[0]
	ps.rest = ps.rest[len(string(r)):]
	return r
}

func (ps *parser) node(k nodeKind) *node {
	return &node{kind: k, fold: ps.fold, dotAll: ps.dotAll, multi: ps.multi}
}

// alternatives reads up to a closing parenthesis or the end. Flags set inside end there.
func (ps *parser) alternatives() (*node, error) {
	fold, dotAll, multi := ps.fold, ps.dotAll, ps.multi
	ps.depth++
	defer func() {
		ps.depth--
		ps.fold, ps.dotAll, ps.multi = fold, dotAll, multi
	}()
	alt := ps.node(alternation)
	for {
		seq := ps.node(sequence)
		for ps.rest != "" && ps.rest[0] != '|' && ps.rest[0] != ')' {
			n, err := ps.repeated()
			if err != nil {
				return nil, err
			}
			if n != nil {
				seq.subs = append(seq.subs, n)
			}
		}
		alt.subs = append(alt.subs, seq)
		if !ps.take("|") {
			return alt, nil
		}
	}
}

var quantifierGrammar = regexp.MustCompile(`^(?:[*+?]|\{([0-9]{1,6})(,?)([0-9]{0,6})\})`)

// repeated reads an atom and what repeats it.
func (ps *parser) repeated() (*node, error) {
	if strings.ContainsRune("*+?", rune(ps.rest[0])) {
		return nil, errBroken // nothing to repeat
	}
	groups := ps.p.groups
	n, err := ps.atom()
	if err != nil {
		return nil, err
	}
	m := quantifierGrammar.FindStringSubmatch(ps.rest)
	if m == nil || m[1] != "" && m[2] == "" && m[3] != "" {
		if strings.HasPrefix(ps.rest, "{") {
			return nil, errUndecided
		}
		return n, nil
	}
	if n == nil {
		return nil, errUndecided
	}
	if length, fixed := n.length(); fixed && length == 0 {
		return nil, errUndecided
	}
	ps.take(m[0])
	for group := groups + 1; group <= ps.p.groups; group++ {
		ps.loops[group] = true
	}
	rep := ps.node(repetition)
	rep.subs = []*node{n}
	switch {
	case m[0] == "*":
		rep.max = -1
	case m[0] == "+":
		rep.min, rep.max = 1, -1
	case m[0] == "?":
		rep.max = 1
	default:
		rep.min, _ = strconv.Atoi(m[1])
		rep.max = rep.min
		if m[2] != "" {
			rep.max = -1
		}
		if m[3] != "" {
			rep.max, _ = strconv.Atoi(m[3])
		}
		if rep.max >= 0 && rep.max < rep.min {
			return nil, errBroken
		}
	}
	ps.hollow = ps.hollow || rep.max < 0 && n.mayBeEmpty()
	switch {
	case ps.take("?"):
		rep.lazy = true
	case ps.take("+"):
		rep.possessive, ps.fancy = true, true
	}
	if quantifierGrammar.MatchString(ps.rest) {
		return nil, errUndecided
	}
	return rep, nil
}

func (ps *parser) atom() (*node, error) {
	switch r := ps.next(); r {
	case '(':
		return ps.parenthesis()
	case '[':
		return ps.brackets()
	case '\\':
		return ps.escape()
	case '.':
		return ps.node(dot), nil
	case '^', '$':
		n := ps.node(assertion)
		n.char = r
		return n, nil
	case '{':
		return nil, errUndecided
	default:
		n := ps.node(literal)
		n.char = r
		return n, nil
	}
}

var (
	nameGrammar = regexp.MustCompile(`^\?P?<([A-Za-z_][A-Za-z0-9_]*)>`)
	flagGrammar = regexp.MustCompile(`^\?([ims]*)(-[ims]+)?([:)])`)
)

// parenthesis reads what follows an opening one. A group of flags alone is nil.
func (ps *parser) parenthesis() (*node, error) {
	n := ps.node(bare)
	fold, dotAll, multi := ps.fold, ps.dotAll, ps.multi
	switch {
	case strings.HasPrefix(ps.rest, "*"):
		return nil, errUndecided // a verb
	case !strings.HasPrefix(ps.rest, "?"):
		n.kind = capture
	case ps.take("?="):
		n.kind = look
	case ps.take("?!"):
		n.kind, n.negated = look, true
	case ps.take("?<="):
		n.kind, n.behind = look, true
	case ps.take("?<!"):
		n.kind, n.behind, n.negated = look, true, true
	case ps.take("?>"):
		n.kind = atomic
	case nameGrammar.MatchString(ps.rest):
		m := nameGrammar.FindStringSubmatch(ps.rest)
		ps.take(m[0])
		n.kind = capture
		if ps.names[m[1]] != 0 {
			return nil, errUndecided
		}
		ps.names[m[1]] = ps.p.groups + 1
	case flagGrammar.MatchString(ps.rest):
		m := flagGrammar.FindStringSubmatch(ps.rest)
		ps.take(m[0])
		ps.setFlags(m[1], true)
		ps.setFlags(m[2], false)
		if m[3] == ")" {
			if m[1]+m[2] == "" || ps.depth > 1 {
				return nil, errUndecided // where they end, if inside a group, depends on the version
			}
			return nil, nil
		}
	default:
		if ps.rest == "?" {
			return nil, errBroken
		}
		return nil, errUndecided
	}
	if n.kind == capture {
		ps.p.groups++
		n.group = ps.p.groups
		ps.open[n.group] = true
	}
	inner, err := ps.alternatives()
	ps.fold, ps.dotAll, ps.multi = fold, dotAll, multi
	if err != nil {
		return nil, err
	}
	if !ps.take(")") {
		return nil, errBroken
	}
	delete(ps.open, n.group)
	n.subs = []*node{inner}
	if n.kind == look || n.kind == atomic {
		ps.fancy = true
	}
	if n.behind && !fixedBranches(inner) {
		return nil, errUndecided
	}
	return n, nil
}

func (ps *parser) setFlags(flags string, on bool) {
	for _, f := range flags {
		switch f {
		case 'i':
			ps.fold = on
		case 's':
			ps.dotAll = on
		case 'm':
			ps.multi = on
		}
	}
}
