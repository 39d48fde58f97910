// Package events has the event that reading a flag reports, and the interface of
// what takes events.
//
// A [Reporter] turns exposures into $feature_flag_called events: each once, with
// the properties that PostHog expects, in bounded memory and without a lock.
// Package posthogsink hands them to posthog-go, [NewLogSink] to a log.
package events
