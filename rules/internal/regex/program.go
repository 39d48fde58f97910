//go:build !hogflags_small

package regex

// program is a tree as instructions for the backtracking machine.
type program struct {
	code   []instruction
	groups int
	loops  int // registers that hold where a turn of a loop, or a look, began
}

type instruction struct {
	code     opcode
	node     *node // literal, class, assertion, back-reference
	x, y     int   // targets; slot; extent
	negative bool
}

type opcode uint8

const (
	codeNode      opcode = iota // match one character or an assertion
	codeSplit                   // try x, then y
	codeJump                    // go to x
	codeSave                    // record the position in slot x
	codeTurn                    // record the position in register x
	codeProgress                // go on at y if the turn that register x tells of took nothing
	codeLook                    // look ahead, or x characters behind, with the code up to y
	codeBehind                  // go x characters back
	codeReturn                  // go back to the position in register x
	codeAtomic                  // match the code up to y without a way back into it
	codeReference               // match what group x captured
	codeMatch
)

// maxProgram bounds the size of a program: counted repetitions are unrolled.
const maxProgram = 10_000

// assemble is nil if the program would be too large.
func assemble(tree *node, groups int) *program {
	a := assembler{program: program{groups: groups}}
	a.emit(tree)
	a.add(instruction{code: codeMatch})
	if a.overflow {
		return nil
	}
	return &a.program
}

type assembler struct {
	program
	overflow bool
}

func (a *assembler) add(i instruction) int {
	if len(a.code) >= maxProgram {
		a.overflow = true
		return 0
	}
	a.code = append(a.code, i)
	return len(a.code) - 1
}

func (a *assembler) emit(n *node) {
	if a.overflow {
		return
	}
	switch n.op {
	case opEmpty:
	case opConcat:
		for _, sub := range n.subs {
			a.emit(sub)
		}
	case opAlternate:
		a.alternate(n)
	case opRepeat:
		a.repeat(n)
	case opCapture:
		a.add(instruction{code: codeSave, x: 2 * n.group})
		a.emit(n.subs[0])
		a.add(instruction{code: codeSave, x: 2*n.group + 1})
	case opAtomic:
		a.enclosed(instruction{code: codeAtomic}, n.subs[0])
	case opLookAhead, opLookBehind:
		a.look(n)
	case opBackReference:
		a.add(instruction{code: codeReference, x: n.group, node: n})
	default:
		a.add(instruction{code: codeNode, node: n})
	}
}

// enclosed emits an instruction that runs the code of body by itself.
func (a *assembler) enclosed(i instruction, body *node) {
	at := a.add(i)
	a.emit(body)
	a.add(instruction{code: codeMatch})
	a.code[at].y = len(a.code)
}

// look emits a look-around. The server comes back into a positive one that
// needed its backtracking engine, which leads to nothing but counts.
func (a *assembler) look(n *node) {
	width := 0
	if n.op == opLookBehind {
		width, _ = n.subs[0].width()
	}
	if n.negative || !traitsOf(n.subs[0]).fancy {
		a.enclosed(instruction{code: codeLook, x: width, negative: n.negative}, n.subs[0])
		return
	}
	register := a.loops
	a.loops++
	a.add(instruction{code: codeTurn, x: register})
	a.add(instruction{code: codeBehind, x: width})
	a.emit(n.subs[0])
	a.add(instruction{code: codeReturn, x: register})
}

func (a *assembler) alternate(n *node) {
	var ends []int
	for i, sub := range n.subs {
		if i == len(n.subs)-1 {
			a.emit(sub)
			break
		}
		split := a.add(instruction{code: codeSplit})
		a.code[split].x = len(a.code)
		a.emit(sub)
		ends = append(ends, a.add(instruction{code: codeJump}))
		a.code[split].y = len(a.code)
	}
	for _, end := range ends {
		a.code[end].x = len(a.code)
	}
}

func (a *assembler) repeat(n *node) {
	for range n.min {
		a.emit(n.subs[0])
	}
	if n.max < 0 {
		a.loop(n)
		return
	}
	var splits []int
	for range n.max - n.min {
		splits = append(splits, a.add(instruction{code: codeSplit}))
		a.branch(splits[len(splits)-1], len(a.code), n.lazy)
		a.emit(n.subs[0])
	}
	for _, split := range splits {
		a.branch(split, len(a.code), !n.lazy)
	}
}

// loop emits an unlimited repetition. A turn that takes no character is the
// last one.
func (a *assembler) loop(n *node) {
	guarded := n.subs[0].matchesEmpty()
	register := a.loops
	split := a.add(instruction{code: codeSplit})
	a.branch(split, len(a.code), n.lazy)
	if guarded {
		a.loops++
		a.add(instruction{code: codeTurn, x: register})
	}
	a.emit(n.subs[0])
	progress := -1
	if guarded {
		progress = a.add(instruction{code: codeProgress, x: register})
	}
	a.add(instruction{code: codeJump, x: split})
	a.branch(split, len(a.code), !n.lazy)
	if guarded {
		a.code[progress].y = len(a.code)
	}
}

// branch sets where a split goes first or, if second is set, where it goes
// when that fails.
func (a *assembler) branch(split, target int, second bool) {
	if second {
		a.code[split].y = target
	} else {
		a.code[split].x = target
	}
}
