package posthogtransport_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/posthogtransport"
)

// What a call of an application costs: with posthog-go's evaluation, and with
// that of hogflags, which answers for all flags of the project.
func BenchmarkGetFeatureFlag(b *testing.B) {
	for _, n := range []int{20, 200} {
		var flags []string
		for i := range n {
			flags = append(flags, fmt.Sprintf(`{"id":%d,"key":"flag-%[1]d","active":true,"filters":{"groups":[{"rollout_percentage":50,"properties":[
				{"key":"plan","type":"person","operator":"exact","value":"pro"}]}]}}`, i))
		}
		document := `{"flags":[` + strings.Join(flags, ",") + `],"group_type_mapping":{},"cohorts":{}}`
		for name, configure := range map[string]func(*posthog.Config, *hogflags.Client) error{
			"Configure": posthogtransport.Configure, "ConfigureEvaluation": posthogtransport.ConfigureEvaluation,
		} {
			b.Run(fmt.Sprintf("%s/%d_flags", name, n), func(b *testing.B) {
				srv := posthogtest.New(b)
				srv.SetDefinitions([]byte(document))
				client, err := hogflags.New(b.Context(), hogflags.Config{
					Host: srv.URL, ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, HTTPClient: srv.Client(), KeepDefinitions: true,
				})
				if err != nil {
					b.Fatal(err)
				}
				defer client.Close()
				cfg := posthog.Config{Endpoint: srv.URL, PersonalApiKey: "phx_anything", Transport: srv.Client().Transport, Logger: &recorder{}}
				if err := configure(&cfg, client); err != nil {
					b.Fatal(err)
				}
				app, err := posthog.NewWithConfig(posthogtest.ProjectToken, cfg)
				if err != nil {
					b.Fatal(err)
				}
				defer func() { _ = app.Close() }()
				no := false
				for b.Loop() {
					_, err := app.GetFeatureFlag(posthog.FeatureFlagPayload{
						Key: "flag-7", DistinctId: "ada", PersonProperties: posthog.Properties{"plan": "pro"}, SendFeatureFlagEvents: &no,
					})
					if err != nil {
						b.Fatal(err)
					}
				}
				if n := len(srv.Requests()); n != 1 {
					b.Errorf("%d requests, want the one for definitions", n)
				}
			})
		}
	}
}
