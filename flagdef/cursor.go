package flagdef

import (
	"encoding/json"
	"errors"
	"fmt"
)

// cursor walks over JSON once, checks it on the way, and builds nothing that
// its caller does not want. After the first mistake it stands at the end of
// everything: containers are over, values are absent, names are empty. So
// callers have no errors to handle; they ask at the end whether all was well.
type cursor struct {
	data   []byte
	pos    int
	broken bool

	objects [maxOpen / 64]uint64 // of the open containers, which are objects
	opened  int
	fresh   bool // in a container of which nothing has been read

	level, deepest int // of the value that is being stepped over

	escaped bool // the last text has an escape in it
}

const (
	// maxOpen bounds the containers that are open at a time. Readers stop
	// opening at MaxDepth.
	maxOpen = 2 * MaxDepth

	// maxLevel bounds the nesting of a value that is stepped over. It is far
	// above MaxDepth, which the flag that exceeds it answers for alone.
	maxLevel = 10_000
)

// errTooDeep is the reason a value deeper than MaxDepth is not looked at.
var errTooDeep = fmt.Errorf("nested deeper than %d levels", MaxDepth)

// end returns an error unless one whole value was read, with nothing but
// blanks around it.
func (c *cursor) end() error {
	c.blanks()
	if !c.broken && c.pos == len(c.data) {
		return nil
	}
	return syntaxError(c.data)
}

// syntaxError lets the standard library say what is wrong.
func syntaxError(data []byte) error {
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("not JSON, or nested deeper than %d levels", maxLevel)
}

func (c *cursor) fail() {
	c.broken = true
	c.pos = len(c.data)
}

// peek returns the first byte of the next value, 0 if there is none.
func (c *cursor) peek() byte {
	c.blanks()
	if c.pos == len(c.data) {
		return 0
	}
	return c.data[c.pos]
}

// blanks steps over blanks.
func (c *cursor) blanks() {
	for c.pos < len(c.data) && c.data[c.pos] <= ' ' {
		switch c.data[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

// open steps into the array or object at the cursor.
func (c *cursor) open() {
	if c.opened == maxOpen {
		c.fail()
		return
	}
	word, bit := &c.objects[c.opened/64], uint64(1)<<(c.opened%64)
	if *word &^= bit; c.data[c.pos] == '{' {
		*word |= bit
	}
	c.opened++
	c.pos++
	c.fresh = true
}

// close steps out of the array or object if nothing is left in it, and else to
// what comes next in it.
func (c *cursor) close() bool {
	b := c.peek()
	if c.broken {
		return true
	}
	fresh := c.fresh
	c.fresh = false
	switch {
	case b == c.closer():
		c.pos++
		c.opened--
		return true
	case fresh:
		return false
	case b == ',':
		c.pos++
		c.blanks()
		return false
	}
	c.fail()
	return true
}

// closer is what ends the container that the cursor is in.
func (c *cursor) closer() byte {
	if i := c.opened - 1; c.objects[i/64]&(1<<(i%64)) != 0 {
		return '}'
	}
	return ']'
}

// name reads a member's name, as a literal with its quotes, and steps to the
// member's value.
func (c *cursor) name() []byte {
	name := c.literal()
	c.blanks()
	if !c.take(':') {
		c.fail()
	}
	c.blanks()
	return name
}

// literal reads the string that comes next, with its quotes.
func (c *cursor) literal() []byte {
	c.blanks()
	start := c.pos
	if !c.text() {
		c.fail()
		return emptyText
	}
	return c.data[start:c.pos]
}

var emptyText = []byte(`""`)

// value reads the next value, whatever it is, and returns it with the number
// of levels that are nested in it (0 for a scalar).
func (c *cursor) value() (v Value, depth int) {
	c.blanks()
	start := c.pos
	c.deepest = 0
	if !c.step() {
		c.fail()
		return nil, 0
	}
	return c.data[start:c.pos:c.pos], c.deepest
}
