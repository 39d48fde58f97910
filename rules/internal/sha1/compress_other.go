//go:build !amd64 || purego

package sha1

func compress(state *[5]uint32, block *[BlockSize]byte) { compressGo(state, block) }
