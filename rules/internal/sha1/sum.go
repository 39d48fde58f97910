package sha1

import "math/bits"

// sumGo hashes whole blocks of words, to the last of which the padding belongs,
// and returns the first 64 bits (FIPS 180-4, 6.1.2).
func sumGo(words []uint64) uint64 {
	state := [5]uint32{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}
	for ; len(words) >= blockWords; words = words[blockWords:] {
		compress(&state, (*[blockWords]uint64)(words))
	}
	return uint64(state[0])<<32 | uint64(state[1])
}

func compress(state *[5]uint32, block *[blockWords]uint64) {
	var w [16]uint32
	for i, x := range block {
		w[i*2], w[i*2+1] = uint32(x>>32), uint32(x)
	}
	a, b, c, d, e := state[0], state[1], state[2], state[3], state[4]
	i := 0
	for ; i < 16; i++ {
		t := bits.RotateLeft32(a, 5) + (b&c | ^b&d) + e + w[i] + 0x5a827999
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	for ; i < 20; i++ {
		t := bits.RotateLeft32(a, 5) + (b&c | ^b&d) + e + schedule(&w, i) + 0x5a827999
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	for ; i < 40; i++ {
		t := bits.RotateLeft32(a, 5) + (b ^ c ^ d) + e + schedule(&w, i) + 0x6ed9eba1
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	for ; i < 60; i++ {
		t := bits.RotateLeft32(a, 5) + ((b|c)&d | b&c) + e + schedule(&w, i) + 0x8f1bbcdc
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	for ; i < 80; i++ {
		t := bits.RotateLeft32(a, 5) + (b ^ c ^ d) + e + schedule(&w, i) + 0xca62c1d6
		a, b, c, d, e = t, a, bits.RotateLeft32(b, 30), c, d
	}
	state[0] += a
	state[1] += b
	state[2] += c
	state[3] += d
	state[4] += e
}

// schedule is the word of round i, from those of the 16 rounds before it.
func schedule(w *[16]uint32, i int) uint32 {
	x := w[(i-3)&15] ^ w[(i-8)&15] ^ w[(i-14)&15] ^ w[i&15]
	w[i&15] = bits.RotateLeft32(x, 1)
	return w[i&15]
}
