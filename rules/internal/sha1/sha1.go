// Package sha1 is the hash by which PostHog distributes subjects: the first 64
// bits of SHA-1. That is all that it is for, as SHA-1 keeps nothing secure.
//
// It stands in for crypto/sha1, which panics in a program that allows only FIPS
// 140 algorithms, and which takes twice as long on amd64 for messages as
// short as these.
package sha1

import "encoding/binary"

const (
	// BlockSize is what is hashed at a time, in bytes.
	BlockSize = 64
	// MaxShort is the length of the longest message that Short takes.
	MaxShort = ShortSize - lengthSize - 1
	// ShortSize is the size of the buffer of Short, in bytes.
	ShortSize = 2 * BlockSize

	lengthSize = 8
)

// initial is the state before the first block (FIPS 180-4, 5.3.1).
var initial = [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}

// Short returns the first 64 bits of the hash of buffer[:n], as a big-endian
// number. n is at most MaxShort, and the bytes from n on have to be zero. It
// overwrites them.
func Short(buffer *[ShortSize]byte, n int) uint64 {
	if standard {
		return sumStandard(buffer[:n])
	}
	buffer[n] = 0x80
	state := initial
	first, second := (*[BlockSize]byte)(buffer[:]), (*[BlockSize]byte)(buffer[BlockSize:])
	if n < BlockSize-lengthSize {
		putLength(first, n)
		compress(&state, first)
		return first64(&state)
	}
	putLength(second, n)
	compress(&state, first)
	compress(&state, second)
	return first64(&state)
}

// Sum returns the first 64 bits of the hash of a message of any length, as a
// big-endian number.
func Sum(message []byte) uint64 {
	if standard {
		return sumStandard(message)
	}
	var block [BlockSize]byte
	state, rest := initial, message
	for len(rest) >= BlockSize {
		n := copy(block[:], rest)
		compress(&state, &block)
		rest = rest[n:]
	}
	n := copy(block[:], rest)
	clear(block[n:])
	block[n] = 0x80
	if n >= BlockSize-lengthSize {
		compress(&state, &block)
		clear(block[:])
	}
	putLength(&block, len(message))
	compress(&state, &block)
	return first64(&state)
}

func putLength(block *[BlockSize]byte, n int) {
	binary.BigEndian.PutUint64(block[BlockSize-lengthSize:], uint64(n)*8)
}

func first64(state *[5]uint32) uint64 { return uint64(state[0])<<32 | uint64(state[1]) }
