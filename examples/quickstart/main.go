// Command quickstart asks for one flag, three times.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/hogflags/hogflags"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := hogflags.New(ctx, hogflags.Config{
		Host:         os.Getenv("POSTHOG_HOST"),            // empty: PostHog Cloud in the US
		ProjectToken: os.Getenv("POSTHOG_PROJECT_API_KEY"), // phc_…
		SecretKey:    os.Getenv("POSTHOG_SECRET_KEY"),      // phs_… or phx_…
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.WaitUntilReady(ctx); err != nil {
		log.Print(err) // until there are definitions, calls ask PostHog
	}

	ada := hogflags.Subject{DistinctID: "ada"}
	fmt.Println(client.IsFeatureEnabled(ctx, "pro-export", ada, hogflags.OnlyEvaluateLocally()))
	fmt.Println(client.IsFeatureEnabled(ctx, "pro-export", ada)) // asks PostHog
	ada.PersonProperties = map[string]any{"plan": "pro"}
	fmt.Println(client.IsFeatureEnabled(ctx, "pro-export", ada))
}
