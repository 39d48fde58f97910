package main

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hogflags/hogflags/internal/cloudflaretest"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// One sync publishes the definitions, the next finds them current, and failures say
// whose they are.
func TestSyncPublishes(t *testing.T) {
	up := posthogtest.New(t)
	up.SetDefinitions(demoProject)
	api := cloudflaretest.New()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	t.Setenv("CLOUDFLARE_API_TOKEN", cloudflaretest.Token)
	t.Setenv("CLOUDFLARE_API_BASE_URL", server.URL+cloudflaretest.BasePath)
	t.Setenv("POSTHOG_HOST", up.URL)
	t.Setenv("POSTHOG_PROJECT_API_KEY", posthogtest.ProjectToken)
	t.Setenv("POSTHOG_SECRET_KEY", posthogtest.SecretKey)
	t.Setenv("HOGFLAGS_CACHE", "cloudflare-kv://"+cloudflaretest.Account+"/"+cloudflaretest.Namespace)

	sync := func(code int, want string, args ...string) {
		t.Helper()
		var out, complaints bytes.Buffer
		got := run(append([]string{"sync"}, args...), console{in: strings.NewReader(""), out: &out, err: &complaints})
		text := out.String() + complaints.String()
		if got != code || !strings.Contains(text, want) {
			t.Errorf("sync %v: exit code %d and %q, want %d and %q", args, got, text, code, want)
		}
		if strings.Contains(text, cloudflaretest.Token) || strings.Contains(text, posthogtest.SecretKey) {
			t.Errorf("sync %v prints a secret: %s", args, text)
		}
	}
	sync(exitOK, "the first definitions, 20 flags")
	if v, ok := api.Get("posthog:flags:" + posthogtest.ProjectToken); !ok || !bytes.Contains(v.Value, []byte("groupTypeMapping")) {
		t.Errorf("published %s, want PostHog's shape", v.Value)
	}
	sync(exitOK, "not modified: ")
	if got := api.Writes(); got != 1 {
		t.Errorf("%d writes after two syncs of one document, want 1", got)
	}
	sync(exitOK, `"outcome": "not_modified"`, "--json")
	sync(exitUpstream, "401", "--secret-key", "phs_wrong")
	up.SetDefinitions([]byte(`{"flaps":[]}`))
	sync(exitUpstream, `no "flags"`)
	sync(exitUsage, "want at least 1s", "--every", "1ms")
	sync(exitUsage, "want cloudflare-kv://ACCOUNT/NAMESPACE", "--cache", "cloudflare-kv://x")
	t.Setenv("HOGFLAGS_SIGNING_KEY", "hfsk_x")
	sync(exitUsage, "")
	t.Setenv("HOGFLAGS_SIGNING_KEY", "")
	t.Setenv("CLOUDFLARE_API_TOKEN", "wrong")
	sync(exitStore, "may edit Workers KV")
	t.Setenv("CLOUDFLARE_API_TOKEN", "")
	sync(exitUsage, "CLOUDFLARE_API_TOKEN")
}
