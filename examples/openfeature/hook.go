package main

import (
	"context"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/telemetry"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// tracingHook adds an event to the span of the context for each evaluation, with
// the attributes that OpenTelemetry has for feature flags.
type tracingHook struct{ openfeature.UnimplementedHook }

// Finally is called after each evaluation, also after one that failed.
func (tracingHook) Finally(ctx context.Context, hook openfeature.HookContext, details openfeature.InterfaceEvaluationDetails, _ openfeature.HookHints) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	event := telemetry.CreateEvaluationEvent(hook, details)
	attributes := make([]attribute.KeyValue, 0, len(event.Attributes))
	for key, value := range event.Attributes {
		attributes = append(attributes, attribute.String(key, fmt.Sprint(value)))
	}
	span.AddEvent(event.Name, trace.WithAttributes(attributes...))
}
