package regex

// node is a part of a pattern.
type node struct {
	op   op
	subs []*node

	r        rune   // opLiteral
	fold     bool   // opLiteral, opClass: ignore case
	class    *class // opClass
	min, max int    // opRepeat; max < 0: no limit
	lazy     bool   // opRepeat
	negative bool   // opLookAhead, opLookBehind
	group    int    // opCapture, opBackReference
}

type op uint8

const (
	opEmpty op = iota
	opLiteral
	opClass
	opConcat
	opAlternate
	opRepeat
	opCapture
	opAtomic
	opLookAhead
	opLookBehind
	opBackReference
	opTextStart
	opTextEnd
	opLineStart
	opLineEnd
	opWordBoundary
	opNotWordBoundary
)

// traits are what decides on which engine a tree can run.
type traits struct {
	fancy   bool // it needs backtracking
	unicode bool // Go's engine gives it another meaning where the subject is not ASCII
}

func traitsOf(n *node) traits {
	var t traits
	switch n.op {
	case opAtomic, opLookAhead, opLookBehind, opBackReference:
		t.fancy = true
	case opWordBoundary, opNotWordBoundary:
		t.fancy = true // they are no reason to backtrack, but the server does, under its limit
	case opClass:
		t.unicode = len(n.class.perl) > 0
	}
	for _, sub := range n.subs {
		s := traitsOf(sub)
		t.fancy = t.fancy || s.fancy
		t.unicode = t.unicode || s.unicode
	}
	return t
}

// width is the number of characters that a tree matches, if that is the same
// for every match.
func (n *node) width() (chars int, fixed bool) {
	switch n.op {
	case opLiteral, opClass:
		return 1, true
	case opConcat, opCapture, opAtomic:
		for _, sub := range n.subs {
			w, ok := sub.width()
			if !ok {
				return 0, false
			}
			chars += w
		}
		return chars, true
	case opAlternate:
		first, ok := n.subs[0].width()
		for _, sub := range n.subs[1:] {
			w, ok2 := sub.width()
			ok = ok && ok2 && w == first
		}
		return first, ok
	case opRepeat:
		w, ok := n.subs[0].width()
		return w * n.min, ok && n.min == n.max
	case opBackReference:
		return 0, false
	default:
		return 0, true
	}
}

// matchesEmpty reports whether a tree can match without taking a character.
func (n *node) matchesEmpty() bool {
	switch n.op {
	case opLiteral, opClass:
		return false
	case opConcat, opCapture, opAtomic:
		for _, sub := range n.subs {
			if !sub.matchesEmpty() {
				return false
			}
		}
		return true
	case opAlternate:
		for _, sub := range n.subs {
			if sub.matchesEmpty() {
				return true
			}
		}
		return false
	case opRepeat:
		return n.min == 0 || n.subs[0].matchesEmpty()
	default:
		return true
	}
}
