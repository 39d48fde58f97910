package rediscache

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

// Owned is a store with a client of its own, which Close closes. Without a
// service key it is a [flagcache.Pinner], too.
type Owned interface {
	flagcache.Store
	flagcache.Watcher
	io.Closer
}

type ownedStore struct{ *Store }

func (o ownedStore) Close() error { return o.client.Close() }

type ownedInterop struct{ *Interop }

func (o ownedInterop) Close() error { return o.client.Close() }

// Open returns a store by URL. The schemes are redis and rediss for one server;
// redis+cluster and rediss+cluster, with more nodes as addr parameters;
// redis+sentinel and rediss+sentinel, with more sentinels as addr parameters
// and the master's name as master_name. With service_key the store is an
// [Interop]. Other parameters are go-redis's. Nothing is contacted yet: what is
// wrong with the URL is a [flagcache.ErrURL], and whether the server answers, and
// lets this user in, is what every method says.
func Open(rawURL string, scope flagcache.Scope) (Owned, error) {
	rest, serviceKey, interop := takeServiceKey(rawURL)
	client, err := connect(rest)
	if err != nil {
		return nil, err
	}
	var store Owned
	if interop {
		var s *Interop
		if s, err = NewInterop(client, scope, serviceKey); err != nil {
			err = fmt.Errorf("%w: %w", flagcache.ErrURL, err)
		}
		store = ownedInterop{s}
	} else {
		var s *Store
		s, err = New(client, scope)
		store = ownedStore{s}
	}
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	return store, nil
}

// takeServiceKey takes the parameter out of a URL; what is malformed in the rest
// is left to go-redis.
func takeServiceKey(rawURL string) (rest, key string, found bool) {
	before, query, ok := strings.Cut(rawURL, "?")
	values, err := url.ParseQuery(query)
	if !ok || err != nil || !values.Has("service_key") {
		return rawURL, "", false
	}
	key = values.Get("service_key")
	values.Del("service_key")
	if len(values) == 0 {
		return before, key, true
	}
	return before + "?" + values.Encode(), key, true
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
	return nil, fmt.Errorf("open redis store: %w: unknown scheme %q, want redis, rediss, redis+cluster or redis+sentinel", flagcache.ErrURL, scheme)
}

// urlError drops the URL from a parse error: it may hold a password.
func urlError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return fmt.Errorf("open redis store: %w: %w", flagcache.ErrURL, err)
}
