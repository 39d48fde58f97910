// Package flagcache shares one project's flag definitions among the processes
// of a fleet, so that upstream is asked once per fleet and not once per process.
//
// It has two layers. The contract, [FlagDefinitionCacheProvider], is PostHog's
// own four methods: implement it over whatever you have, and [FromProvider]
// runs it with the documented error behaviour. The fleet protocol, [Fleet], is
// written once over a small [Store]: a lease with a fencing epoch, numbered
// observations, and conditional writes, so that a paused, cut off or restarted
// process can never put an old document over a new one. Both are a
// [Coordinator]: they own when to fetch, and feed a [Sink].
//
// The reasoning behind each step is in docs/fleet-protocol.md, and what each
// store guarantees in docs/stores.
package flagcache
