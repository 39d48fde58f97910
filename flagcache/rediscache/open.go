package rediscache

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

// Owned is a store with a client of its own.
type Owned struct{ *Store }

// Close closes the client.
func (o Owned) Close() error { return o.client.Close() }

// Open connects by URL. The schemes are redis and rediss for one server;
// redis+cluster and rediss+cluster, with more nodes as addr parameters;
// redis+sentinel and rediss+sentinel, with more sentinels as addr parameters
// and the master's name as master_name. Other parameters are go-redis's. ctx
// bounds the first contact, which must succeed.
func Open(ctx context.Context, rawURL string, scope flagcache.Scope) (Owned, error) {
	client, err := connect(rawURL)
	if err != nil {
		return Owned{}, err
	}
	store, err := New(client, scope)
	if err == nil {
		_, err = store.Record(ctx)
	}
	if err != nil {
		_ = client.Close()
		return Owned{}, fmt.Errorf("open redis store: %w", err)
	}
	return Owned{store}, nil
}

func connect(rawURL string) (redis.UniversalClient, error) {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	base, kind, _ := strings.Cut(scheme, "+")
	plain := base + "://" + rest
	switch kind {
	case "":
		o, err := redis.ParseURL(plain)
		if err != nil {
			return nil, urlError(err)
		}
		o.ContextTimeoutEnabled = true
		return redis.NewClient(o), nil
	case "cluster":
		o, err := redis.ParseClusterURL(plain)
		if err != nil {
			return nil, urlError(err)
		}
		o.ContextTimeoutEnabled = true
		return redis.NewClusterClient(o), nil
	case "sentinel":
		o, err := redis.ParseFailoverURL(plain)
		if err != nil {
			return nil, urlError(err)
		}
		o.ContextTimeoutEnabled = true
		return redis.NewFailoverClient(o), nil
	}
	return nil, fmt.Errorf("open redis store: unknown scheme %q, want redis, rediss, redis+cluster or redis+sentinel", scheme)
}

// urlError drops the URL from a parse error: it may hold a password.
func urlError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("open redis store: malformed URL: %w", err)
}
