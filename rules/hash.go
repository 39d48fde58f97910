package rules

import (
	"unicode/utf8"

	"github.com/hogflags/hogflags/rules/internal/sha1"
)

// maxIdentifier is the number of Unicode scalars that the server keeps of an
// identifier before it hashes it.
const maxIdentifier = 200

// hashPrefix is what the identifiers of a flag are hashed behind.
type hashPrefix struct {
	text  string
	start sha1.Start // of text
}

func newHashPrefix(text string) hashPrefix {
	return hashPrefix{text, sha1.NewStart(text[:min(len(text), sha1.StartSize)])}
}

// bucket is PostHog's hash of an identifier: the first 15 hexadecimal digits
// of SHA-1(prefix + identifier + salt) as a fraction of 2^60. It is in [0, 1]:
// the server's divisor, 2^60-1, rounds to 2^60 as a float64, and so does the
// largest dividend. The identifier is made valid and cut as the server does.
func (p *hashPrefix) bucket(id, salt string) float64 {
	if len(p.text)+len(id)+len(salt) > sha1.MaxShort {
		return p.longBucket(id, salt) // perhaps to be cut
	}
	var m sha1.Message
	n := min(len(p.text), sha1.StartSize)
	m.Begin(&p.start, n)
	if n < len(p.text) {
		m.Append(p.text[n:])
	}
	if !m.Append(id) && !utf8.ValidString(id) {
		return p.longBucket(id, salt) // to be made valid
	}
	if salt != "" {
		m.Append(salt)
	}
	return fraction(m.Sum())
}

func (p *hashPrefix) longBucket(id, salt string) float64 {
	var stack [256]byte // what does not fit moves to the heap by itself
	b := append(stack[:0], p.text...)
	b = append(b, identifier(id)...)
	return fraction(sha1.Sum(append(b, salt...)))
}

// holdoutPrefix is the prefix of every holdout.
var holdoutPrefix = newHashPrefix("holdout-")

// fraction is the first 60 of a hash's bits as a fraction of 2^60.
func fraction(hash uint64) float64 { return float64(hash>>4) / (1 << 60) }

// within reports whether a hash is in a share of subjects. The bound is in it,
// so 0 % admits the hash 0.
func within(hash, percentage float64) bool { return hash <= percentage/100 }

// identifier returns id as the server hashes it: valid UTF-8, and cut to 200
// scalars.
func identifier(id string) string {
	id = validUTF8(id)
	if len(id) <= maxIdentifier {
		return id
	}
	n := 0
	for i := range id {
		if n == maxIdentifier {
			return id[:i]
		}
		n++
	}
	return id
}

// validUTF8 replaces each invalid byte by U+FFFD, as encoding/json does on the
// way to the server.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
