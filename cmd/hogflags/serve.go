package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/relay"
)

type serveCmd struct {
	cache        `embed:""`
	Listen       string        `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where to listen. Port 0 takes a free one. Default: ${default}."`
	RelayKey     string        `env:"HOGFLAGS_RELAY_KEY" placeholder:"KEY" help:"What clients present as their secret key. Needed but on loopback; better in the environment."`
	PollInterval time.Duration `default:"30s" placeholder:"TIME" help:"Between polls of PostHog by the whole fleet. Default: ${default}."`
	ReadOnly     bool          `help:"Serve what is stored; never ask PostHog or lead."`
}

// Help is the longer text of --help.
func (*serveCmd) Help() string {
	return `Serves /flags/definitions as PostHog does, and /livez, /readyz and /status, until it is interrupted. Prints where it listens; logs go to standard error.

Exit codes:

    0  stopped by SIGINT or SIGTERM
    2  the command line or the address cannot be used
    5  the file or folder of the store cannot be used

Without --cache it keeps the definitions in a database of this user's, which all relays of this host share. A store on a server may be down at the start: the relay then asks PostHog itself, rarely, and joins the fleet when the store answers.`
}

// defaultStore is a database in this user's cache folder, or memory if there is
// no such folder to write to.
func defaultStore(log *slog.Logger) string {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "hogflags")
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		log.Warn("definitions are kept in memory alone: there is no cache folder, and --cache names no store", "error", err)
		return "memory:"
	}
	path := filepath.Join(dir, "definitions.db")
	log.Info("definitions are kept in a database, as --cache names no store", "file", path)
	return "sqlite:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, std console) error {
	var upstream flagcache.Upstream
	if !c.ReadOnly {
		client, err := c.client()
		if err != nil {
			return err
		}
		upstream = flagcache.PostHog(client)
	}
	logger := slog.New(slog.NewTextHandler(std.err, nil))
	if c.Cache == "" {
		c.Cache = defaultStore(logger)
	}
	store, err := c.openStore() // its server may come up later
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing is held in it any more

	fleet, err := flagcache.New(store, flagcache.Options{Interval: c.PollInterval, ReadOnly: c.ReadOnly, Logger: logger})
	if err != nil {
		return badInput("", "%w", err)
	}
	r, err := relay.New(relay.Config{
		Coordinator: fleet, Upstream: upstream, ProjectToken: c.ProjectToken, Key: c.RelayKey,
		PollInterval: c.PollInterval, Logger: logger,
	})
	if err != nil {
		return badInput("", "%w", err)
	}
	l, err := r.Listen(ctx, c.Listen)
	if err != nil {
		return badInput("", "%w", err)
	}
	if _, err := fmt.Fprintf(std.out, "hogflags: serving on http://%s\n", l.Addr()); err != nil {
		return fmt.Errorf("print address: %w", err)
	}
	return r.Run(ctx, l)
}
