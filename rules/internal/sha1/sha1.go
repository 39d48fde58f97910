// Package sha1 is the hash by which PostHog distributes subjects: the first 64
// bits of SHA-1. That is all that it is for, as SHA-1 keeps nothing secure.
//
// It stands in for crypto/sha1, which panics in a program that allows only FIPS
// 140 algorithms, and which takes twice as long on amd64 for messages as
// short as these.
package sha1

import "encoding/binary"

const (
	// MaxShort is the length of the longest Message, in bytes.
	MaxShort = messageWords*wordSize - lengthSize - 1
	// StartSize is the length of the longest Start, in bytes.
	StartSize = blockWords * wordSize

	wordSize     = 8
	blockWords   = 8 // what is hashed at a time
	messageWords = 2 * blockWords
	lengthSize   = 8
)

// Message is a short message in the making. It is put together from words, as the
// hash reads words: a processor waits before it reads as a whole what was just
// written in pieces of other sizes.
type Message struct {
	words [messageWords]uint64 // big-endian
	size  uint                 // in bytes
}

// Start is what messages begin with, prepared.
type Start [blockWords]uint64

// NewStart prepares text, of at most StartSize bytes.
func NewStart(text string) Start {
	var m Message
	m.Append(text)
	return Start(m.words[:blockWords])
}

// Begin makes m the n bytes that start was made from. m is zero before.
func (m *Message) Begin(start *Start, n int) {
	*(*Start)(m.words[:]) = *start
	m.size = uint(n)
}

// Append adds text, with which the message is at most MaxShort bytes long, and
// reports whether it is all ASCII.
func (m *Message) Append(text string) (ascii bool) {
	at, shift := m.size/wordSize, m.size%wordSize*8
	m.size += uint(len(text))
	open := m.words[at%messageWords]
	all := uint64(0)
	i := 0
	for ; i <= len(text)-wordSize; i += wordSize {
		w := word(text, i)
		all |= w
		m.words[at%messageWords] = open | w>>shift
		open = w << (64 - shift)
		at++
	}
	w := partialWord(text[i:])
	all |= w
	m.words[at%messageWords] = open | w>>shift
	if at++; at < messageWords {
		m.words[at] = w << (64 - shift)
	}
	return all&0x8080808080808080 == 0
}

// Sum returns the first 64 bits of the message's hash, as a big-endian number.
// The message is used up.
func (m *Message) Sum() uint64 {
	if standard {
		return sumStandard(m.bytes())
	}
	m.words[m.size/wordSize] |= 0x80 << (56 - m.size%wordSize*8)
	n := blockWords
	if m.size >= blockWords*wordSize-lengthSize {
		n = messageWords
	}
	m.words[n-1] = uint64(m.size) * 8
	return sum(m.words[:n])
}

func (m *Message) bytes() []byte {
	var b [messageWords * wordSize]byte
	for i, w := range m.words {
		binary.BigEndian.PutUint64(b[i*wordSize:], w)
	}
	return b[:m.size]
}

// Sum returns the first 64 bits of the hash of a message of any length, as a
// big-endian number.
func Sum(message []byte) uint64 {
	if standard {
		return sumStandard(message)
	}
	var stack [16 * blockWords]uint64 // what does not fit moves to the heap by itself
	words, rest := stack[:0], message
	for ; len(rest) >= wordSize; rest = rest[wordSize:] {
		words = append(words, binary.BigEndian.Uint64(rest))
	}
	var last [wordSize]byte
	last[copy(last[:], rest)] = 0x80
	words = append(words, binary.BigEndian.Uint64(last[:]))
	for len(words)%blockWords != blockWords-1 {
		words = append(words, 0)
	}
	return sum(append(words, uint64(len(message))*8))
}

// word is eight bytes of s. The compiler makes one load of it.
func word(s string, i int) uint64 {
	return uint64(s[i])<<56 | uint64(s[i+1])<<48 | uint64(s[i+2])<<40 | uint64(s[i+3])<<32 |
		uint64(s[i+4])<<24 | uint64(s[i+5])<<16 | uint64(s[i+6])<<8 | uint64(s[i+7])
}

// partialWord is a word of fewer than eight bytes; the others are zero.
func partialWord(s string) uint64 {
	if n := len(s); n >= 4 {
		return half(s)<<32 | half(s[n-4:])<<(64-n*8) // they overlap
	}
	w := uint64(0)
	for i := range len(s) {
		w |= uint64(s[i]) << (56 - i*8)
	}
	return w
}

func half(s string) uint64 {
	_ = s[3]
	return uint64(s[0])<<24 | uint64(s[1])<<16 | uint64(s[2])<<8 | uint64(s[3])
}
