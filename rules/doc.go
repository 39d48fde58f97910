// Package rules evaluates PostHog feature flags from their definitions.
//
// [Compile] turns a definitions document into an immutable [Set] once;
// [Set.Evaluate] and [Set.EvaluateAll] then answer for a [Subject]. The oracle
// is PostHog's server: an [Answer] that is Decided is what the server would
// answer to POST /flags?v=2 for these definitions and this subject. What
// cannot be known locally (a property that the caller did not give but the
// server may have stored, membership of a static cohort, …) is followed
// through as "unknown". A flag is decided only if every possible completion
// of what is unknown leads to the same value; otherwise it is Inconclusive,
// and the answer names what was missing.
//
// The package is pure. It does no I/O, reads no clock, writes no log and
// starts no goroutine, so it also compiles to WebAssembly. Evaluation never
// panics, takes no lock, and costs no more than the size of what it evaluates,
// whatever the definitions contain: cycles among cohorts or flags, patterns
// made to backtrack and deep nesting all end in an inconclusive flag.
package rules
