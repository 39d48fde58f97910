// Package resolve answers for flags from the definitions at hand and, where
// those do not decide, by one request to PostHog.
//
// What was decided locally wins. A request names only the flags that are still
// open. Its failure costs nothing of what was decided. While PostHog does not
// answer, it is not asked: a circuit breaker stands before it.
package resolve
