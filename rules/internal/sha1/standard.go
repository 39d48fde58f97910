//go:build (arm64 || s390x) && !purego

package sha1

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/binary"
)

// standard says that crypto/sha1 is asked: here it has the processor's
// instructions. It panics where only FIPS 140 algorithms are allowed.
var standard = !fips140.Enforced()

func sumStandard(message []byte) uint64 {
	sum := sha1.Sum(message)
	return binary.BigEndian.Uint64(sum[:])
}
