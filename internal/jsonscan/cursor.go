// Package jsonscan reads JSON without building what nobody wants: definitions
// documents and requests for flags.
package jsonscan

// Cursor walks over JSON once, checks it on the way, and builds nothing that
// its caller does not want. After the first mistake it stands at the end of
// everything: containers are over, values are absent, names are empty. So
// callers have no errors to handle; they ask at the end whether all was well.
type Cursor struct {
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
	// maxOpen bounds the containers that are open at a time.
	maxOpen = 256

	// maxLevel bounds the nesting of a value that is stepped over, as
	// encoding/json does.
	maxLevel = 10_000
)

// New stands before the value that data is to be. It keeps data.
func New(data []byte) Cursor { return Cursor{data: data} }

// End returns an error unless one whole value was read, with nothing but
// blanks around it.
func (c *Cursor) End() error {
	if c.Whole() {
		return nil
	}
	return syntaxError(c.data)
}

// Whole is End for who does not ask what is wrong.
func (c *Cursor) Whole() bool {
	c.blanks()
	return !c.broken && c.pos == len(c.data)
}

// fail ends everything.
func (c *Cursor) fail() {
	c.broken = true
	c.pos = len(c.data)
}

// Peek returns the first byte of the next value, 0 if there is none.
func (c *Cursor) Peek() byte {
	c.blanks()
	if c.pos == len(c.data) {
		return 0
	}
	return c.data[c.pos]
}

// blanks steps over blanks.
func (c *Cursor) blanks() {
	for c.pos < len(c.data) && c.data[c.pos] <= ' ' {
		switch c.data[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

// Open steps into the array or object at the cursor.
func (c *Cursor) Open() {
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

// Close steps out of the array or object if nothing is left in it, and else to
// what comes next in it.
func (c *Cursor) Close() bool {
	b := c.Peek()
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
func (c *Cursor) closer() byte {
	if i := c.opened - 1; c.objects[i/64]&(1<<(i%64)) != 0 {
		return '}'
	}
	return ']'
}

// Name reads a member's name, as a literal with its quotes, and steps to the
// member's value.
func (c *Cursor) Name() []byte {
	name := c.Literal()
	c.blanks()
	if !c.take(':') {
		c.fail()
	}
	c.blanks()
	return name
}

// Literal reads the string that comes next, with its quotes.
func (c *Cursor) Literal() []byte {
	c.blanks()
	start := c.pos
	if !c.text() {
		c.fail()
		return emptyText
	}
	return c.data[start:c.pos]
}

var emptyText = []byte(`""`)

// Value reads the next value, whatever it is, and returns it with the number
// of levels that are nested in it (0 for a scalar).
func (c *Cursor) Value() (v []byte, depth int) {
	c.blanks()
	start := c.pos
	c.deepest = 0
	if !c.step() {
		c.fail()
		return nil, 0
	}
	return c.data[start:c.pos:c.pos], c.deepest
}

// Escaped reports whether the last text that was read has an escape in it. If
// not, it stands for itself.
func (c *Cursor) Escaped() bool { return c.escaped }
