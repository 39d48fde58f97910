package flagdef

import (
	"encoding/json"
	"errors"
	"fmt"
)

// checkSyntax reports where data stops being JSON. The check is done by hand,
// because it is the largest part of reading a document; what is wrong is then
// said by the standard library.
func checkSyntax(data []byte) error {
	s := scanner{data: data}
	if s.document() {
		return nil
	}
	var raw json.RawMessage
	err := json.Unmarshal(data, &raw)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("not JSON at byte %d: %w", syntax.Offset, err)
	}
	return fmt.Errorf("not JSON, or nested deeper than %d levels", maxScan)
}

// maxScan bounds the nesting of a document as a whole. It is far above
// MaxDepth, which the flag that exceeds it answers for alone.
const maxScan = 10_000

// scanner checks that data is JSON.
type scanner struct {
	data  []byte
	pos   int
	depth int
}

// document checks one value with nothing but blanks around it.
func (s *scanner) document() bool {
	s.blanks()
	if !s.value() {
		return false
	}
	s.blanks()
	return s.pos == len(s.data)
}

func (s *scanner) blanks() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// take steps over c if it comes next.
func (s *scanner) take(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) value() bool {
	if s.pos == len(s.data) {
		return false
	}
	switch c := s.data[s.pos]; c {
	case '"':
		return s.text()
	case '{':
		return s.members('}', true)
	case '[':
		return s.members(']', false)
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

// members checks an object or array.
func (s *scanner) members(end byte, named bool) bool {
	if s.depth++; s.depth > maxScan {
		return false
	}
	s.pos++
	s.blanks()
	if s.take(end) {
		s.depth--
		return true
	}
	for {
		if named {
			if s.pos == len(s.data) || s.data[s.pos] != '"' || !s.text() {
				return false
			}
			s.blanks()
			if !s.take(':') {
				return false
			}
			s.blanks()
		}
		if !s.value() {
			return false
		}
		s.blanks()
		if s.take(end) {
			s.depth--
			return true
		}
		if !s.take(',') {
			return false
		}
		s.blanks()
	}
}

// text checks a string, which is on its opening quote.
func (s *scanner) text() bool {
	for i := s.pos + 1; i < len(s.data); i++ {
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			return true
		case c == '\\':
			n := escape(s.data[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		case c < ' ':
			return false
		}
	}
	return false
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

func (s *scanner) word(word string) bool {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

// digits steps over at least one digit.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
