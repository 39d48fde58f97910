package interop

import (
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// browse opens a page of clients/ in Chromium, from an origin of its own. The page
// may say that it has seen something, and is told when that has been dealt with.
func browse[T any](t *testing.T, page string, task any, seen func()) T {
	t.Helper()
	client(t, "browser.mjs")
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		lacking(t, "chromium is not installed (see .ci/servers)")
	}
	mux := http.NewServeMux()
	mux.Handle("/node_modules/", http.FileServer(http.Dir(".")))
	mux.Handle("/", http.FileServer(http.Dir("clients")))
	mux.HandleFunc("/seen", func(http.ResponseWriter, *http.Request) { seen() })
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)
	return run[T](t, "browser.mjs", map[string]any{"chromium": chromium, "page": pages.URL + "/" + page, "task": task})
}

type visit struct {
	Error      string                 `json:"error"`
	Anonymous  map[string]flagInAPage `json:"anonymous"`
	Identified map[string]flagInAPage `json:"identified"`
}

type flagInAPage struct {
	Value   any `json:"value"`
	Payload any `json:"payload"`
}

const survey = "survey-targeting-opinions"

// visited is a project with the flag of a survey, which definitions do not have,
// and flags with experience continuity, for which PostHog remembers the visitor.
func visited(t *testing.T) *posthogtest.Server {
	t.Helper()
	posthog := project(t)
	posthog.AddUnlistedFlag([]byte(`{"id":900,"key":"` + survey + `","active":true,"filters":{"groups":[{"properties":[],"rollout_percentage":100}]}}`))
	if err := posthog.SetRollout("onboarding-tour", 50); err != nil {
		t.Fatal(err)
	}
	if err := posthog.RemoveFlag("landing-hero"); err != nil { // by device, which differs from visit to visit
		t.Fatal(err)
	}
	return posthog
}

// A page sees through the relay what it sees without, before its visitor signs in
// and after.
func TestPostHogJS(t *testing.T) {
	client(t, "browser.mjs")
	// "visitor-2" is in the half of onboarding-tour, "ada" is not.
	task := map[string]any{"token": posthogtest.ProjectToken, "anonymous": "visitor-2", "identified": "ada", "event": "bread bought"}
	see := func(posthog *posthogtest.Server, host string) visit {
		task["host"] = host
		arrived := func() bool {
			return slices.ContainsFunc(posthog.Requests(), func(r posthogtest.Request) bool {
				return strings.Contains(unzipped(t, r), "bread bought") && r.Status == http.StatusOK
			})
		}
		v := browse[visit](t, "posthog-js.html", task, func() {
			for deadline := time.Now().Add(patience / 2); !arrived() && time.Now().Before(deadline); {
				<-time.After(20 * time.Millisecond)
			}
		})
		if v.Error != "" {
			t.Fatal(v.Error)
		}
		if !arrived() {
			t.Errorf("from %s: the event did not reach PostHog", host)
		}
		return v
	}
	posthog := visited(t)
	direct := see(posthog, posthog.URL)
	another := visited(t) // one that does not know the visitor
	relayed := see(another, serve(t, another.URL))
	if diff := cmp.Diff(relayed, direct); diff != "" {
		t.Errorf("(-through the relay +directly):\n%s", diff)
	}

	// The case is worth something only if the relay's own definitions would have
	// given other answers.
	if direct.Anonymous[survey].Value != true || direct.Identified[survey].Value != true {
		t.Errorf("the survey's flag is missing: %+v", direct)
	}
	tour := direct.Anonymous["onboarding-tour"].Value
	if direct.Identified["onboarding-tour"].Value != tour {
		t.Errorf("signing in changed a flag with experience continuity: %+v", direct)
	}
	third := visited(t)
	stranger := run[sdkOutcome](t, "posthog-node.mjs", sdkTask{Host: third.URL, Token: posthogtest.ProjectToken, Subjects: []subject{{DistinctID: "ada"}}})
	if stranger.Answers[0].Flags["onboarding-tour"] == tour {
		t.Errorf("onboarding-tour is %v for ada also without the visit, so the test shows nothing", tour)
	}
}
