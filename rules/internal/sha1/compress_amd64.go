//go:build !purego

package sha1

var hasInstructions = detect()

func compress(state *[5]uint32, block *[BlockSize]byte) {
	if hasInstructions {
		compressNI(state, block)
		return
	}
	compressGo(state, block)
}

// compressNI is compressGo by the processor's own SHA instructions.
//
//go:noescape
func compressNI(state *[5]uint32, block *[BlockSize]byte)

// detect reports whether the processor has the instructions that compressNI
// uses: SHA, SSSE3 and SSE4.1.
func detect() bool
