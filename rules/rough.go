package rules

import (
	"math"
	"strconv"

	"github.com/hogflags/hogflags/flagdef"
)

// The server reads JSON with serde_json, which by default takes a number's
// digits as one integer and scales it, both in float64. Each of the two steps
// may round, so a number of many digits can come out next to the one that is
// nearest: 123456.789012345678 is such a number. A build can ask for exact
// reading instead, and what the server's asks for is not to be seen. Numbers on
// which the two ways differ are rough.

// writtenFloat is the number x that is written as s.
func writtenFloat(s string, x float64) operand {
	if quickFloat(s) == x {
		return floatOperand(x)
	}
	return operand{kind: rough, text: s, bits: math.Float64bits(x)}
}

// shortestOperand is a Go float, which travels in its shortest digits.
func shortestOperand(x float64) operand {
	var stack [32]byte
	s := strconv.AppendFloat(stack[:0], x, 'e', -1, 64)
	if quickFloat(s) == x {
		return floatOperand(x)
	}
	return writtenFloat(string(s), x)
}

// readings are the two numbers that a rough one may be to the server.
func (o operand) readings() (exact, quick operand) {
	return floatOperand(o.float()), floatOperand(quickFloat(o.text))
}

// quickFloat reads a JSON number as serde_json does by default. It is infinite
// where serde_json reports that a number is out of range.
func quickFloat[T string | []byte](s T) float64 {
	var digits uint64
	exponent, i := 0, 0
	negative := s[0] == '-'
	if negative {
		i++
	}
	fraction, full := false, false
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' {
			fraction, full = true, false
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		digit := uint64(c - '0')
		if full || digits > (math.MaxUint64-digit)/10 {
			// What does not fit is ignored, except that it counts as a place.
			full = true
			if !fraction {
				exponent++
			}
			continue
		}
		digits = digits*10 + digit
		if fraction {
			exponent--
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		n, err := strconv.Atoi(string(s[i+1:]))
		if err != nil {
			return math.NaN()
		}
		exponent += n
	}
	x := scale(float64(digits), exponent)
	if negative {
		return -x
	}
	return x
}

func scale(x float64, exponent int) float64 {
	for ; exponent < -308 && x != 0; exponent += 308 {
		x /= 1e308
	}
	switch {
	case x == 0:
		return x
	case exponent > 308:
		return math.Inf(1)
	case exponent < 0:
		return x / powerOfTen(-exponent)
	default:
		return x * powerOfTen(exponent)
	}
}

// powerOfTen is the float64 next to 10^n, for n from 0 to 308.
func powerOfTen(n int) float64 {
	if n <= 22 { // these are exact
		x := 1.0
		for range n {
			x *= 10
		}
		return x
	}
	x, _ := strconv.ParseFloat("1e"+strconv.Itoa(n), 64) // math.Pow10 is a little off for some
	return x
}

// hasRough reports whether a filter value has a rough number in it.
func hasRough(v flagdef.Value) bool {
	switch v.Kind() {
	case flagdef.Number:
		return numberOperand(string(v)).kind == rough
	case flagdef.Array:
		for element := range v.Elements() {
			if hasRough(element) {
				return true
			}
		}
	case flagdef.Object:
		for _, member := range v.Members() {
			if hasRough(member) {
				return true
			}
		}
	}
	return false
}
