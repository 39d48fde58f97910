package rules

import (
	"crypto/sha1"
	"encoding/binary"
	"unicode/utf8"
)

// maxIdentifier is the number of Unicode scalars that the server keeps of an
// identifier before it hashes it.
const maxIdentifier = 200

// bucket is PostHog's hash of an identifier: the first 15 hexadecimal digits
// of SHA-1(prefix + identifier + salt) as a fraction of 2^60. It is in [0, 1]:
// the server's divisor, 2^60-1, rounds to 2^60 as a float64, and so does the
// largest dividend.
func bucket(prefix, identifier, salt string) float64 {
	// One block of SHA-1 and the longest usual keys fit; longer input moves to
	// the heap by itself.
	var stack [192]byte
	b := append(stack[:0], prefix...)
	b = append(b, identifier...)
	b = append(b, salt...)
	sum := sha1.Sum(b)
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
