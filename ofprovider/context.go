package ofprovider

import (
	"context"
	"fmt"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags"
)

// The attributes of a context that are not person properties. PostHog's
// providers spell the second one differently, by language.
const (
	groups               = "groups"
	groupProperties      = "group_properties"
	groupPropertiesCamel = "groupProperties"
)

// subject is whom an OpenFeature context is about.
func (p *Provider) subject(ctx context.Context, flat openfeature.FlattenedContext) (s hogflags.Subject, bad *openfeature.ResolutionError) {
	invalid := func(format string, args ...any) (hogflags.Subject, *openfeature.ResolutionError) {
		err := openfeature.NewInvalidContextResolutionError(fmt.Sprintf(format, args...))
		return s, &err
	}
	key, ok := flat[openfeature.TargetingKey].(string)
	if given, there := flat[openfeature.TargetingKey]; there && !ok {
		return invalid("the targeting key is no string, it is a %T", given)
	}
	if s.DistinctID = p.distinctID(ctx, key); s.DistinctID == "" {
		err := openfeature.NewTargetingKeyMissingResolutionError("the context has no targeting key, which is PostHog's distinct id")
		return s, &err
	}
	for name, value := range flat {
		switch name {
		case openfeature.TargetingKey:
		case groups:
			if s.Groups, ok = value.(map[string]any); !ok {
				return invalid("%s is no map of group type to group key, it is a %T", name, value)
			}
		case groupProperties, groupPropertiesCamel:
			byType, ok := value.(map[string]any)
			if !ok {
				return invalid("%s is no map of group type to properties, it is a %T", name, value)
			}
			s.GroupProperties = make(map[string]map[string]any, len(byType))
			for groupType, properties := range byType {
				if s.GroupProperties[groupType], ok = properties.(map[string]any); !ok {
					return invalid("%s of %s is no map of properties, it is a %T", name, groupType, properties)
				}
			}
		default:
			if s.PersonProperties == nil {
				s.PersonProperties = make(map[string]any, len(flat))
			}
			s.PersonProperties[name] = value
		}
	}
	return s, nil
}

// distinctID is the targeting key, or what stands in for it.
func (p *Provider) distinctID(ctx context.Context, key string) string {
	if key != "" {
		return key
	}
	if rc, _ := hogflags.RequestContextFrom(ctx); rc.DistinctID != "" {
		return rc.DistinctID
	}
	return p.config.DefaultDistinctID
}
