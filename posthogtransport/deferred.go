package posthogtransport

import (
	"encoding/json"
	"strings"

	"github.com/posthog/posthog-go"

	"github.com/hogflags/hogflags"
)

// deferred is a document in which every flag is left to PostHog.
type deferred struct {
	of, defs hogflags.Definitions
}

// deferAll makes posthog-go ask for every flag, by saying that PostHog keeps
// people's variants of it: that is the one thing about a flag which posthog-go
// leaves to PostHog at once, active or not, and which does not turn into a value
// when asking is forbidden, as an empty document would.
func (t *transport) deferAll(defs hogflags.Definitions) hogflags.Definitions {
	if d := t.deferred.Load(); d != nil && d.of.Revision == defs.Revision && d.of.ETag == defs.ETag {
		return d.defs
	}
	d := &deferred{of: defs, defs: defs}
	d.of.Body = nil
	d.defs.Body = deferFlags(defs.Body)
	if defs.ETag != "" {
		d.defs.ETag = strings.TrimSuffix(defs.ETag, `"`) + `-hogflags"`
	}
	t.deferred.Store(d)
	return d.defs
}

// deferFlags edits a document that has been parsed before.
func deferFlags(body []byte) []byte {
	var members map[string]json.RawMessage
	var flags []map[string]json.RawMessage
	_ = json.Unmarshal(body, &members)
	_ = json.Unmarshal(members["flags"], &flags)
	for _, flag := range flags {
		if flag != nil {
			flag["ensure_experience_continuity"] = json.RawMessage("true")
		}
	}
	members["flags"], _ = json.Marshal(flags)
	edited, _ := json.Marshal(members) // raw messages that were read do not fail
	return edited
}

// quietLogger drops what posthog-go says each time that it leaves a flag to
// PostHog, which here is each time.
type quietLogger struct{ posthog.Logger }

func (l quietLogger) Warnf(format string, args ...any) {
	if !strings.HasPrefix(format, "Unable to compute flag locally") {
		l.Logger.Warnf(format, args...)
	}
}
