package hogflags

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/resolve"
	"github.com/hogflags/hogflags/rules"
)

// OverridesVariable is the environment variable with overrides for a program
// that has none in its [Config]: "beta=true,checkout=blue,legacy=false", or a
// JSON object. It is meant for the machine of a developer; each client that obeys
// it logs a warning, also without a Config.Logger.
const OverridesVariable = "HOGFLAGS_OVERRIDES"

// Override is a fixed value with a payload of its own, for [Config.Overrides].
type Override struct {
	Value   any             // false, true, or a variant's key
	Payload json.RawMessage // JSON; nil: the payload that the definitions have for the value
}

// overrides reads those of the config, or else of the environment.
func (c Config) overrides() (map[string]flagdef.Override, error) {
	given, where := c.Overrides, "Overrides"
	if given == nil {
		where = OverridesVariable
		var err error
		if given, err = parseOverrides(os.Getenv(OverridesVariable)); err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", where, err)
		}
	}
	if len(given) == 0 {
		return nil, nil
	}
	fixed := make(map[string]flagdef.Override, len(given))
	for key, value := range given {
		o, err := overrideOf(value)
		if err != nil {
			return nil, fmt.Errorf("config: %s: flag %q: %w", where, key, err)
		}
		fixed[key] = o
	}
	log := c.Logger
	if log == nil {
		log = slog.Default() // nobody should look for the reason for long
	}
	log.Warn("flags are overridden, whatever PostHog says", "from", where, "flags", slices.Sorted(maps.Keys(fixed)))
	return fixed, nil
}

func overrideOf(value any) (o flagdef.Override, err error) {
	given, ok := value.(Override)
	if !ok {
		given.Value = value
	}
	switch v := given.Value.(type) {
	case bool:
		o.Enabled = v
	case string:
		if v == "" {
			return o, errors.New("the variant is empty: want false, true or a variant's key")
		}
		o.Enabled, o.Variant = true, v
	default:
		return o, fmt.Errorf("want false, true or a variant's key, found %T", given.Value)
	}
	if given.Payload != nil {
		if !json.Valid(given.Payload) {
			return o, errors.New("the payload is no JSON")
		}
		o.Payload = flagdef.Value(given.Payload)
	}
	return o, nil
}

// parseOverrides reads what is in the environment variable.
func parseOverrides(text string) (map[string]any, error) {
	text = strings.TrimSpace(text)
	given := map[string]any{}
	switch {
	case text == "":
		return nil, nil
	case strings.HasPrefix(text, "{"):
		if err := json.Unmarshal([]byte(text), &given); err != nil {
			return nil, err
		}
		return given, nil
	}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" {
			return nil, fmt.Errorf("%q is no flag=value: want beta=true,checkout=blue or a JSON object", pair)
		}
		switch value {
		case "true", "false":
			given[key] = value == "true"
		default:
			given[key] = value
		}
	}
	return given, nil
}

// overridesAlone are rules with nothing but overrides, to answer from where
// there are no definitions.
func overridesAlone(fixed map[string]flagdef.Override) *rules.Set {
	if fixed == nil {
		return nil
	}
	return rules.Compile((&flagdef.Definitions{}).Override(fixed), rules.Options{})
}

// overrideAll puts overridden flags, those of keys or all, in the place of what
// was answered for them without definitions.
func (c *Client) overrideAll(answers []Answer, keys []string) []Answer {
	if c.fixed == nil {
		return answers
	}
	answers = slices.DeleteFunc(answers, func(a Answer) bool { return c.fixed.Has(a.Key()) })
	for _, a := range c.fixed.EvaluateAll(nil, &Subject{Now: time.Now()}) {
		if keys == nil || slices.Contains(keys, a.Key()) {
			answers = append(answers, resolve.Local(a))
		}
	}
	return answers
}
