//go:build wasip1 && wasm

package main

import _ "unsafe" // for linknames

// A snapshot of a started runtime has that runtime's random numbers, which
// anybody can know: whoever chooses the keys of a map could make them collide.
// reseed starts the runtime's generators again, by its own functions, from the
// host's randomness. What is linked to here is internal to the runtime: if it
// changes, the build fails, or the first call does.
//
//go:wasmexport reseed
func reseed() {
	globalRand.init = false
	randinit()
	mrandinit(getm())
}

//go:linkname globalRand runtime.globalRand
var globalRand struct {
	lock  uintptr
	seed  [32]byte
	state struct {
		buf     [32]uint64
		seed    [4]uint64
		i, n, c uint32
	}
	init bool
}

//go:linkname randinit runtime.randinit
func randinit()

//go:linkname mrandinit runtime.mrandinit
func mrandinit(m uintptr)

//go:linkname getm runtime.getm
func getm() uintptr
