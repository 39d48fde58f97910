package interop

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

type resolution struct {
	Value   any    `json:"value"`
	Reason  string `json:"reason"`
	Error   string `json:"error"`
	Payload string `json:"payload"`
}

var openfeatureFlags = map[string]string{
	"upload-limits": "boolean", "legacy-import": "boolean", "pro-export": "boolean", "company-dashboard": "boolean",
	"pricing-page": "string", "no-such-flag": "boolean",
}

var openfeatureContext = map[string]any{
	"targetingKey": "ada", "plan": "pro",
	"groups":           map[string]any{"company": "bakery"},
	"group_properties": map[string]any{"company": map[string]any{"seats": 40}},
}

var openfeatureAnswers = map[string]resolution{
	"upload-limits":     {true, "TARGETING_MATCH", "", `{"max_mb":250,"types":["png","pdf"]}`},
	"legacy-import":     {false, "DISABLED", "", ""},
	"pro-export":        {true, "TARGETING_MATCH", "", ""},
	"company-dashboard": {true, "TARGETING_MATCH", "", ""},
	"pricing-page":      {"monthly", "TARGETING_MATCH", "", `{"headline":"Pay as you go"}`},
	"no-such-flag":      {false, "ERROR", "FLAG_NOT_FOUND", ""},
}

// OpenFeature's providers for servers, and for pages in a browser, understand
// what the relay answers. The one in a page follows its stream of events.
func TestOFREP(t *testing.T) {
	client(t, "ofrep-server.mjs")
	posthog := project(t)
	relay := serve(t, posthog.URL, "--poll-interval=1s")
	warm := sdkTask{Host: relay, Token: posthogtest.ProjectToken, SecretKey: relayKey}
	run[sdkOutcome](t, "posthog-node.mjs", warm) // waits until there are definitions
	task := map[string]any{"host": relay, "key": relayKey, "context": openfeatureContext, "flags": openfeatureFlags}
	t.Run("server", func(t *testing.T) {
		got := run[map[string]resolution](t, "ofrep-server.mjs", task)
		if diff := cmp.Diff(got, openfeatureAnswers); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	})
	t.Run("browser", func(t *testing.T) {
		task["key"], task["follow"] = posthogtest.ProjectToken, "legacy-import"
		got := browse[map[string]resolution](t, "ofrep-web.html", task, func() {
			if err := posthog.SetActive("legacy-import", true); err != nil {
				t.Error(err)
			}
		})
		want := maps.Clone(openfeatureAnswers)
		want["legacy-import, later"] = resolution{Value: true}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
	})
}
