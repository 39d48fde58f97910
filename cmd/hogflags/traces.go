package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traces is how the relay is traced, as OpenTelemetry's variables of the
// environment say. The zero traces are none.
type traces struct {
	provider   trace.TracerProvider // nil: none
	propagator propagation.TextMapPropagator
	stop       func()
}

// flushTimeout is for the last spans to be exported when the relay stops.
const flushTimeout = 5 * time.Second

// startTraces reads the environment. There are traces if an exporter or where to
// export to is named; the names of what is read here are in docs/traces.md, and
// the SDK reads more of them itself.
func startTraces(ctx context.Context, log *slog.Logger) (traces, error) {
	none := traces{stop: func() {}}
	exporter := os.Getenv("OTEL_TRACES_EXPORTER")
	switch {
	case strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true"), exporter == "none":
		return none, nil
	case exporter == "" && otlpVariable("ENDPOINT") == "":
		return none, nil
	case exporter != "" && exporter != "otlp":
		return none, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: want otlp or none", exporter)
	}
	propagator, err := propagators(cmp.Or(os.Getenv("OTEL_PROPAGATORS"), "tracecontext"))
	if err != nil {
		return none, err
	}
	client, err := newOTLP()
	if err != nil {
		return none, err
	}
	release, _, _ := strings.Cut(version(), " ")
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "hogflags"), attribute.String("service.version", release)),
		resource.WithFromEnv(), // last, so that it wins
	)
	if err != nil {
		return none, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	sending, err := otlptrace.New(ctx, client)
	if err != nil {
		return none, err
	}
	otel.SetErrorHandler(onceEach(func(err error) { log.Warn("traces", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(sending))
	stop := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("the last traces are lost", "error", err)
		}
	}
	return traces{provider, propagator, stop}, nil
}

// propagators are those of a list of names.
func propagators(names string) (propagation.TextMapPropagator, error) {
	var all []propagation.TextMapPropagator
	for name := range strings.SplitSeq(names, ",") {
		switch strings.TrimSpace(name) {
		case "tracecontext":
			all = append(all, propagation.TraceContext{})
		case "baggage", "none": // the relay has no use for baggage
		default:
			return nil, fmt.Errorf("OTEL_PROPAGATORS names %q: want tracecontext or none", name)
		}
	}
	return propagation.NewCompositeTextMapPropagator(all...), nil
}

// onceEach handles an error that is another than the one before: a collector
// that is down is news once.
func onceEach(handle func(error)) otel.ErrorHandler {
	var mu sync.Mutex
	last := ""
	return otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if text := err.Error(); text != last {
			last = text
			handle(err)
		}
	})
}
