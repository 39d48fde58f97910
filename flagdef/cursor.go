package flagdef

import (
	"bytes"
	"fmt"
)

// cursor walks over JSON that is known to be well formed, which is why it has
// no errors to report: the whole document has been checked, and the cursor
// then reads each byte of it at most twice without building anything that the
// caller does not want.
type cursor struct {
	data []byte
	pos  int
}

// errTooDeep is the reason a value deeper than MaxDepth is not looked at.
var errTooDeep = fmt.Errorf("nested deeper than %d levels", MaxDepth)

// peek returns the first byte of the next value.
func (c *cursor) peek() byte {
	c.blanks()
	return c.data[c.pos]
}

func (c *cursor) blanks() {
	for c.pos < len(c.data) {
		switch c.data[c.pos] {
		case ' ', '\t', '\n', '\r', ',', ':':
			c.pos++
		default:
			return
		}
	}
}

// open steps into the array or object at the cursor.
func (c *cursor) open() {
	c.blanks()
	c.pos++
}

// close steps out of the array or object if nothing is left in it.
func (c *cursor) close() bool {
	if b := c.peek(); b != ']' && b != '}' {
		return false
	}
	c.pos++
	return true
}

// name reads a member's name, as a literal with its quotes.
func (c *cursor) name() []byte {
	c.blanks()
	return c.literal()
}

// literal reads the string at the cursor, which is on its opening quote.
func (c *cursor) literal() []byte {
	start := c.pos
	c.pos++
	for {
		c.pos += bytes.IndexByte(c.data[c.pos:], '"')
		escapes := 0
		for c.data[c.pos-1-escapes] == '\\' {
			escapes++
		}
		c.pos++
		// An even run of backslashes escapes itself; an odd one escapes the quote.
		if escapes%2 == 0 {
			return c.data[start:c.pos]
		}
	}
}

// value reads the next value, whatever it is, and returns it with the number
// of levels that are nested in it (0 for a scalar).
func (c *cursor) value() (v Value, depth int) {
	c.blanks()
	start := c.pos
	level := 0
	for {
		switch b := c.data[c.pos]; b {
		case '"':
			c.literal()
		case '{', '[':
			level++
			depth = max(depth, level)
			c.pos++
		case '}', ']':
			level--
			c.pos++
		case ' ', '\t', '\n', '\r', ',', ':':
			c.pos++
			continue
		default:
			c.scalar()
		}
		if level == 0 {
			return c.data[start:c.pos:c.pos], depth
		}
	}
}

// scalar steps over a number, true, false or null.
func (c *cursor) scalar() {
	for c.pos < len(c.data) {
		switch c.data[c.pos] {
		case ' ', '\t', '\n', '\r', ',', ':', '}', ']':
			return
		}
		c.pos++
	}
}
