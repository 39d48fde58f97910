package hogflags

import (
	"errors"
	"fmt"
	"strings"
)

// newShared makes a client that answers from another's definitions.
func newShared(cfg Config) (*Client, error) {
	from := cfg.DefinitionsFrom
	var set []string
	for _, s := range []struct {
		name string
		set  bool
	}{
		{"SecretKey", cfg.SecretKey != ""},
		{"SecretKeyFunc", cfg.SecretKeyFunc != nil},
		{"PollInterval", cfg.PollInterval != 0},
		{"Cache", cfg.Cache != nil},
		{"LastKnownGoodFile", cfg.LastKnownGoodFile != ""},
		{"Bootstrap", cfg.Bootstrap != nil},
		{"KeepDefinitions", cfg.KeepDefinitions},
		{"MaxAge", cfg.MaxAge != 0},
		{"OnQuotaLimited", cfg.OnQuotaLimited != KeepFlags},
		{"TimeZone", cfg.TimeZone != nil},
	} {
		if s.set {
			set = append(set, s.name)
		}
	}
	switch {
	case len(set) > 0:
		return nil, fmt.Errorf("hogflags: config: %s is set beside DefinitionsFrom: set it on the client that keeps the definitions", strings.Join(set, ", "))
	case cfg.ProjectToken != "" && cfg.ProjectToken != from.project:
		return nil, errors.New("hogflags: config: DefinitionsFrom is a client of another project: leave ProjectToken empty, or make one client a project")
	}
	return &Client{loader: from.loader, shared: true, project: from.project}, nil
}
