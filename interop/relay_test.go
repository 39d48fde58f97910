package interop

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// sdkTask is what PostHog's SDKs are asked.
type sdkTask struct {
	Host            string    `json:"host"`
	Token           string    `json:"token"`
	SecretKey       string    `json:"secretKey,omitempty"`
	Redis           string    `json:"redis,omitempty"`
	ServiceKey      string    `json:"serviceKey,omitempty"`
	Clients         int       `json:"clients,omitempty"`
	PollingInterval int       `json:"pollingInterval,omitempty"` // milliseconds
	Hold            int       `json:"hold,omitempty"`            // milliseconds before the first question
	Subjects        []subject `json:"subjects,omitempty"`
	FlagKeys        []string  `json:"flagKeys,omitempty"`
	Locally         bool      `json:"locally,omitempty"`
	Event           string    `json:"event,omitempty"`
}

type subject struct {
	DistinctID       string                    `json:"distinctId"`
	PersonProperties map[string]any            `json:"personProperties,omitempty"`
	Groups           map[string]string         `json:"groups,omitempty"`
	GroupProperties  map[string]map[string]any `json:"groupProperties,omitempty"`
}

type sdkOutcome struct {
	Ready   []bool   `json:"ready"`
	Answers []answer `json:"answers"`
}

type answer struct {
	Flags    map[string]any `json:"flags"`
	Payloads map[string]any `json:"payloads"`
}

var subjects = []subject{
	{DistinctID: "ada", PersonProperties: map[string]any{"plan": "pro", "country": "DE", "email": "ada@bakery.example"}},
	{DistinctID: "grace", PersonProperties: map[string]any{"plan": "enterprise", "notes": 250, "trial": "false", "app_version": "4.3.1"},
		Groups: map[string]string{"company": "bakery"}, GroupProperties: map[string]map[string]any{"company": {"seats": 40, "plan": "enterprise"}}},
	{DistinctID: "edsger"},
}

var sdks = []string{"posthog-node.mjs", "posthog-python.py"}

// Clients that poll at their own pace get what they would get from PostHog, which
// is asked once.
func TestLocalEvaluation(t *testing.T) {
	for _, sdk := range sdks {
		t.Run(sdk, func(t *testing.T) {
			client(t, sdk)
			posthog := project(t)
			task := sdkTask{Token: posthogtest.ProjectToken, Clients: 5, PollingInterval: 200, Hold: 1500, Subjects: subjects, Locally: true}

			task.Host, task.SecretKey = posthog.URL, posthogtest.SecretKey
			direct := run[sdkOutcome](t, sdk, task)
			asked := count(posthog, 0, definitionsPath)
			if asked < 5 {
				t.Fatalf("without a relay PostHog got %d requests for definitions, want at least one of each client", asked)
			}
			if len(direct.Answers) != 3 || len(direct.Answers[0].Flags) < 10 || len(direct.Answers[0].Payloads) == 0 {
				t.Fatalf("without a relay: %+v, want flags and payloads of the demo's project", direct)
			}

			since := len(posthog.Requests())
			task.Host, task.SecretKey = serve(t, posthog.URL), relayKey
			relayed := run[sdkOutcome](t, sdk, task)
			if diff := cmp.Diff(relayed, direct); diff != "" {
				t.Errorf("(-through the relay +directly):\n%s", diff)
			}
			if got := count(posthog, since, definitionsPath); got != 1 {
				t.Errorf("PostHog got %d requests for definitions, want the relay's one", got)
			}
			t.Logf("requests for definitions of 5 clients: %d directly, %d through the relay", asked, count(posthog, since, definitionsPath))
		})
	}
}

const definitionsPath = "/flags/definitions"

// A client without a secret key has the server evaluate.
func TestRemoteEvaluation(t *testing.T) {
	for _, sdk := range sdks {
		t.Run(sdk, func(t *testing.T) {
			client(t, sdk)
			posthog := project(t)
			posthog.SetPerson("edsger", map[string]any{"plan": "pro", "email": "edsger@quiet.example"})
			relay := serve(t, posthog.URL)
			all := sdkTask{Token: posthogtest.ProjectToken, Subjects: subjects}
			some := all
			some.FlagKeys = []string{"checkout-redesign", "pricing-page", "upload-limits"}
			named := 0
			if sdk == "posthog-python.py" {
				named = len(subjects) // it asks in version 4, whose answers only PostHog can give
			}
			for _, tt := range []struct {
				name  string
				task  sdkTask
				asked int // requests for flags that reach PostHog through the relay
			}{
				{"all flags are for PostHog, which has those of surveys", all, len(subjects)},
				{"flags that are named are for the relay", some, named},
			} {
				t.Run(tt.name, func(t *testing.T) {
					tt.task.Host = posthog.URL
					direct := run[sdkOutcome](t, sdk, tt.task)
					if len(direct.Answers) != 3 || direct.Answers[0].Flags["pricing-page"] == nil || direct.Answers[0].Payloads["upload-limits"] == nil {
						t.Fatalf("directly: %+v", direct)
					}
					since := len(posthog.Requests())
					tt.task.Host = relay
					relayed := run[sdkOutcome](t, sdk, tt.task)
					if diff := cmp.Diff(relayed, direct); diff != "" {
						t.Errorf("(-through the relay +directly):\n%s", diff)
					}
					if got := count(posthog, since, "/flags"); got != tt.asked {
						t.Errorf("PostHog got %d requests for flags, want %d", got, tt.asked)
					}
				})
			}
		})
	}
}

// Events reach PostHog as they were sent.
func TestCapture(t *testing.T) {
	for _, sdk := range sdks {
		t.Run(sdk, func(t *testing.T) {
			client(t, sdk)
			posthog := project(t)
			run[sdkOutcome](t, sdk, sdkTask{Token: posthogtest.ProjectToken, Host: serve(t, posthog.URL), Event: "bread bought"})
			for _, r := range posthog.Requests() {
				if body := unzipped(t, r); strings.Contains(body, "bread bought") && strings.Contains(body, "12.5") && r.Status == 200 {
					t.Logf("%s %s", r.Method, r.Path)
					return
				}
			}
			t.Errorf("no request to PostHog has the event: %+v", posthog.Requests())
		})
	}
}

// unzipped is a body as text; SDKs name its compression in several ways.
func unzipped(t *testing.T, r posthogtest.Request) string {
	t.Helper()
	if !bytes.HasPrefix(r.Body, []byte{0x1f, 0x8b}) {
		return string(r.Body)
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
