//go:build !purego

package sha1

var hasInstructions = detect()

func sum(words []uint64) uint64 {
	if hasInstructions {
		return sumNI(words)
	}
	return sumGo(words)
}

// sumNI is sumGo by the processor's own SHA instructions.
//
//go:noescape
func sumNI(words []uint64) uint64

// detect reports whether the processor has the instructions that sumNI uses:
// SHA and SSE4.1.
func detect() bool
