package ofprovider

import (
	"context"
	"maps"

	"github.com/open-feature/go-sdk/openfeature"

	"github.com/hogflags/hogflags"
	mapping "github.com/hogflags/hogflags/internal/openfeature"
)

// subject is whom an OpenFeature context is about.
func (p *Provider) subject(ctx context.Context, flat openfeature.FlattenedContext) (s hogflags.Subject, bad *openfeature.ResolutionError) {
	key, err := mapping.Read(maps.Clone(flat), &s)
	if err != nil {
		bad := openfeature.NewInvalidContextResolutionError(err.Error())
		return s, &bad
	}
	if s.DistinctID = p.distinctID(ctx, key); s.DistinctID == "" {
		bad := openfeature.NewTargetingKeyMissingResolutionError(mapping.ErrNoTargetingKey.Error())
		return s, &bad
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
