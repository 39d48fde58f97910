package flagcache

import (
	"context"
	"encoding/json"
	"fmt"
)

// PostHogGoProvider has the method names of the cache provider proposed for
// posthog-go (PostHog/posthog-go#310). D is its data type, which has to be the
// definitions document as JSON.
type PostHogGoProvider[D any] interface {
	ShouldFetchFlagDefinitions(ctx context.Context) (bool, error)
	GetFlagDefinitions(ctx context.Context) (D, error)
	OnFlagDefinitionsReceived(ctx context.Context, data D) error
	Shutdown(ctx context.Context) error
}

// FromPostHogGo adapts such a provider. What its data type does not know is
// lost on the way through it.
func FromPostHogGo[D any](p PostHogGoProvider[D]) FlagDefinitionCacheProvider {
	return postHogGo[D]{p}
}

type postHogGo[D any] struct{ PostHogGoProvider[D] }

func (a postHogGo[D]) FlagDefinitions(ctx context.Context) (*FlagDefinitions, error) {
	data, err := a.GetFlagDefinitions(ctx)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode the provider's data: %w", err)
	}
	if string(body) == "null" {
		return nil, nil
	}
	return ParseFlagDefinitions(body)
}

func (a postHogGo[D]) OnFlagDefinitionsReceived(ctx context.Context, d *FlagDefinitions) error {
	body, err := d.Document()
	if err != nil {
		return err
	}
	var data D
	if err := json.Unmarshal(body, &data); err != nil {
		return fmt.Errorf("decode into the provider's data: %w", err)
	}
	return a.PostHogGoProvider.OnFlagDefinitionsReceived(ctx, data)
}
