package rediscache

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/storeurl"
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
	u, parameters, err := storeurl.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("open redis store: %w", err)
	}
	interop, serviceKey := parameters.Has("service_key"), parameters.Get("service_key")
	if interop {
		parameters.Del("service_key")
		u.RawQuery = parameters.Encode()
	}
	client, err := connect(u)
	if err != nil {
		return nil, fmt.Errorf("open redis store: %w", err)
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

// connect makes the client that the scheme asks for.
func connect(u *url.URL) (redis.UniversalClient, error) {
	base, kind, _ := strings.Cut(u.Scheme, "+")
	plain := *u
	plain.Scheme = base
	address := plain.String()
	switch kind {
	case "":
		o, err := redis.ParseURL(address)
		if err != nil {
			return nil, storeurl.Detail(u, err)
		}
		o.ContextTimeoutEnabled = true
		return redis.NewClient(o), nil
	case "cluster":
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, storeurl.Detail(u, err)
		}
		o.ContextTimeoutEnabled = true
		return redis.NewClusterClient(o), nil
	case "sentinel":
		o, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, storeurl.Detail(u, err)
		}
		o.ContextTimeoutEnabled = true
		return redis.NewFailoverClient(o), nil
	}
	return nil, fmt.Errorf("%w: unknown scheme %q, want redis, rediss, redis+cluster or redis+sentinel", flagcache.ErrURL, u.Scheme)
}
