package jsonscan

import (
	"encoding/binary"
	"math/bits"
)

// The methods of this file step over a part of a document if it is JSON, and
// report whether it is.

// step steps over one value.
func (c *Cursor) step() bool {
	if c.pos == len(c.data) {
		return false
	}
	switch c.data[c.pos] {
	case '"':
		return c.text()
	case '{':
		return c.nested('}', true)
	case '[':
		return c.nested(']', false)
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	default:
		return c.number()
	}
}

// nested steps over an object or array.
func (c *Cursor) nested(end byte, named bool) bool {
	if c.level++; c.level > maxLevel {
		return false
	}
	c.deepest = max(c.deepest, c.level)
	c.pos++
	c.blanks()
	if c.take(end) {
		c.level--
		return true
	}
	for {
		if named {
			if !c.text() {
				return false
			}
			c.blanks()
			if !c.take(':') {
				return false
			}
			c.blanks()
		}
		if !c.step() {
			return false
		}
		c.blanks()
		if c.take(end) {
			c.level--
			return true
		}
		if !c.take(',') {
			return false
		}
		c.blanks()
	}
}

// take steps over b if it comes next.
func (c *Cursor) take(b byte) bool {
	if c.pos < len(c.data) && c.data[c.pos] == b {
		c.pos++
		return true
	}
	return false
}

// text steps over a string with its quotes.
func (c *Cursor) text() bool {
	if !c.take('"') {
		return false
	}
	c.escaped = false
	for {
		c.plainText()
		if c.pos == len(c.data) {
			return false
		}
		switch c.data[c.pos] {
		case '"':
			c.pos++
			return true
		case '\\':
			n := escape(c.data[c.pos:])
			if n == 0 {
				return false
			}
			c.pos += n
			c.escaped = true
		default:
			return false // a control character
		}
	}
}

// plainText steps to the next quote, backslash or control character, eight
// bytes at a time.
func (c *Cursor) plainText() {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	data, i := c.data, c.pos
	for ; i+8 <= len(data); i += 8 {
		// x-ones has the top bit where a byte of x was 0, and perhaps where one
		// above it was: the lowest is right. Bytes below a space are those that
		// lose their top bit when a space is taken from each.
		x := binary.LittleEndian.Uint64(data[i:])
		quote, escape := x^(ones*'"'), x^(ones*'\\')
		found := ((quote-ones)&^quote | (escape-ones)&^escape | (x-ones*' ')&^x) & tops
		if found != 0 {
			c.pos = i + bits.TrailingZeros64(found)/8
			return
		}
	}
	for ; i < len(data); i++ {
		if b := data[i]; b == '"' || b == '\\' || b < ' ' {
			break
		}
	}
	c.pos = i
}

// escape is the length of the escape that data begins with, 0 if it is none.
func escape(data []byte) int {
	if len(data) < 2 {
		return 0
	}
	switch data[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(data) < 6 {
			return 0
		}
		for _, c := range data[2:6] {
			if !('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func (c *Cursor) word(word string) bool {
	if len(c.data)-c.pos < len(word) || string(c.data[c.pos:c.pos+len(word)]) != word {
		return false
	}
	c.pos += len(word)
	return true
}

func (c *Cursor) number() bool {
	c.take('-')
	if !c.take('0') && !c.digits() {
		return false
	}
	if c.take('.') && !c.digits() {
		return false
	}
	if c.take('e') || c.take('E') {
		if !c.take('+') {
			c.take('-')
		}
		return c.digits()
	}
	return true
}

// digits steps over at least one digit.
func (c *Cursor) digits() bool {
	start := c.pos
	for c.pos < len(c.data) && '0' <= c.data[c.pos] && c.data[c.pos] <= '9' {
		c.pos++
	}
	return c.pos > start
}
