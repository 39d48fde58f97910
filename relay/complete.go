package relay

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/hogflags/hogflags/posthogapi"
)

// Check says what is wrong with a configuration, nil if it can be used as far
// as can be told without starting.
func (c Config) Check() error {
	c, err := c.complete()
	if err != nil {
		return err
	}
	return listenable(c)
}

// complete returns c with its defaults, or says what is wrong with it.
func (c Config) complete() (Config, error) {
	c.Listen = cmp.Or(c.Listen, DefaultListen)
	c.Limits.BodyBytes = cmp.Or(c.Limits.BodyBytes, defaultBodyBytes)
	c.Limits.FlagsBodyBytes = cmp.Or(c.Limits.FlagsBodyBytes, defaultFlagsBodyBytes)
	switch {
	case len(c.Projects) == 0:
		return c, errors.New("no project: name one under projects, with its token")
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		return c, errors.New("tls: cert and key go together")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return c, fmt.Errorf("listen: %w", err)
	}
	if _, _, err := net.SplitHostPort(c.Admin); c.Admin != "" && err != nil {
		return c, fmt.Errorf("admin: %w", err)
	}
	for _, key := range c.OperatorKeys {
		if _, err := parseKeyHash(key); err != nil {
			return c, fmt.Errorf("operator_keys: %w", err)
		}
	}
	if err := c.OperatorKeysFrom.check(); err != nil {
		return c, fmt.Errorf("operator_keys_from: %w", err)
	}
	if err := c.Limits.check(); err != nil {
		return c, fmt.Errorf("limits: %w", err)
	}
	c.Projects = slices.Clone(c.Projects)
	for i := range c.Projects {
		p := &c.Projects[i]
		if err := p.complete(); err != nil {
			return c, fmt.Errorf("%s: %w", strings.TrimSpace(fmt.Sprintf("projects[%d] %s", i, p.Name)), err)
		}
		for _, q := range c.Projects[:i] {
			switch {
			case p.Token == q.Token:
				return c, fmt.Errorf("projects[%d] %s: its token is also that of %s", i, p.Name, q.Name)
			case p.Name == q.Name:
				return c, fmt.Errorf("projects[%d]: two projects are called %s", i, p.Name)
			case p.LastKnownGood != "" && p.LastKnownGood == q.LastKnownGood:
				return c, fmt.Errorf("projects[%d] %s: last_known_good is also the file of %s", i, p.Name, q.Name)
			case sharesName(p.Hostnames, q.Hostnames):
				return c, fmt.Errorf("projects[%d] %s: one of its hostnames is also one of %s", i, p.Name, q.Name)
			case p.Host != q.Host && (len(p.Hostnames) == 0 || len(q.Hostnames) == 0):
				return c, fmt.Errorf("projects[%d] %s: its host is another than that of %s: give both hostnames, or events could not be told apart", i, p.Name, q.Name)
			}
		}
	}
	return c, nil
}

func sharesName(a, b []string) bool {
	return slices.ContainsFunc(a, func(name string) bool { return slices.Contains(b, name) })
}

func (l Limits) check() error {
	switch {
	case l.BodyBytes < 0, l.FlagsBodyBytes < 0:
		return errors.New("a number of bytes is negative")
	case l.PerAddress.PerSecond < 0, l.PerKey.PerSecond < 0, l.PerAddress.Burst < 0, l.PerKey.Burst < 0:
		return errors.New("a rate is negative")
	case l.PerAddress.Burst > 0 && l.PerAddress.PerSecond == 0, l.PerKey.Burst > 0 && l.PerKey.PerSecond == 0:
		return errors.New("a burst needs per_second beside it")
	}
	return nil
}

// complete gives p its defaults, or says what is wrong with it.
func (p *Project) complete() error {
	api, err := posthogapi.New(posthogapi.Config{ProjectToken: p.Token, Host: p.Host})
	if err != nil {
		return err
	}
	if p.Name == "" { // not of a token that may be a secret key
		p.Name = "…" + p.Token[max(0, len(p.Token)-6):]
	}
	p.Host = api.Host()
	if p.AssetsHost == "" {
		p.AssetsHost = assetsOf(p.Host)
	} else if p.AssetsHost, err = posthogapi.NormalizeHost(p.AssetsHost); err != nil {
		return fmt.Errorf("assets_%w", err)
	}
	p.PollInterval = cmp.Or(p.PollInterval, defaultPollInterval)
	p.Remote = cmp.Or(p.Remote, RemoteInconclusive)
	if p.PublishTo != "" && !p.PublishToken.set() {
		p.PublishToken = Source{Env: "CLOUDFLARE_API_TOKEN"}
	}
	p.Hostnames = slices.Clone(p.Hostnames)
	for i, name := range p.Hostnames {
		p.Hostnames[i] = strings.ToLower(name)
	}
	return p.check()
}

// check says what is wrong with a project that has its defaults.
func (p *Project) check() error {
	for _, name := range p.Hostnames {
		if name == "" || strings.ContainsAny(name, "/:@ ") {
			return fmt.Errorf("hostnames: %q is no name: want one such as flags.example.com", name)
		}
	}
	switch {
	case p.PollInterval < time.Second:
		return fmt.Errorf("poll_interval is %v: want at least 1s", p.PollInterval)
	case p.MaxAge < 0 || p.MaxAge != 0 && p.MaxAge < 2*p.PollInterval:
		return fmt.Errorf("max_age is %v: want at least %v, twice the poll_interval, else definitions expire between polls", p.MaxAge, 2*p.PollInterval)
	case !slices.Contains([]Remote{RemoteInconclusive, RemoteNever, RemoteAlways}, p.Remote):
		return fmt.Errorf("remote is %q: want %s, %s or %s", p.Remote, RemoteInconclusive, RemoteNever, RemoteAlways)
	case p.Cache != "" && p.CacheFrom.set():
		return errors.New("cache and cache_from exclude each other")
	case p.ReadOnly && p.Cache == "" && !p.CacheFrom.set():
		return errors.New("read_only needs a cache to read")
	case p.ReadOnly && p.PublishTo != "":
		return errors.New("publish_to: a relay that is read_only never leads, and it is the leader that publishes")
	case p.PublishTo == "" && p.PublishToken.set():
		return errors.New("publish_token is set without publish_to")
	case !p.ReadOnly && !p.SecretKey.set():
		return errors.New("no secret_key: name the variable or the file that holds it, as {env: POSTHOG_SECRET_KEY} or {file: PATH}")
	}
	if _, err := time.LoadLocation(p.TimeZone); err != nil {
		return fmt.Errorf("time_zone: %q is not an IANA time zone, as Europe/Berlin", p.TimeZone)
	}
	for _, key := range p.RelayKeys {
		if _, err := parseKeyHash(key); err != nil {
			return fmt.Errorf("relay_keys: %w", err)
		}
	}
	for name, s := range map[string]Source{"secret_key": p.SecretKey, "relay_keys_from": p.RelayKeysFrom, "cache_from": p.CacheFrom, "publish_token": p.PublishToken, "signing_key": p.SigningKey, "verify_keys_from": p.VerifyKeysFrom} {
		if err := s.check(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return p.checkSigning()
}

// assetsOf is where PostHog serves its scripts from.
func assetsOf(host string) string {
	for _, region := range []string{"us", "eu"} {
		if host == "https://"+region+".i.posthog.com" {
			return "https://" + region + "-assets.i.posthog.com"
		}
	}
	return host
}
