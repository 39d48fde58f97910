// Openfeature evaluates through OpenFeature, with a hook that puts what is
// evaluated into OpenTelemetry's traces.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"log"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/hogflags/hogflags"
	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/ofprovider"
)

//go:embed definitions.json
var definitions []byte

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	flags, err := hogflags.New(ctx, hogflags.Config{
		Host:         "http://127.0.0.1:1", // nobody: the example answers from what is built in
		ProjectToken: "phc_example",
		SecretKey:    "phs_example",
		Bootstrap:    definitions,
		Events:       events.NewLogSink(slog.New(slog.DiscardHandler)), // a service has one that sends
	})
	if err != nil {
		return err
	}
	defer flags.Close()

	tracing := trace.NewTracerProvider(trace.WithSyncer(printer{}))
	defer func() { _ = tracing.Shutdown(ctx) }()
	openfeature.AddHooks(tracingHook{})

	start, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := openfeature.SetProviderWithContextAndWait(start, ofprovider.New(flags, ofprovider.Config{})); err != nil {
		return err
	}
	defer openfeature.Shutdown()

	ctx, span := tracing.Tracer("example").Start(ctx, "checkout")
	defer span.End()
	client := openfeature.NewDefaultClient()
	ada := openfeature.NewEvaluationContext("ada", map[string]any{"plan": "pro"})
	export, _ := client.BooleanValue(ctx, "pro-export", false, ada)
	page, _ := client.StringValue(ctx, "pricing-page", "control", ada)
	_, err = client.IntValue(ctx, "pricing-page", 3, ada)
	fmt.Println(export, page, err)
	client.Track(ctx, "bought", ada, openfeature.NewTrackingEventDetails(9.5).Add("currency", "EUR"))
	return nil
}

// printer prints the events of spans, where a service would export them.
type printer struct{}

func (printer) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	for _, span := range spans {
		for _, event := range span.Events() {
			var lines []string
			for _, a := range event.Attributes {
				lines = append(lines, fmt.Sprintf("  %s = %s", a.Key, a.Value.AsString()))
			}
			slices.Sort(lines)
			fmt.Println(span.Name(), event.Name)
			for _, line := range lines {
				_, _ = fmt.Fprintln(os.Stdout, line)
			}
		}
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }
