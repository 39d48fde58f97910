package sha1

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// want is what the standard library says.
func want(message []byte) uint64 {
	var sum [sha1.Size]byte
	fips140.WithoutEnforcement(func() { sum = sha1.Sum(message) })
	return binary.BigEndian.Uint64(sum[:])
}

func TestEveryLength(t *testing.T) {
	text := []byte(strings.Repeat("PostHog's flags, bucket by bucket. ", 8))
	for n := range text {
		if got := Sum(text[:n]); got != want(text[:n]) {
			t.Errorf("Sum of %d bytes = %x, want %x", n, got, want(text[:n]))
		}
		if n > MaxShort {
			continue
		}
		var buffer [ShortSize]byte
		copy(buffer[:], text[:n])
		if got := Short(&buffer, n); got != want(text[:n]) {
			t.Errorf("Short of %d bytes = %x, want %x", n, got, want(text[:n]))
		}
	}
}

func TestAnyMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "message")
		if got := Sum(message); got != want(message) {
			t.Fatalf("Sum = %x, want %x", got, want(message))
		}
	})
}

// The processor's instructions and the plain form come to the same state.
func TestCompress(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var block [BlockSize]byte
		copy(block[:], rapid.SliceOfN(rapid.Byte(), BlockSize, BlockSize).Draw(t, "block"))
		var state [5]uint32
		copy(state[:], rapid.SliceOfN(rapid.Uint32(), 5, 5).Draw(t, "state"))
		fast, plain := state, state
		compress(&fast, &block)
		compressGo(&plain, &block)
		if fast != plain {
			t.Fatalf("compress = %x, compressGo = %x", fast, plain)
		}
	})
}

func BenchmarkShort(b *testing.B) {
	var buffer [ShortSize]byte
	for _, n := range []int{40, 60} {
		b.Run(fmt.Sprint(n, " bytes/own"), func(b *testing.B) {
			for b.Loop() {
				clear(buffer[n:])
				Short(&buffer, n)
			}
		})
		b.Run(fmt.Sprint(n, " bytes/standard library"), func(b *testing.B) {
			for b.Loop() {
				sha1.Sum(buffer[:n])
			}
		})
	}
}
