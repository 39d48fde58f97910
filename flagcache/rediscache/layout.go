package rediscache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

// layout is what the ways of keeping things in Redis have in common: steps.lua,
// followed by a script that says where things are kept.
type layout struct {
	client redis.UniversalClient
	scope  flagcache.Scope
	script *redis.Script

	keys    []string // that every step takes
	fixed   []any    // arguments that every step takes
	channel string
}

// Scope is whose definitions these are.
func (s *layout) Scope() flagcache.Scope { return s.scope }

// Record reads everything but the document.
func (s *layout) Record(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, "record")
}

// Acquire asks for the lease.
func (s *layout) Acquire(ctx context.Context, bid flagcache.Bid, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "acquire", bid.Token, bid.Holder, bid.Seen, bid.Salt, ttl.Microseconds())
}

// Renew prolongs the lease.
func (s *layout) Renew(ctx context.Context, claim flagcache.Claim, ttl time.Duration) (flagcache.Record, error) {
	return s.step(ctx, "renew", claim.Token, claim.Epoch, ttl.Microseconds())
}

// Release frees the lease.
func (s *layout) Release(ctx context.Context, claim flagcache.Claim) (flagcache.Record, error) {
	return s.step(ctx, "release", claim.Token, claim.Epoch)
}

// Fail records that upstream could not be read.
func (s *layout) Fail(ctx context.Context, claim flagcache.Claim, f flagcache.Failure) (flagcache.Record, error) {
	return s.step(ctx, "fail", claim.Token, claim.Epoch, f.Epoch, f.Seq, string(f.Cause), f.Count, micros(f.NotBefore))
}

// RequestReload asks the leader to poll now.
func (s *layout) RequestReload(ctx context.Context) (flagcache.Record, error) {
	return s.step(ctx, "reload")
}

// step runs one step of the script on the keys of every step.
func (s *layout) step(ctx context.Context, name string, args ...any) (flagcache.Record, error) {
	return s.decoded(name, s.run(ctx, s.keys, name, args...))
}

func (s *layout) run(ctx context.Context, keys []string, name string, args ...any) *redis.Cmd {
	if err := ctx.Err(); err != nil {
		cmd := redis.NewCmd(ctx)
		cmd.SetErr(err)
		return cmd
	}
	return s.script.Run(ctx, s.client, keys, slices.Concat([]any{s.channel, name}, s.fixed, args)...)
}

func (s *layout) decoded(name string, cmd *redis.Cmd) (flagcache.Record, error) {
	reply, err := cmd.StringSlice()
	if err != nil {
		return flagcache.Record{}, failed(name, err)
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

func failed(name string, err error) error {
	if strings.Contains(err.Error(), "service key in use") { // as interop.lua says it
		err = errInUse
	}
	return fmt.Errorf("%s in redis: %w", name, err)
}
