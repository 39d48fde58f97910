// Package posthogapi speaks PostHog's wire protocol: it fetches flag
// definitions over HTTP, conditionally, and turns every way in which that can
// fail into an error that a caller can branch on.
//
// The package moves bytes. It neither parses definitions nor decides when to
// ask for them: package flagdef does the one, package loader the other.
package posthogapi
