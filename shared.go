package hogflags

import (
	"errors"
	"fmt"
	"strings"
)

// checkShared finds what makes no sense beside DefinitionsFrom.
func (c Config) checkShared() error {
	var set []string
	for _, s := range []struct {
		name string
		set  bool
	}{
		{"Host", c.Host != ""},
		{"HTTPClient", c.HTTPClient != nil},
		{"SecretKey", c.SecretKey != ""},
		{"SecretKeyFunc", c.SecretKeyFunc != nil},
		{"PollInterval", c.PollInterval != 0},
		{"Cache", c.Cache != nil},
		{"LastKnownGoodFile", c.LastKnownGoodFile != ""},
		{"Bootstrap", c.Bootstrap != nil},
		{"KeepDefinitions", c.KeepDefinitions},
		{"MaxAge", c.MaxAge != 0},
		{"OnQuotaLimited", c.OnQuotaLimited != KeepFlags},
		{"TimeZone", c.TimeZone != nil},
		{"Overrides", len(c.Overrides) > 0},
	} {
		if s.set {
			set = append(set, s.name)
		}
	}
	switch {
	case len(set) > 0:
		return fmt.Errorf("config: %s is set beside DefinitionsFrom: set it on the client that keeps the definitions", strings.Join(set, ", "))
	case c.ProjectToken != "" && c.ProjectToken != c.DefinitionsFrom.project:
		return errors.New("config: DefinitionsFrom is a client of another project: leave ProjectToken empty, or make one client a project")
	}
	return nil
}
