// Package rediscache keeps flag definitions in Redis or Valkey: one server,
// Sentinel or Cluster, through the application's own client.
//
// Each scope has some hashes in one slot, hogflags:{KEY}:entry, :lease, :pin and
// :former0 to :former9, and a channel, hogflags:{KEY}:changes. Every step is one
// script on the server's clock. See docs/stores/redis.md for what is guaranteed.
package rediscache

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

var (
	//go:embed steps.lua
	stepsSource string
	//go:embed native.lua
	nativeSource string
)

// Store is a [flagcache.Store], [flagcache.Watcher] and [flagcache.Pinner]. It
// is safe for concurrent use.
type Store struct {
	layout
	former []string // the keys of former entries, after those of the layout
}

var (
	_ flagcache.Store   = (*Store)(nil)
	_ flagcache.Watcher = (*Store)(nil)
	_ flagcache.Pinner  = (*Store)(nil)
)

// New returns a store for scope. The client stays the caller's to close. It is
// best set up with ContextTimeoutEnabled, so that calls end with their context.
func New(client redis.UniversalClient, scope flagcache.Scope) (*Store, error) {
	if client == nil {
		return nil, errors.New("open redis store: no client")
	}
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open redis store: %w", err)
	}
	prefix := "hogflags:{" + scope.Key() + "}:"
	s := &Store{layout: layout{
		client:  client,
		scope:   scope.Canonical(),
		script:  redis.NewScript(stepsSource + nativeSource),
		keys:    []string{prefix + "entry", prefix + "lease", prefix + "pin"},
		channel: prefix + "changes",
	}}
	for i := range flagcache.MaxFormer {
		s.former = append(s.former, fmt.Sprint(prefix, "former", i))
	}
	return s, nil
}

// Save stores the entry.
func (s *Store) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	args := append(observation(claim, e.Head), e.Schema, e.Project, e.Host, e.Body)
	return s.decoded("save", s.run(ctx, s.allKeys(), "save", args...))
}

// Confirm gives the stored document a newer head.
func (s *Store) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return s.step(ctx, "confirm", observation(claim, h)...)
}

func (s *Store) allKeys() []string { return slices.Concat(s.keys, s.former) }

// Load reads the entry. It is one plain command, so a client that is set up to
// read from replicas may read an older entry there, which does no harm.
func (s *Store) Load(ctx context.Context) (*flagcache.Entry, error) { return s.load(ctx, s.keys[0]) }

func (s *Store) load(ctx context.Context, key string) (*flagcache.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("load from redis: %w", err)
	}
	v, err := s.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("load from redis: %w", err)
	}
	if v["revision"] == "" && v["body"] == "" { // also a pin that pins nothing
		return nil, flagcache.ErrNotFound
	}
	return decodeEntry(v)
}
