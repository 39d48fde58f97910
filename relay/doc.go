// Package relay serves a company's PostHog projects over HTTP, as PostHog does:
// SDKs of any language point their host at it.
//
// A [Relay] answers from the flag definitions that it keeps current, and only
// what is certain to be PostHog's answer; everything else goes through to
// PostHog, as it came. One relay serves many projects:
//
//	request ─► Relay ─► limits, paths ─► project ─┬─ definitions: PostHog's bytes
//	                                              ├─ flags: rules, what is open from PostHog
//	                                              └─ any other: streamed through
//
// Each project has a feed: a [loader.Loader], alone or as one of a fleet, whose
// document and rules are swapped in one step. [Relay.Reload] replaces the
// configuration while requests are under way; a feed that it does not concern
// goes on.
package relay
