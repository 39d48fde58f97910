// Package flagdef reads the flag definitions document that PostHog serves to
// its SDKs for local evaluation.
//
// The document is kept as the server wrote it. Values whose type is open
// (filter values, payloads) stay as [Value], so that a number keeps its
// written form: to PostHog 1.0 and 1 are different texts. Fields that this
// package does not know are skipped without complaint, because whoever passes
// definitions on passes on the bytes, not these types.
//
// A document that is of no use as a whole (not JSON, no list of flags, over a
// limit) is an error. A single flag or cohort that cannot be understood is
// kept and carries a [Problem], so that the rest of the document goes on
// working.
package flagdef
