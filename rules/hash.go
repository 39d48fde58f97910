package rules

import (
	"crypto/sha1"
	"encoding/binary"
	"unicode/utf8"
)

// maxIdentifier is the number of Unicode scalars that the server keeps of an
// identifier before it hashes it.
const maxIdentifier = 200

// hashPrefix is what the identifiers of a flag are hashed behind.
type hashPrefix struct {
	text  string
	block [sha1.BlockSize]byte // begins with text
}

func newHashPrefix(text string) hashPrefix {
	p := hashPrefix{text: text}
	copy(p.block[:], text)
	return p
}

// bucket is PostHog's hash of an identifier: the first 15 hexadecimal digits
// of SHA-1(prefix + identifier + salt) as a fraction of 2^60. It is in [0, 1]:
// the server's divisor, 2^60-1, rounds to 2^60 as a float64, and so does the
// largest dividend. The identifier is made valid and cut as the server does.
func (p *hashPrefix) bucket(id, salt string) float64 {
	// Nearly all input fits in one block, of which the prefix is there already:
	// to put it together piece by piece would take half as long as hashing it.
	block := p.block
	n := len(p.text) + len(id)
	if n+len(salt) > len(block) {
		return p.longBucket(id, salt)
	}
	copy(block[len(p.text):], id)
	if salt != "" {
		copy(block[n:], salt)
	}
	sum := sha1.Sum(block[:n+len(salt)])
	var bits uint64
	for i := 0; i < len(block); i += 8 {
		bits |= binary.LittleEndian.Uint64(block[i:])
	}
	if bits&0x8080808080808080 != 0 {
		return p.longBucket(id, salt) // not ASCII, so perhaps not valid
	}
	return fraction(sum)
}

func (p *hashPrefix) longBucket(id, salt string) float64 {
	var stack [256]byte // what does not fit moves to the heap by itself
	b := append(stack[:0], p.text...)
	b = append(b, identifier(id)...)
	return fraction(sha1.Sum(append(b, salt...)))
}

// holdoutPrefix is the prefix of every holdout.
var holdoutPrefix = newHashPrefix("holdout-")

func fraction(sum [sha1.Size]byte) float64 {
	return float64(binary.BigEndian.Uint64(sum[:8])>>4) / (1 << 60)
}

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
