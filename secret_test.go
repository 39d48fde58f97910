package hogflags_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const secret = "phs_hunter2hunter2"

func TestConfigHidesKey(t *testing.T) {
	cfg := hogflags.Config{ProjectToken: "phc_x", SecretKey: secret, TimeZone: time.UTC, Bootstrap: []byte(secret)}
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, arg := range []any{cfg, &cfg, struct{ C hogflags.Config }{cfg}, []hogflags.Config{cfg}} {
			fmt.Fprintf(&out, format+"\n", arg)
		}
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Error(err)
	}
	out.Write(text)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("start", "config", cfg)
	slog.New(slog.NewTextHandler(&out, nil)).Info("start", "config", cfg)
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", secret), fmt.Sprint([]byte("hunter2"))} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("the key shows as %q in:\n%s", leak, &out)
		}
	}
	if !strings.Contains(out.String(), "phc_x") || !strings.Contains(out.String(), "UTC") {
		t.Errorf("the rest of the config is hidden too:\n%s", &out)
	}
}

// Whatever happens to a client, nothing that it logs, returns, prints or
// writes holds the key.
func TestKeyNeverLeaks(t *testing.T) {
	for name, failure := range map[string]posthogtest.Failure{
		"none":  {},
		"401":   {Status: 401},
		"402":   {Status: 402},
		"403":   {Status: 403},
		"429":   {Status: 429},
		"503":   {Status: 503},
		"echo":  {Status: 500, Body: "Authorization: Bearer " + secret},
		"html":  {Status: 200, Body: "<p>" + secret},
		"json":  {Status: 200, Body: `{"flags":"` + secret + `"}`},
		"cut":   {Cut: true},
		"half":  {Truncate: true},
		"moved": {Status: 302, Header: map[string][]string{"Location": {"https://elsewhere.example/" + secret}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(t)
				srv.SetSecretKey(secret)
				srv.Fail(failure)
				var out bytes.Buffer
				path := filepath.Join(t.TempDir(), "flags")
				c := newClient(t, srv, func(cfg *hogflags.Config) {
					cfg.SecretKey = secret
					cfg.LastKnownGoodFile = path
					cfg.OnlyEvaluateLocally = false
					cfg.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				err := c.ReloadFeatureFlags(t.Context())
				_, notReady := c.GetFeatureFlag(t.Context(), "on", pro("u"))
				status := c.Status()
				if err := c.Close(); err != nil { // so that nothing is being logged any more
					t.Error(err)
				}
				fmt.Fprintf(&out, "%v %+v %#v %v %+v %#v %+v %+v\n", err, err, err, notReady, c, c, status, status.Cause)
				if strings.Contains(out.String(), "hunter2") {
					t.Errorf("the key shows:\n%s", &out)
				}
			})
		})
	}
}
