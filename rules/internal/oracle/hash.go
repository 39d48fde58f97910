package oracle

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
)

// bucket maps prefix, identifier and salt to 0..1: the first 60 bits of the
// SHA-1 over a divisor that rounds to 2^60 as a float64.
func bucket(prefix, id, salt string) float64 {
	sum := sha1.Sum([]byte(prefix + id + salt))
	n, _ := strconv.ParseUint(hex.EncodeToString(sum[:])[:15], 16, 64)
	return float64(n) / float64(0xFFFFFFFFFFFFFFF)
}

// flagBucket is the bucket for a rollout ("") or a variant ("variant"). An empty
// identifier is not hashed: it is in the first bucket of everything.
func flagBucket(flag, id, salt string) float64 {
	if id == "" {
		return 0
	}
	return bucket(flag+".", id, salt)
}

// holdoutBucket hashes an empty identifier like any other.
func holdoutBucket(id string) float64 { return bucket("holdout-", id, "") }

// inRollout says whether a hash is within a percentage.
func inRollout(hash, percentage float64) bool {
	return percentage == 100 || hash <= percentage/100
}
