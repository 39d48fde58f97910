package relay

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"time"
)

// Config is everything that a relay is told: a file ([ReadConfig]), environment
// and command line fill in the same. It holds no keys, only where they are.
type Config struct {
	// Listen is the address for clients, as "0.0.0.0:8080". Empty means
	// 127.0.0.1:8080. Without relay keys for every project it has to be a
	// loopback address.
	Listen string `yaml:"listen"`

	// Admin is the address for /livez, /readyz, /status and /metrics. Empty: they are
	// served on Listen.
	Admin string `yaml:"admin"`

	// TLS encrypts Listen. Empty: HTTP.
	TLS TLS `yaml:"tls"`

	// TrustedProxies may say for whom they ask, in X-Forwarded-For and
	// X-Forwarded-Proto. Others are taken to be the client themselves.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`

	// OperatorKeys are for POST /refresh, each as "sha256:<hex>";
	// OperatorKeysFrom has more of them, one a line. With none, nobody may.
	OperatorKeys     []string `yaml:"operator_keys"`
	OperatorKeysFrom Source   `yaml:"operator_keys_from"`

	Limits   Limits    `yaml:"limits"`
	Projects []Project `yaml:"projects"`

	file print // what ReadConfig read it from
}

// TLS names files in PEM. They are read again when they change.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Limits bound what clients may take. What a client is told when it exceeds
// them is what PostHog would tell it.
type Limits struct {
	// BodyBytes bounds the body of a request that is passed through. Zero
	// means 64 MiB, which is above what PostHog takes.
	BodyBytes int64 `yaml:"body_bytes"`

	// FlagsBodyBytes bounds the body of a request for flags, before and after
	// decompression. Zero means 2 MiB.
	FlagsBodyBytes int64 `yaml:"flags_body_bytes"`

	// PerAddress bounds the requests of each client address (the /64 of an
	// IPv6 address), PerKey those with each relay key. Zero: no limit.
	PerAddress Rate `yaml:"per_address"`
	PerKey     Rate `yaml:"per_key"`
}

// Rate is a limit of requests. The zero Rate is none.
type Rate struct {
	PerSecond float64 `yaml:"per_second"`
	Burst     int     `yaml:"burst"` // at once; zero: those of a second
}

// Remote says when the relay asks PostHog to evaluate flags.
type Remote string

// The policies. The zero value is RemoteInconclusive.
const (
	RemoteInconclusive Remote = "inconclusive" // what the definitions do not decide, and what they cannot
	RemoteNever        Remote = "never"        // not at all: what is not decided here has failed
	RemoteAlways       Remote = "always"       // for every request; definitions are still served from here
)

// Project is one PostHog project.
type Project struct {
	// Name is what logs and /status call it. Empty: the end of its token.
	Name string `yaml:"name"`

	// Token is the public token (phc_…). Required.
	Token string `yaml:"token"`

	// Host is PostHog, or another relay. Empty means PostHog Cloud in the US.
	Host string `yaml:"host"`

	// AssetsHost serves /static/ and /array/. Empty: PostHog's own for the
	// Cloud (us-assets.i.posthog.com), else Host.
	AssetsHost string `yaml:"assets_host"`

	// Hostnames are names under which clients reach this project: a request
	// to one of them that does not say its project is for this one. Projects
	// on different Hosts need them.
	Hostnames []string `yaml:"hostnames"`

	// SecretKey is PostHog's (phs_… or phx_…), read again at each poll. A
	// project that only reads its store needs none.
	SecretKey Source `yaml:"secret_key"`

	// RelayKeys are what clients present instead of it, each as
	// "sha256:<hex>"; RelayKeysFrom has more of them, one a line. Several
	// allow for rotation. With none, everybody may read the definitions.
	RelayKeys     []string `yaml:"relay_keys"`
	RelayKeysFrom Source   `yaml:"relay_keys_from"`

	// Cache is the URL of the fleet's store; CacheFrom is where to find it, if
	// it holds a password. With neither, the relay asks PostHog by itself.
	Cache     string `yaml:"cache"`
	CacheFrom Source `yaml:"cache_from"`

	// SigningKey is the private key with which what is stored in Cache is signed
	// (hfsk_…). VerifyKeys are public keys (hfpk_…) to trust beside its own, or
	// alone where the project is ReadOnly; VerifyKeysFrom has more of them, between
	// blanks or line breaks. Two allow for rotation. With none, nothing is signed,
	// and whatever is stored is taken.
	SigningKey     Source   `yaml:"signing_key"`
	VerifyKeys     []string `yaml:"verify_keys"`
	VerifyKeysFrom Source   `yaml:"verify_keys_from"`

	// PublishTo is the URL of a place for many readers, as
	// cloudflare-kv://ACCOUNT/NAMESPACE: what is served is published there by the
	// relay that leads. PublishToken is the API token for it, read again for each
	// request; the environment's CLOUDFLARE_API_TOKEN if it is not set.
	PublishTo    string `yaml:"publish_to"`
	PublishToken Source `yaml:"publish_token"`

	// ReadOnly never asks PostHog for definitions: another process feeds Cache.
	ReadOnly bool `yaml:"read_only"`

	// PollInterval is the time between two polls, by the whole fleet. Zero
	// means 30 s.
	PollInterval time.Duration `yaml:"poll_interval"`

	// MaxAge is how old definitions may be, since PostHog confirmed them, and still
	// be answered from and handed out; at least two PollIntervals. Zero: as old as
	// may be.
	MaxAge time.Duration `yaml:"max_age"`

	// LastKnownGood is a file for the last good definitions, to start from
	// when neither PostHog nor the store can be reached. Empty: none.
	LastKnownGood string `yaml:"last_known_good"`

	// TimeZone is the project's, as "Europe/Berlin". Empty: not known, so that
	// some dates are undecided here.
	TimeZone string `yaml:"time_zone"`

	// Server declares that all who ask for flags are servers of the company's
	// own, to whom survey flags do not matter: then also a request for all
	// flags, without a relay key, is answered here.
	Server bool `yaml:"server"`

	// Remote is when to ask PostHog for flags.
	Remote Remote `yaml:"remote"`

	// Optional lets the relay be ready without this project's definitions.
	Optional bool `yaml:"optional"`
}

// The defaults of a Config.
const (
	DefaultListen         = "127.0.0.1:8080"
	defaultPollInterval   = 30 * time.Second
	defaultBodyBytes      = 64 << 20
	defaultFlagsBodyBytes = 2 << 20
)

// open reports whether everybody may read the project's definitions.
func (p *Project) open() bool { return len(p.RelayKeys) == 0 && !p.RelayKeysFrom.set() }

// loopback reports whether an address to listen on is this host's alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// mustParse parses an address that NormalizeHost has made.
func mustParse(host string) *url.URL {
	u, err := url.Parse(host)
	if err != nil {
		panic(fmt.Sprintf("relay: normalized host: %v", err))
	}
	return u
}
