// Package hogflags evaluates PostHog feature flags where the code runs.
//
// A [Client] keeps the project's flag definitions current and answers from
// memory: an evaluation does no I/O, takes no lock and never waits. It answers
// only what PostHog's server would answer for the definitions held; what cannot
// be decided from what is known is [ErrInconclusive], with what was missing.
//
// When PostHog is down, slow or refusing, the last good definitions go on being
// served; [Client.Status] says how old they are and why. Processes that share a
// [Config.Cache] ask PostHog once for all of them.
package hogflags
