//go:build wasip1 && wasm

// Command wasm is the evaluator as a WebAssembly reactor, for the JavaScript
// package beside it. Nothing but numbers crosses the boundary; bytes are in
// memory: what comes in is where input said, what goes out where output says.
package main

import (
	"runtime"
	"runtime/debug"
	"time"
	"unsafe"

	"github.com/hogflags/hogflags/edge/internal/engine"
	"github.com/hogflags/hogflags/rules"
)

func main() {} // a reactor's is not called

var (
	sets    = map[int32]*engine.Set{}
	handles int32
	in      []byte
	answers engine.Answers
	out     struct{ numbers, count, text, size uint32 }
)

// keptInput is how much of the input's memory is kept between calls, in bytes.
const keptInput = 64 << 10

// input returns where the caller puts size bytes before its next call. The
// memory is aligned for numbers.
//
//go:wasmexport input
func input(size int32) uint32 {
	if int(size) > len(in) {
		in = make([]byte, max(int(size), keptInput))
	}
	return address(unsafe.SliceData(in))
}

// output is where results are described: the address and count of the numbers,
// the address and size of the text. The address never changes.
//
//go:wasmexport output
func output() uint32 { return address(&out) }

// load compiles definitions, which follow the name of the project's time zone in
// the input. It returns a handle, or 0 with the reason as text; the text is the
// catalog otherwise.
//
//go:wasmexport load
func load(zone, size int32) int32 {
	document := in[zone : zone+size]
	set, err := engine.Load(document, string(in[:zone]))
	in = nil
	if err != nil {
		return failed(err)
	}
	handles++
	sets[handles] = set
	reply(nil, set.Catalog())
	return handles
}

// collect gives the memory of what was loaded, and is no longer used, to what
// comes next, so that two documents in turn do not need the room of three.
//
//go:wasmexport collect
func collect() { runtime.GC() }

// unload forgets a set.
//
//go:wasmexport unload
func unload(handle int32) { delete(sets, handle) }

// evaluate answers a question: so many numbers of flags (-1: all flags), then a
// frame, then a subject are in the input. Now is in milliseconds since 1970. It
// returns 0 with the reason as text if the question cannot be read.
//
//go:wasmexport evaluate
func evaluate(handle, flags, frame, subject int32, now float64, forRuntime int32) int32 {
	q := question(flags, frame, subject, now, forRuntime)
	if err := sets[handle].Evaluate(&q, &answers); err != nil {
		return failed(err)
	}
	reply(answers.Numbers, answers.Text)
	return 1
}

// explain is evaluate for one flag, told as text.
//
//go:wasmexport explain
func explain(handle, flags, frame, subject int32, now float64, forRuntime int32) int32 {
	q := question(flags, frame, subject, now, forRuntime)
	text, err := sets[handle].Explain(&q)
	if err != nil {
		return failed(err)
	}
	answers.Text = text // which keeps it alive
	reply(nil, text)
	return 1
}

func question(flags, frame, subject int32, now float64, forRuntime int32) engine.Question {
	q := engine.Question{Now: time.UnixMilli(int64(now)).UTC(), Runtime: rules.Runtime(forRuntime)}
	rest := in
	if flags >= 0 {
		q.Flags = unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(in))), flags)
		rest = in[4*flags:]
	}
	q.Frame, q.Subject = rest[:frame], rest[frame:frame+subject]
	if len(in) > keptInput {
		in = nil // the question keeps it for as long as it is needed
	}
	return q
}

func reply(numbers []uint32, text []byte) {
	out.numbers, out.count = address(unsafe.SliceData(numbers)), uint32(len(numbers))
	out.text, out.size = address(unsafe.SliceData(text)), uint32(len(text))
}

func failed(err error) int32 {
	answers.Text = append(answers.Text[:0], err.Error()...)
	reply(nil, answers.Text)
	return 0
}

func address[T any](p *T) uint32 { return uint32(uintptr(unsafe.Pointer(p))) }

func init() { debug.SetGCPercent(50) } // memory is what an isolate is short of
