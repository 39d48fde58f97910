package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/relay"
)

// lookAtConfig is how often serve looks whether its configuration has changed. It
// takes two looks.
const lookAtConfig = 2 * time.Second

type serveCmd struct {
	Config        string `env:"HOGFLAGS_CONFIG" placeholder:"FILE" help:"A file of configuration, for several projects. The options of a project then go there."`
	Listen        string `env:"HOGFLAGS_LISTEN" placeholder:"ADDR" help:"Where to listen. Port 0 takes a free one. Default: 127.0.0.1:8080."`
	Admin         string `env:"HOGFLAGS_ADMIN" placeholder:"ADDR" help:"Where to serve /livez, /readyz, /status and /metrics. Default: where it listens."`
	cache         `embed:""`
	SecretKeyFile string        `env:"POSTHOG_SECRET_KEY_FILE" placeholder:"FILE" help:"The secret key, in a file that is read again at each poll."`
	RelayKey      string        `env:"HOGFLAGS_RELAY_KEY" placeholder:"KEY" help:"What clients present as their secret key. Needed but on loopback; better in the environment or a file."`
	RelayKeysFile string        `env:"HOGFLAGS_RELAY_KEYS_FILE" placeholder:"FILE" help:"Relay keys, one a line, in clear or as hogflags relay-key prints their hashes."`
	OperatorKeys  string        `name:"operator-keys-file" env:"HOGFLAGS_OPERATOR_KEYS_FILE" placeholder:"FILE" help:"Keys for hogflags refresh, as of --relay-keys-file."`
	PublishTo     string        `env:"HOGFLAGS_PUBLISH_TO" placeholder:"URL" help:"Publish what is served, while this relay leads: cloudflare-kv://ACCOUNT/NAMESPACE, with an API token in CLOUDFLARE_API_TOKEN."`
	PublishToken  string        `name:"publish-token-file" env:"HOGFLAGS_PUBLISH_TOKEN_FILE" placeholder:"FILE" help:"The API token, in a file that is read again for each request."`
	PollInterval  time.Duration `env:"HOGFLAGS_POLL_INTERVAL" placeholder:"TIME" help:"Between polls of PostHog by the whole fleet. Default: 30s."`
	ReadOnly      bool          `env:"HOGFLAGS_READ_ONLY" help:"Serve what is stored; never ask PostHog for definitions, or lead."`
	MaxAge        time.Duration `env:"HOGFLAGS_MAX_AGE" placeholder:"TIME" help:"How old definitions may be and still be answered from. Default: as old as may be."`
	LastKnownGood string        `env:"HOGFLAGS_LAST_KNOWN_GOOD" placeholder:"FILE" help:"Where to keep the last good definitions, for a start while all else is down."`
	Timezone      string        `env:"HOGFLAGS_TIMEZONE" placeholder:"ZONE" help:"The project's time zone, as Europe/Berlin."`
	Server        bool          `env:"HOGFLAGS_SERVER" help:"All who ask are servers: answer requests for all flags here."`
	Remote        relay.Remote  `env:"HOGFLAGS_REMOTE" placeholder:"WHEN" help:"When PostHog evaluates flags: inconclusive, never or always. Default: inconclusive."`
	Log           string        `env:"HOGFLAGS_LOG" enum:"text,json" default:"text" help:"The form of the logs: ${enum}. Default: ${default}."`
	Check         bool          `help:"Say whether the configuration can be used, and end."`
}

// Help is the longer text of --help.
func (*serveCmd) Help() string {
	return `Answers SDKs of any language as PostHog does: definitions, flags, and everything else passed through. Serves until it is interrupted. SIGHUP, or a change of the file, reloads the configuration. Prints where it listens; logs go to standard error.

Exit codes:

    0  stopped by SIGINT or SIGTERM
    2  the command line, the configuration or the address cannot be used
    5  the file or folder of a store cannot be used

Without --cache it keeps the definitions in a database of this user's, which all relays of this host share. A store on a server may be down at the start: the relay then asks PostHog itself, rarely, and joins the fleet when the store answers.`
}

// defaultStore is a database in this user's cache folder, or memory if there is
// no such folder to write to.
func defaultStore(log *slog.Logger) string {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "hogflags")
		err = writable(dir)
	}
	if err != nil {
		log.Warn("definitions are kept in memory alone: there is no cache folder, and --cache names no store", "error", err)
		return "memory:"
	}
	path := filepath.Join(dir, "definitions.db")
	log.Info("definitions are kept in a database, as --cache names no store", "file", path)
	return "sqlite:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

// writable makes a folder, and writes to it: it may be there on a read-only file
// system, as in a container.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// logger writes to standard error.
func (c *serveCmd) logger(std console) *slog.Logger {
	var h slog.Handler = slog.NewTextHandler(std.err, nil)
	if c.Log == "json" {
		h = slog.NewJSONHandler(std.err, nil)
	}
	return slog.New(h)
}

