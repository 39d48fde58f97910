//go:build !hogflags_small

package regex

import (
	"strings"
	"unicode/utf8"
)

// The server gives up on a match after maxBacktracks. It counts what this
// machine counts, or less where parts of a pattern need no backtracking, so
// what is found within the limit here is found there too. maxSteps bounds the
// work between two of them.
const (
	maxBacktracks = 10_000
	maxSteps      = 50 * maxBacktracks
)

// search looks for a match that begins anywhere in s.
func (p *program) search(s string) Result {
	m := machine{program: p, s: s, saved: make([]int, 2*(p.groups+1)), turns: make([]int, p.loops)}
	for start := 0; ; {
		for i := range m.saved {
			m.saved[i] = -1
		}
		if m.run(0, start) >= 0 {
			return Match
		}
		m.count() // the server, too, comes back for the next place to begin at
		switch {
		case m.exhausted:
			return Undecided
		case start >= len(s):
			return NoMatch
		}
		_, n := utf8.DecodeRuneInString(s[start:])
		start += n
	}
}

// machine is the state of one search.
type machine struct {
	*program
	s          string
	saved      []int // start and end of each group, -1 for none
	turns      []int // where the current turn of each loop began
	stack      []choice
	backtracks int
	steps      int
	exhausted  bool
}

// choice is a way back: another place to go on from, or, with undo set, the
// former content of a register.
type choice struct {
	pc, pos  int
	undo     undo
	register int
}

type undo uint8

const (
	undoNothing undo = iota
	undoSaved
	undoTurn
)

// run matches the code at pc against s[pos:]. It returns where the match ends,
// or -1.
func (m *machine) run(pc, pos int) int {
	base := len(m.stack)
	for {
		if m.steps++; m.steps > maxSteps {
			m.exhausted = true
		}
		if m.exhausted {
			return -1
		}
		ok := true
		switch i := &m.code[pc]; i.code {
		case codeMatch:
			// The undo entries stay: an enclosing run may have to go back
			// over what this one saved. Its choices are gone.
			m.dropChoices(base)
			return pos
		case codeNode:
			pos, ok = m.single(i.node, pos)
			pc++
		case codeSplit:
			m.stack = append(m.stack, choice{pc: i.y, pos: pos})
			pc = i.x
		case codeJump:
			pc = i.x
		case codeSave:
			m.stack = append(m.stack, choice{undo: undoSaved, register: i.x, pos: m.saved[i.x]})
			m.saved[i.x] = pos
			pc++
		case codeTurn:
			m.stack = append(m.stack, choice{undo: undoTurn, register: i.x, pos: m.turns[i.x]})
			m.turns[i.x] = pos
			pc++
		case codeProgress:
			if m.turns[i.x] == pos {
				pc = i.y
			} else {
				pc++
			}
		case codeAtomic:
			var end int
			if end = m.run(pc+1, pos); end >= 0 {
				pos = end
			}
			ok = end >= 0
			pc = i.y
		case codeLook:
			ok = m.look(i, pc, pos)
			pc = i.y
		case codeBehind:
			pos, ok = m.behind(i.x, pos)
			pc++
		case codeReturn:
			pos = m.turns[i.x]
			pc++
		case codeReference:
			pos, ok = m.reference(i, pos)
			pc++
		}
		if ok {
			continue
		}
		if pc, pos, ok = m.back(base); !ok {
			return -1
		}
	}
}

// count counts what the server would count as a way back, or may.
func (m *machine) count() {
	if m.backtracks++; m.backtracks > maxBacktracks {
		m.exhausted = true
	}
}

// back takes the latest choice above base.
func (m *machine) back(base int) (pc, pos int, ok bool) {
	for len(m.stack) > base {
		top := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		switch top.undo {
		case undoSaved:
			m.saved[top.register] = top.pos
		case undoTurn:
			m.turns[top.register] = top.pos
		default:
			m.count()
			return top.pc, top.pos, true
		}
	}
	return 0, 0, false
}

// dropChoices removes the choices above base and keeps what is to be undone.
func (m *machine) dropChoices(base int) {
	kept := m.stack[:base]
	for _, c := range m.stack[base:] {
		if c.undo != undoNothing {
			kept = append(kept, c)
		}
	}
	m.stack = kept
}

func (m *machine) look(i *instruction, pc, pos int) bool {
	base := len(m.stack)
	pos, found := m.behind(i.x, pos)
	found = found && m.run(pc+1, pos) >= 0
	if i.negative {
		if found {
			m.back(base) // what a negative look saved is not seen outside of it
		} else {
			m.count()
		}
	}
	return found != i.negative && !m.exhausted
}

// behind goes some characters back, if there are so many.
func (m *machine) behind(chars, pos int) (int, bool) {
	for range chars {
		if pos == 0 {
			return 0, false
		}
		_, n := utf8.DecodeLastRuneInString(m.s[:pos])
		pos -= n
	}
	return pos, true
}

// single matches one character or an assertion.
func (m *machine) single(n *node, pos int) (int, bool) {
	switch n.op {
	case opTextStart:
		return pos, pos == 0
	case opTextEnd:
		return pos, pos == len(m.s)
	case opLineStart:
		return pos, pos == 0 || m.s[pos-1] == '\n'
	case opLineEnd:
		return pos, pos == len(m.s) || m.s[pos] == '\n'
	case opWordBoundary:
		return pos, m.atBoundary(pos)
	case opNotWordBoundary:
		return pos, !m.atBoundary(pos)
	}
	if pos == len(m.s) {
		return pos, false
	}
	r, width := utf8.DecodeRuneInString(m.s[pos:])
	return pos + width, n.matches(r)
}

func (m *machine) atBoundary(pos int) bool {
	before, _ := utf8.DecodeLastRuneInString(m.s[:pos])
	after, _ := utf8.DecodeRuneInString(m.s[pos:])
	return (pos > 0 && isWord(before)) != (pos < len(m.s) && isWord(after))
}

// reference matches what a group captured; a group that captured nothing
// matches nothing.
func (m *machine) reference(i *instruction, pos int) (int, bool) {
	start, end := m.saved[2*i.x], m.saved[2*i.x+1]
	if start < 0 || end < start {
		return pos, false
	}
	captured := m.s[start:end]
	if i.node.fold {
		// Folding keeps the number of characters, not of bytes.
		for _, want := range captured {
			r, n := utf8.DecodeRuneInString(m.s[pos:])
			if n == 0 || r != want && !equalFold(r, want) {
				return pos, false
			}
			pos += n
		}
		return pos, true
	}
	return pos + len(captured), strings.HasPrefix(m.s[pos:], captured)
}
