package hogflags

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/hogflags/hogflags/events"
	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/loader"
	"github.com/hogflags/hogflags/posthogapi"
)

// Config is what a [Client] is made from. ProjectToken is required; without
// SecretKey, SecretKeyFunc and a Cache that only reads, the client is remote only.
// It prints and marshals without its key.
type Config struct {
	// ProjectToken is the project's public token (phc_…).
	ProjectToken string

	// SecretKey is a project secret key (phs_…) or a personal API key
	// (phx_…) that may read feature flags. Empty: no definitions are fetched,
	// and PostHog is asked for every flag.
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
	// many clients. All settings about keeping definitions, and about whom to
	// ask, are then that client's and stay zero here. Close that client last: until then this one
	// stays current. Nil: the client keeps its own.
	DefinitionsFrom *Client

	// TimeZone is the project's time zone, as set in PostHog. Nil: not known,
	// and flags whose answer depends on it are inconclusive.
	TimeZone *time.Location

	// OnlyEvaluateLocally keeps every evaluation from asking PostHog: none does
	// I/O or blocks, and what the definitions do not decide is
	// [ErrInconclusive]. False: such flags are asked for, in one request a call.
	OnlyEvaluateLocally bool

	// RemoteTimeout bounds the request of an evaluation that asks PostHog. Zero
	// means 3 s. A context that ends earlier wins.
	RemoteTimeout time.Duration

	// GeoIP lets PostHog take $geoip_ properties from the address that such a
	// request comes from. False is right for a server, whose address says
	// nothing of the person.
	GeoIP bool

	// Overrides fixes the value of flags for everybody, whatever PostHog says:
	// false, true, a variant's key, or an [Override] with a payload. Flags of
	// the definitions that rest on them see that. Nil: those of the
	// environment variable [OverridesVariable]; an empty map: none, whatever
	// is in the environment. With DefinitionsFrom that client's are in force.
	// For development and tests: it is logged as a warning.
	Overrides map[string]any

	// Runtime is for subjects that name none: flags for another are not found.
	// Zero is RuntimeServer.
	Runtime Runtime

	// EvaluationContexts are for subjects that name none: flags that are
	// confined to others are not found. Empty: flags of all contexts.
	EvaluationContexts []string

	// Events takes the $feature_flag_called events of flags that are read. Nil:
	// none are made. The client does not close it.
	Events events.Sink

	// EventShare is the share of persons whose events are sent, above 0 and up
	// to 1, by their distinct id. Flags of experiments are always reported.
	// Zero means 1.
	EventShare float64

	// Observer is told of evaluations, for metrics. Nil: nobody is.
	Observer Observer

	// Now is the clock for subjects that bring no time of their own, as a test
	// may want to set it. It must be safe for concurrent use. Nil: time.Now.
	Now func() time.Time

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

func (c Config) hasKey() bool { return c.SecretKey != "" || c.SecretKeyFunc != nil }

// remoteOnly says that there is nothing to take definitions from.
func (c Config) remoteOnly() bool { return !c.hasKey() && c.Cache == nil }

// check finds what the packages that the Config is handed to cannot see.
func (c Config) check() error {
	const setKey = "set SecretKey to a project secret key (phs_…) or a personal API key (phx_…), or set SecretKeyFunc"
	switch {
	case c.RemoteTimeout < 0:
		return fmt.Errorf("config: RemoteTimeout is negative: %v", c.RemoteTimeout)
	case c.EventShare != 0 && c.Events == nil:
		return errors.New("config: EventShare is set without Events")
	case c.DefinitionsFrom != nil:
		return c.checkShared()
	case c.Cache != nil && c.PollInterval != 0:
		return errors.New("config: PollInterval is set beside Cache: the fleet's interval is flagcache.Options.Interval")
	case !c.hasKey() && c.Cache != nil && !loader.Reads(c.Cache):
		return errors.New("config: SecretKey is empty, and the Cache may be the one that asks PostHog: " + setKey)
	case !c.remoteOnly():
		return nil
	case c.OnlyEvaluateLocally:
		return errors.New("config: OnlyEvaluateLocally needs definitions: " + setKey)
	case c.PollInterval != 0 || c.LastKnownGoodFile != "" || c.Bootstrap != nil || c.KeepDefinitions || c.MaxAge != 0:
		return errors.New("config: SecretKey is empty, so that PollInterval, LastKnownGoodFile, Bootstrap, KeepDefinitions and MaxAge have no use: " + setKey)
	}
	return nil
}

// upstream is nil for a cache that only reads, if there is no key.
func (c Config) upstream(api *posthogapi.Client) flagcache.Upstream {
	if !c.hasKey() {
		return nil
	}
	return flagcache.PostHog(api)
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
	LocalOnly         bool              `json:"only_evaluate_locally"`
	Overrides         int               `json:"overrides"`
	RemoteTimeout     time.Duration     `json:"remote_timeout"`
	Events            bool              `json:"events"`
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
		LocalOnly:         c.OnlyEvaluateLocally,
		Overrides:         len(c.Overrides),
		RemoteTimeout:     c.RemoteTimeout,
		Events:            c.Events != nil,
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
