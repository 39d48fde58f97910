package hogflags

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
)

// Config is what a [Client] is made from. ProjectToken is required, and one of
// SecretKey and SecretKeyFunc unless Cache only reads. It prints and marshals
// without its key.
type Config struct {
	// ProjectToken is the project's public token (phc_…).
	ProjectToken string

	// SecretKey is a project secret key (phs_…) or a personal API key
	// (phx_…) that may read feature flags.
	SecretKey string

	// SecretKeyFunc gives the key for each request instead, so that a key
	// can be rotated without a restart. It must return when its context
	// ends. Nil: SecretKey is used.
	SecretKeyFunc func(context.Context) (string, error)

	// Host is PostHog's address, or that of a relay or proxy. Empty means
	// PostHog Cloud in the US, https://us.i.posthog.com.
	Host string

	// PollInterval is the time between two polls of the definitions, each
	// jittered by ±10 %. Zero means 30 s; the minimum is 100 ms. With a Cache
	// it must be zero: the fleet's interval is an option of the cache.
	PollInterval time.Duration

	// Cache shares the definitions with a fleet: one process asks PostHog,
	// all evaluate what it found. Make one for each client, by
	// [flagcache.New] over a store or [flagcache.FromProvider] over a provider
	// of your own; the client runs it, and ends it in Close. Store and client
	// must be of the same project and host. Nil: the client asks PostHog by
	// itself.
	//
	// A store that is down stops nothing: evaluation goes on from memory, after
	// a restart from the last-known-good file, and PostHog is asked directly,
	// though rarely. A cache that only reads never asks PostHog.
	Cache flagcache.Coordinator

	// LastKnownGoodFile is where the last good definitions are kept, for a
	// start while PostHog is down. Its folder must exist. Empty: none is kept.
	LastKnownGoodFile string

	// Bootstrap is a definitions document to answer from until PostHog has
	// been reached, such as one built into the program. Nil: none. The
	// last-known-good file is preferred to it.
	Bootstrap []byte

	// KeepDefinitions keeps the bytes of the definitions in memory, for
	// [Client.Definitions] and package posthogtransport. Otherwise they are
	// dropped once they are compiled.
	KeepDefinitions bool

	// MaxAge is how old definitions may be ([Status].Age) and still decide a
	// flag. Older ones make every flag inconclusive until PostHog confirms
	// them; definitions of unknown age never expire. Zero: none do.
	MaxAge time.Duration

	// OnQuotaLimited is what to answer while PostHog refuses definitions as
	// the project is over its quota (402). Zero is [KeepFlags].
	OnQuotaLimited QuotaPolicy

	// DefinitionsFrom is a client whose definitions this one answers from
	// instead of keeping its own: one poller and one copy in memory, however
	// many clients. All settings about keeping definitions are then that
	// client's and stay zero here. Close that client last: until then this one
	// stays current. Nil: the client keeps its own.
	DefinitionsFrom *Client

	// TimeZone is the project's time zone, as set in PostHog. Nil: not known,
	// and flags whose answer depends on it are inconclusive.
	TimeZone *time.Location

	// HTTPClient sends the requests. Nil means a client on
	// [http.DefaultTransport].
	HTTPClient *http.Client

	// Logger takes what an operator should know: changes of the definitions,
	// failures once per cause, recoveries. Nil discards it. Keys are never
	// logged.
	Logger *slog.Logger
}

func (c Config) api() posthogapi.Config {
	return posthogapi.Config{
		Host:          c.Host,
		ProjectToken:  c.ProjectToken,
		SecretKey:     c.SecretKey,
		SecretKeyFunc: c.SecretKeyFunc,
		HTTPClient:    c.HTTPClient,
	}
}

// upstream is PostHog and its normalized host. It is nil for a cache that only
// reads, if there is no key.
func (c Config) upstream() (flagcache.Upstream, string, error) {
	if loader.Reads(c.Cache) && c.SecretKey == "" && c.SecretKeyFunc == nil {
		if c.ProjectToken == "" {
			return nil, "", errors.New("config: ProjectToken is empty: set it to the project's token (phc_…)")
		}
		host, err := posthogapi.NormalizeHost(c.Host)
		return nil, host, err
	}
	if c.SecretKey == "" && c.SecretKeyFunc == nil {
		return nil, "", errors.New("config: SecretKey is empty: set it to a project secret key (phs_…) or a personal API key (phx_…), or set SecretKeyFunc")
	}
	api, err := posthogapi.New(c.api())
	if err != nil {
		return nil, "", err
	}
	return flagcache.PostHog(api), api.Host(), nil
}

// view is what of a Config may be seen; the API's part hides the keys itself.
type view struct {
	API               posthogapi.Config `json:"api"`
	PollInterval      time.Duration     `json:"poll_interval"`
	Cache             bool              `json:"cache"`
	LastKnownGoodFile string            `json:"last_known_good_file"`
	BootstrapBytes    int               `json:"bootstrap_bytes"`
	KeepDefinitions   bool              `json:"keep_definitions"`
	MaxAge            time.Duration     `json:"max_age"`
	ClearOnQuota      bool              `json:"clear_on_quota"`
	DefinitionsShared bool              `json:"definitions_shared"`
	TimeZone          string            `json:"time_zone"`
}

func (c Config) view() view {
	v := view{
		API:               c.api(),
		PollInterval:      c.PollInterval,
		Cache:             c.Cache != nil,
		LastKnownGoodFile: c.LastKnownGoodFile,
		BootstrapBytes:    len(c.Bootstrap),
		KeepDefinitions:   c.KeepDefinitions,
		MaxAge:            c.MaxAge,
		ClearOnQuota:      c.OnQuotaLimited == ClearFlags,
		DefinitionsShared: c.DefinitionsFrom != nil,
	}
	if c.TimeZone != nil {
		v.TimeZone = c.TimeZone.String()
	}
	return v
}

// String describes c without its key.
func (c Config) String() string { return fmt.Sprintf("%+v", c.view()) }

// Format writes String for every verb, so that no verb reaches the key.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// MarshalJSON describes c without its key.
func (c Config) MarshalJSON() ([]byte, error) { return json.Marshal(c.view()) }

// LogValue describes c without its key.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }
