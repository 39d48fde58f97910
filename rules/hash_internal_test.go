package rules

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/binary"
	"testing"

	"pgregory.net/rapid"
)

// A bucket is the hash of the parts in a row, however long they are and whatever is
// in them.
func TestBucketOfAnything(t *testing.T) {
	part := func(t *rapid.T, name string) string {
		long := rapid.SampledFrom([]int{8, 40, 130, 900}).Draw(t, name+" length")
		return rapid.OneOf(
			rapid.StringMatching(`[a-z0-9-]{0,130}`),
			rapid.StringN(0, long, long),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, long), func(b []byte) string { return string(b) }),
		).Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		prefix, id := part(t, "prefix"), part(t, "id")
		salt := rapid.SampledFrom([]string{"", "variant"}).Draw(t, "salt")
		var sum [sha1.Size]byte
		fips140.WithoutEnforcement(func() { sum = sha1.Sum([]byte(prefix + identifier(id) + salt)) })
		if got, want := hash(prefix, id, salt), fraction(binary.BigEndian.Uint64(sum[:])); got != want {
			t.Fatalf("hash(%q, %q, %q) = %v, want %v", prefix, id, salt, got, want)
		}
	})
}
