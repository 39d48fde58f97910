// Package posthogapi speaks PostHog's wire protocol: it fetches flag
// definitions over HTTP, conditionally, has PostHog evaluate flags, reads remote
// config, and turns every way in which that can fail into an error that a
// caller can branch on.
//
// It neither parses definitions nor decides when to ask for what: package
// flagdef does the one, packages loader and resolve the other.
package posthogapi
