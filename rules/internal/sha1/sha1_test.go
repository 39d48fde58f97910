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
func want(message string) uint64 {
	var sum [sha1.Size]byte
	fips140.WithoutEnforcement(func() { sum = sha1.Sum([]byte(message)) })
	return binary.BigEndian.Uint64(sum[:])
}

// short puts a message together from three parts, the first of them prepared.
func short(message string, first, second int) uint64 {
	var m Message
	start := NewStart(message[:first])
	m.Begin(&start, first)
	m.Append(message[first:second])
	m.Append(message[second:])
	return m.Sum()
}

func TestEveryLength(t *testing.T) {
	text := strings.Repeat("PostHog's flags, bucket by bucket. ", 8)
	for n := range text {
		message := text[:n]
		if got := Sum([]byte(message)); got != want(message) {
			t.Errorf("Sum of %d bytes = %x, want %x", n, got, want(message))
		}
		if n > MaxShort {
			continue
		}
		for first := range min(n, StartSize) + 1 {
			if got := short(message, first, (first+n)/2); got != want(message) {
				t.Errorf("Sum of a Message of %d bytes, %d of them prepared = %x, want %x", n, first, got, want(message))
			}
		}
	}
}

func TestAnyMessage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "message"))
		if got := Sum([]byte(message)); got != want(message) {
			t.Fatalf("Sum = %x, want %x", got, want(message))
		}
		message = message[:min(len(message), MaxShort)]
		second := rapid.IntRange(0, len(message)).Draw(t, "second")
		first := rapid.IntRange(0, min(second, StartSize)).Draw(t, "first")
		if got := short(message, first, second); got != want(message) {
			t.Fatalf("Sum of a Message = %x, want %x", got, want(message))
		}
	})
}

func TestAppendFindsASCII(t *testing.T) {
	for n := range 40 {
		for start := range 10 {
			for at := -1; at < n; at++ {
				text := []byte(strings.Repeat("\x7f", n))
				if at >= 0 {
					text[at] = 0x80
				}
				m := Message{size: uint(start)}
				if got := m.Append(string(text)); got != (at < 0) {
					t.Errorf("%d bytes behind %d, not ASCII at %d: %v", n, start, at, got)
				}
			}
		}
	}
}

// The processor's instructions and the plain form come to the same.
func TestPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.IntRange(1, 4).Draw(t, "blocks")
		words := rapid.SliceOfN(rapid.Uint64(), blocks*blockWords, blocks*blockWords).Draw(t, "words")
		if got, plain := sum(words), sumGo(words); got != plain {
			t.Fatalf("sum = %x, sumGo = %x", got, plain)
		}
	})
}

func BenchmarkSum(b *testing.B) {
	text := strings.Repeat("0123456789", 6)
	for _, n := range []int{40, 60} {
		b.Run(fmt.Sprint(n, " bytes/own"), func(b *testing.B) {
			start := NewStart(text[:10])
			for b.Loop() {
				var m Message
				m.Begin(&start, 10)
				m.Append(text[10:n])
				m.Sum()
			}
		})
		b.Run(fmt.Sprint(n, " bytes/standard library"), func(b *testing.B) {
			for b.Loop() {
				sha1.Sum([]byte(text[:n]))
			}
		})
	}
}
