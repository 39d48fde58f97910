// Package openfeature is what OpenFeature's words mean at PostHog, as PostHog's own
// providers have it. It holds what the provider for Go and the relay share.
package openfeature

import (
	"errors"
	"fmt"

	"github.com/hogflags/hogflags/rules"
)

// TargetingKey is the attribute that is PostHog's distinct id.
const TargetingKey = "targetingKey"

// The attributes of a context that are not person properties. PostHog's
// providers spell the second one differently, by language.
const (
	Groups               = "groups"
	groupProperties      = "group_properties"
	groupPropertiesCamel = "groupProperties"
)

// The reasons.
const (
	ReasonTargetingMatch = "TARGETING_MATCH"
	ReasonDefault        = "DEFAULT"
	ReasonDisabled       = "DISABLED"
)

// The names in a flag's metadata.
const (
	MetaLocal    = "local"
	MetaID       = "flagId"
	MetaVersion  = "version"
	MetaReason   = "posthogReason"
	MetaRevision = "revision"
	MetaPayload  = "payload"
)

// ErrNoTargetingKey says that a context does not name anybody.
var ErrNoTargetingKey = errors.New("the context has no targeting key, which is PostHog's distinct id")

// Read takes whom a context is about out of its attributes, all but the distinct
// id: that is returned, empty if the context has none. What else is in the map
// stays, as the subject's person properties. An error says what of the context
// cannot be meant.
func Read(attributes map[string]any, s *rules.Subject) (targetingKey string, err error) {
	targetingKey, ok := attributes[TargetingKey].(string)
	if given := attributes[TargetingKey]; given != nil && !ok {
		return "", fmt.Errorf("the targeting key is no string, it is a %T", given)
	}
	delete(attributes, TargetingKey)
	if value, given := attributes[Groups]; given {
		if s.Groups, ok = value.(map[string]any); !ok {
			return "", fmt.Errorf("%s is no map of group type to group key, it is a %T", Groups, value)
		}
		delete(attributes, Groups)
	}
	for _, name := range [...]string{groupPropertiesCamel, groupProperties} { // the latter counts if both are there
		value, given := attributes[name]
		if !given {
			continue
		}
		byType, ok := value.(map[string]any)
		if !ok {
			return "", fmt.Errorf("%s is no map of group type to properties, it is a %T", name, value)
		}
		s.GroupProperties = make(map[string]map[string]any, len(byType))
		for groupType, properties := range byType {
			if s.GroupProperties[groupType], ok = properties.(map[string]any); !ok {
				return "", fmt.Errorf("%s of %s is no map of properties, it is a %T", name, groupType, properties)
			}
		}
		delete(attributes, name)
	}
	if len(attributes) > 0 {
		s.PersonProperties = attributes
	}
	return targetingKey, nil
}

// Reason is PostHog's reason in OpenFeature's words: that of PostHog's own
// providers, and DISABLED for a flag that is switched off.
func Reason(enabled bool, reason string) string {
	switch {
	case enabled:
		return ReasonTargetingMatch
	case reason == rules.ReasonFlagDisabled.String():
		return ReasonDisabled
	}
	return ReasonDefault
}
