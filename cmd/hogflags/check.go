package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/posthogapi"
	"github.com/hogflags/hogflags/relay"
)

// check says what is wrong with a configuration, as far as it stands in the file:
// keys and addresses that it takes from elsewhere may not be on this host.
func check(cfg relay.Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	for i, p := range cfg.Projects {
		if err := checkURLs(p); err != nil {
			return fmt.Errorf("projects[%d]: %w", i, err)
		}
	}
	return nil
}

// checkURLs contacts no server, and makes no file of a store on this host.
func checkURLs(p relay.Project) error {
	host, err := posthogapi.NormalizeHost(p.Host)
	if err != nil {
		return err
	}
	scope := flagcache.Scope{Project: p.Token, Host: host}
	if _, local := open.LocalPath(p.Cache); p.Cache != "" && !local {
		store, err := open.Open(p.Cache, scope)
		if errors.Is(err, flagcache.ErrURL) {
			return err
		}
		if err == nil {
			_ = store.Close() // nothing was written to it
		}
	}
	if p.PublishTo != "" {
		token := func(context.Context) (string, error) { return "", nil } // it is asked for when there is something to publish
		if _, err := open.Publisher(p.PublishTo, scope, token); err != nil {
			return fmt.Errorf("publish_to: %w", err)
		}
	}
	return nil
}
