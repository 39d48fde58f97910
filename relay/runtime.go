package relay

import (
	"net/http"
	"strings"

	"github.com/hogflags/hogflags/rules"
)

// sdkRuntimes are PostHog's SDKs by their name in User-Agent, after "posthog-".
var sdkRuntimes = map[string]rules.Runtime{
	"python": rules.RuntimeServer, "ruby": rules.RuntimeServer, "php": rules.RuntimeServer, "java": rules.RuntimeServer,
	"go": rules.RuntimeServer, "node": rules.RuntimeServer, "dotnet": rules.RuntimeServer, "elixir": rules.RuntimeServer,
	"server": rules.RuntimeServer,
	"js":     rules.RuntimeClient, "android": rules.RuntimeClient, "ios": rules.RuntimeClient,
	"react-native": rules.RuntimeClient, "flutter": rules.RuntimeClient,
}

// runtimeOf is the runtime that PostHog finds in the head of a request that does
// not name one. It is false where its builds differ: for SDKs that only some of
// them know.
func runtimeOf(h http.Header) (runtime rules.Runtime, certain bool) {
	agent := h.Get("User-Agent")
	if sdk, ok := strings.CutPrefix(agent, "posthog-"); ok {
		name, version, _ := strings.Cut(sdk, "/")
		runtime, known := sdkRuntimes[name]
		return runtime, known && strings.TrimSpace(version) != ""
	}
	for _, browser := range []string{"Mozilla/", "Chrome/", "Safari/", "Firefox/", "Edge/"} {
		if strings.Contains(agent, browser) {
			return rules.RuntimeClient, true
		}
	}
	if strings.Contains(agent, "python-requests/") || strings.Contains(agent, "curl/") {
		return rules.RuntimeServer, true
	}
	for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Site"} {
		if _, ok := h[name]; ok {
			return rules.RuntimeClient, true
		}
	}
	// A program that PostHog does not know, unless a newer build does.
	return rules.RuntimeUnknown, !strings.Contains(strings.ToLower(agent), "posthog")
}

// mayBeBot reports whether PostHog may know a user agent as that of a crawler,
// which it answers without evaluating.
func mayBeBot(agent string) bool {
	agent = strings.ToLower(agent)
	for _, part := range []string{"bot", "crawl", "spider", "slurp", "facebookexternalhit", "headless", "lighthouse", "prerender"} {
		if strings.Contains(agent, part) {
			return true
		}
	}
	return false
}
