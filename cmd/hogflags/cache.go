package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/open"
	"github.com/hogflags/hogflags/posthogapi"
)

// openTimeout bounds the first contact with a store.
const openTimeout = 10 * time.Second

// cache is a fleet's store, for one project.
type cache struct {
	Cache    string `env:"HOGFLAGS_CACHE" placeholder:"URL" help:"The store: file:FOLDER, sqlite:FILE, redis://HOST:PORT, postgres://USER:PASSWORD@HOST/DB, dynamodb://TABLE. With a password better in the environment."`
	project  `embed:""`
	keyFiles `embed:""`
}

// store opens the store, or its signed view if there are keys, and makes sure
// that it answers.
func (c *cache) store(ctx context.Context) (open.Store, error) {
	store, err := c.openStore()
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if _, err := store.Record(bounded); err != nil {
		_ = store.Close() // nothing was written to it
		return nil, &stop{code: exitStore, err: fmt.Errorf("reach the store: %w", err)}
	}
	return store, nil
}

// there makes sure that a store on this host is there already, for commands that
// look at one or decide about it: opening would make what a slip of the pen names.
func (c *cache) there() error {
	path, ok := open.LocalPath(c.Cache)
	if !ok {
		return nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &stop{code: exitStore, err: fmt.Errorf("there is no %s: nothing was stored there yet, or --cache names another place", path)}
	}
	return nil
}

// openStore opens the store, whether or not its server answers.
func (c *cache) openStore() (open.Store, error) {
	switch {
	case c.Cache == "":
		return nil, badInput("", "no store: name it by --cache or HOGFLAGS_CACHE, as one of %s", open.Schemes)
	case c.ProjectToken == "":
		return nil, badInput("", "no project: name it by --project-token or POSTHOG_PROJECT_API_KEY")
	}
	keys, signed, err := c.keys()
	if err != nil {
		return nil, err
	}
	host, err := posthogapi.NormalizeHost(c.Host)
	if err != nil {
		return nil, badInput("", "%w", err)
	}
	store, err := open.Open(c.Cache, flagcache.Scope{Project: c.ProjectToken, Host: host})
	if errors.Is(err, flagcache.ErrURL) {
		return nil, badInput("", "%w", err)
	}
	if err != nil {
		return nil, &stop{code: exitStore, err: err}
	}
	if !signed {
		return store, nil
	}
	return flagcache.NewSigned(store, keys)
}

// ago is how long ago something was, for a person.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(max(0, d).Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}

// clock is a time of day, for a person.
func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