// keyInArguments reports whether a key was given where every user of the host
// can see it.
func keyInArguments(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		name, _, _ := strings.Cut(arg, "=")
		return name == "--secret-key" || name == "--relay-key"
	})
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, std console) error {
	try := "" // the example of this command
	if c.Config != "" {
		try = "--config relay.yaml --check"
	}
	cfg, err := c.configuration()
	if err != nil {
		return badInput(try, "%w", err)
	}
	logger := c.logger(std)
	if c.Check {
		if err := check(cfg); err != nil {
			return badInput(try, "%w", err)
		}
		_, err := fmt.Fprintf(std.out, "hogflags: the configuration can be used; projects: %d\n", len(cfg.Projects))
		return err
	}
	hangups := make(chan os.Signal, 1)
	if c.Config != "" {
		signal.Notify(hangups, syscall.SIGHUP) // from now on: one that comes during the start would end the process
		defer signal.Stop(hangups)
	}
	if keyInArguments(os.Args) {
		logger.Warn("a key is in the arguments, where every user of this host can see it: give it in the environment or a file")
	}
	if c.Config == "" && c.Cache == "" {
		cfg.Projects[0].Cache = defaultStore(logger)
	}
	openStore := func(url string, scope flagcache.Scope) (relay.Store, error) { return open.Open(url, scope) }
	traces, err := startTraces(ctx, logger)
	if err != nil {
		return badInput("", "%w", err)
	}
	defer traces.stop()
	r, err := relay.New(ctx, cfg, relay.Options{
		OpenStore: openStore, OpenPublisher: open.Publisher, Logger: logger, TracerProvider: traces.provider, Propagator: traces.propagator,
	})
	if store, ok := errors.AsType[*relay.StoreError](err); ok && !errors.Is(err, flagcache.ErrURL) {
		return &stop{code: exitStore, err: store}
	}
	if err != nil {
		return badInput(try, "%w", err)
	}
	clients, admin, err := r.Listen(ctx)
	if err != nil {
		return badInput("--listen 127.0.0.1:0", "%w", errors.Join(err, r.Close()))
	}
	scheme := "http"
	if cfg.TLS.Cert != "" {
		scheme = "https"
	}
	if _, err := fmt.Fprintf(std.out, "hogflags: serving on %s://%s\n", scheme, clients.Addr()); err != nil {
		return fmt.Errorf("print address: %w", err)
	}
	if admin != nil {
		if _, err := fmt.Fprintf(std.out, "hogflags: health and status on http://%s\n", admin.Addr()); err != nil {
			return fmt.Errorf("print address: %w", err)
		}
	}
	if c.Config != "" {
		following, stopFollowing := context.WithCancel(ctx)
		followed := make(chan struct{})
		go func() {
			defer close(followed)
			r.Follow(following, lookAtConfig, hangups, c.Config, c.configuration)
		}()
		defer func() { stopFollowing(); <-followed }()
	}
	waiting, stopWaiting := context.WithCancel(ctx)
	var ready sync.WaitGroup
	ready.Go(func() {
		if r.WaitUntilReady(waiting) == nil {
			giveBack()
		}
	})
	defer func() { stopWaiting(); ready.Wait() }()
	return r.Run(ctx, clients, admin)
}

// configuration is that of the file, or else of one project; options about the
// whole relay win over the file.
func (c *serveCmd) configuration() (cfg relay.Config, err error) {
	keys, signed, err := c.keys()
	if err != nil {
		return cfg, err
	}
	if c.Config != "" {
		if signed {
			return cfg, errors.New("the keys to sign and verify with go into the file of configuration, as signing_key and verify_keys of a project")
		}
		if cfg, err = relay.ReadConfig(c.Config); err != nil {
			return cfg, err
		}
	} else {
		p, err := c.single(keys)
		if err != nil {
			return cfg, err
		}
		cfg.Projects = []relay.Project{p}
	}
	if c.OperatorKeys != "" {
		cfg.OperatorKeysFrom = relay.Source{File: c.OperatorKeys}
	}
	cfg.Listen = cmp.Or(c.Listen, cfg.Listen)
	cfg.Admin = cmp.Or(c.Admin, cfg.Admin)
	return cfg, nil
}

// single is the project of the command line and the environment.
func (c *serveCmd) single(keys flagcache.Keys) (relay.Project, error) {
	p := relay.Project{
		Token:         c.ProjectToken,
		Host:          c.Host,
		SecretKey:     relay.Source{File: c.SecretKeyFile},
		RelayKeysFrom: relay.Source{File: c.RelayKeysFile},
		Cache:         c.Cache,
		PublishTo:     c.PublishTo,
		PublishToken:  relay.Source{File: c.PublishToken},
		ReadOnly:      c.ReadOnly,
		PollInterval:  c.PollInterval,
		MaxAge:        c.MaxAge,
		LastKnownGood: c.LastKnownGood,
		TimeZone:      c.Timezone,
		Server:        c.Server,
		Remote:        c.Remote,
	}
	if c.ProjectToken == "" {
		return p, errors.New("no project: name it by --project-token or POSTHOG_PROJECT_API_KEY, or name a file of configuration by --config")
	}
	if c.SecretKeyFile == "" {
		p.SecretKey.Value = cmp.Or(c.SecretKey, os.Getenv("POSTHOG_PERSONAL_API_KEY"))
	}
	if c.RelayKey != "" {
		p.RelayKeys = []string{relay.HashKey(c.RelayKey)}
	}
	if c.SigningKey != "" {
		p.SigningKey.File = c.SigningKey
	} else if os.Getenv(signingKeyVariable) != "" {
		p.SigningKey.Env = signingKeyVariable
	}
	for _, key := range keys.Verify {
		p.VerifyKeys = append(p.VerifyKeys, key.String())
	}
	if !c.ReadOnly && p.SecretKey == (relay.Source{}) {
		return p, errors.New("no secret key for the project: set POSTHOG_SECRET_KEY, or name a file by --secret-key-file")
	}
	return p, nil
}
