package ofprovider

import (
	"context"
	"maps"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags/events"
	mapping "github.com/hogflags/hogflags/internal/openfeature"
)

// Track hands an event to the client's [hogflags.Config.Events], with the
// details as properties and their value, unless it is 0, as "value". It is
// dropped without a targeting key or what stands in for it. OpenFeature has no way
// to return the error of a sink that refuses it.
func (p *Provider) Track(ctx context.Context, name string, ec openfeature.EvaluationContext, details openfeature.TrackingEventDetails) {
	distinctID := p.distinctID(ctx, ec.TargetingKey())
	if distinctID == "" {
		return
	}
	e := events.Event{Name: name, DistinctID: distinctID, Properties: details.Attributes()}
	if value := details.Value(); value != 0 {
		e.Properties["value"] = value
	}
	if byType, ok := ec.Attribute(mapping.Groups).(map[string]any); ok {
		e.Groups = maps.Clone(byType)
	}
	_ = p.client.Capture(ctx, e)
}
