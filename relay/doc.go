// Package relay serves flag definitions over HTTP as PostHog does, from what a
// fleet shares: SDKs of any language point their host at it.
//
// A [Relay] is one more process of the fleet. It takes the definitions from a
// [flagcache.Coordinator], may be the one that polls PostHog, and hands out the
// same bytes under the same validator.
package relay
