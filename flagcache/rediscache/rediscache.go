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
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

//go:embed store.lua
var source string

// Store is a [flagcache.Store], [flagcache.Watcher] and [flagcache.Pinner]. It
// is safe for concurrent use.
type Store struct {
	client redis.UniversalClient
	scope  flagcache.Scope
	script *redis.Script

	keys    []string // entry, lease, pin, and where former entries are
	channel string
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
	keys := []string{prefix + "entry", prefix + "lease", prefix + "pin"}
	for i := range flagcache.MaxFormer {
		keys = append(keys, fmt.Sprint(prefix, "former", i))
	}
	return &Store{
		client:  client,
		scope:   scope.Canonical(),
		script:  redis.NewScript(source),
		keys:    keys,
		channel: prefix + "changes",
	}, nil
}

// Scope is whose definitions these are.
func (s *Store) Scope() flagcache.Scope { return s.scope }

// Record reads everything but the document.
func (s *Store) Record(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, "record")
}

// Acquire asks for the lease.
func (s *Store) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "acquire", bid.Token, bid.Holder, bid.Seen, bid.Salt, ttl.Microseconds())
}

// Renew prolongs the lease.
func (s *Store) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "renew", claim.Token, claim.Epoch, ttl.Microseconds())
}

// Release frees the lease.
func (s *Store) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return s.step(ctx, "release", claim.Token, claim.Epoch)
}

// Save stores the entry.
func (s *Store) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	args := append(observation(claim, e.Head), e.Schema, e.Project, e.Host, e.Body)
	return s.decoded("save", s.run(ctx, s.keys, "save", args...))
}

// Confirm gives the stored document a newer head.
func (s *Store) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	return s.step(ctx, "confirm", observation(claim, h)...)
}

// Fail records that upstream could not be read.
func (s *Store) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return s.step(ctx, "fail", claim.Token, claim.Epoch, f.Epoch, f.Seq, string(f.Cause), f.Count, micros(f.NotBefore))
}

// RequestReload asks the leader to poll now.
func (s *Store) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, "reload")
}

// step runs one step of the script that leaves former entries alone.
func (s *Store) step(ctx context.Context, name string, args ...any) (flagcache.Record, error) {
	return s.decoded(name, s.run(ctx, s.keys[:3], name, args...))
}

func (s *Store) run(ctx context.Context, keys []string, name string, args ...any) *redis.Cmd {
	if err := ctx.Err(); err != nil {
		cmd := redis.NewCmd(ctx)
		cmd.SetErr(err)
		return cmd
	}
	return s.script.Run(ctx, s.client, keys, append([]any{s.channel, name}, args...)...)
}

func (s *Store) decoded(name string, cmd *redis.Cmd) (flagcache.Record, error) {
	reply, err := cmd.StringSlice()
	if err != nil {
		return flagcache.Record{}, fmt.Errorf("%s in redis: %w", name, err)
	}
	rec, err := decode(reply)
	if err != nil && !errors.Is(err, errReply) {
		return rec, err
	}
	if err != nil {
		return flagcache.Record{}, fmt.Errorf("%s in redis: %w", name, err)
	}
	return rec, nil
}

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
