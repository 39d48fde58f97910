package main

import (
	"context"
	"fmt"
	"log/slog"
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
    5  the store cannot be used`
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
	store, err := c.store(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // nothing is held in it any more

	logger := slog.New(slog.NewTextHandler(std.err, nil))
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
