// Package hogflags evaluates PostHog feature flags where the code runs.
//
// A [Client] keeps the project's flag definitions current and answers from
// memory: a local evaluation does no I/O, takes no lock and never waits. It
// answers only what PostHog's server would answer for the definitions held.
//
// What these leave open, because only the server knows enough, is asked of PostHog:
// one request at most a call, for those flags alone, bounded by the context and
// [Config.RemoteTimeout]. [Config.OnlyEvaluateLocally], and the option of that name
// for one call, keep that from happening: then no evaluation blocks, and such a flag
// is [ErrInconclusive], with what was missing. Without a key the client holds no
// definitions, and PostHog is asked for every flag.
//
// When PostHog is down, slow or refusing, the last good definitions go on being
// served; [Client.Status] says how old they are and why. Processes that share a
// [Config.Cache] ask PostHog once for all of them.
package hogflags
