// Package open opens a store by URL. It is the one place that imports every
// backend: a program that knows its store imports that one alone.
package open

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cloudflarekv"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
	"github.com/hogflags/hogflags/flagcache/filecache"
	"github.com/hogflags/hogflags/flagcache/internal/localfs"
	"github.com/hogflags/hogflags/flagcache/memorycache"
	"github.com/hogflags/hogflags/flagcache/pgcache"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/flagcache/sqlitecache"
)

// Store is a store that owns its connections. If the backend pushes, it is a
// [flagcache.Watcher] too.
type Store interface {
	flagcache.Store
	io.Closer
}

// Schemes are the URLs that Open takes, for a usage message.
const Schemes = "memory:, file:FOLDER, sqlite:FILE, redis://, rediss://, redis+cluster://, redis+sentinel://, postgres://, dynamodb://"

// Open opens the store at rawURL for scope. A malformed URL is a
// [flagcache.ErrURL]. What is on this host is looked at: a folder that is missing
// or not this user's is an error at once. A server is contacted when the store is
// used, so that a program starts while its store is down; to find out now, call
// Record. Errors do not contain the URL's password.
//
//	memory:                                          this process alone
//	file:FOLDER                                      the processes of one host; absolute or relative
//	sqlite:FILE                                      likewise, in a database
//	redis://user:password@host:6379/0                also rediss, redis+cluster, redis+sentinel
//	redis://host:6379/0?service_key=NAME             the same, shared with PostHog's SDKs in other languages
//	postgres://user:password@host/db?create_table=true
//	dynamodb://TABLE?region=eu-west-1                with the credentials of AWS's own settings; also create_table=true
func Open(rawURL string, scope flagcache.Scope) (Store, error) {
	scheme, _, _ := strings.Cut(rawURL, ":")
	switch scheme {
	case "memory":
		s, err := memorycache.New(scope)
		if err != nil {
			return nil, err
		}
		return memory{s}, nil
	case "file":
		return opened(filecache.Open(rawURL, scope))
	case "sqlite":
		return opened(sqlitecache.Open(rawURL, scope))
	case "redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel":
		return opened(rediscache.Open(rawURL, scope))
	case "postgres", "postgresql":
		return opened(pgcache.Open(rawURL, scope))
	case "dynamodb":
		return opened(dynamocache.Open(rawURL, scope))
	case cloudflarekv.Scheme:
		return nil, fmt.Errorf("open store: %w: what %s:// names is published to, by hogflags sync, and has no leader", flagcache.ErrURL, cloudflarekv.Scheme)
	}
	return nil, fmt.Errorf("open store: %w: want one of %s", flagcache.ErrURL, Schemes)
}

// LocalPath is the file or folder of this host that a URL names; false if it
// names none. Open makes it if it is missing.
func LocalPath(rawURL string) (path string, ok bool) {
	scheme, _, _ := strings.Cut(rawURL, ":")
	if scheme != "file" && scheme != "sqlite" {
		return "", false
	}
	path, err := localfs.Path(scheme, rawURL)
	return path, err == nil
}

type memory struct{ *memorycache.Store }

// Close does nothing: the memory is the garbage collector's.
func (memory) Close() error { return nil }

func opened[S Store](s S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Publishes reports whether a URL names a place for Publisher.
func Publishes(rawURL string) bool { return strings.HasPrefix(rawURL, cloudflarekv.Scheme+":") }

// Publisher makes the publisher of a URL. It does no I/O. A malformed URL is a
// [flagcache.ErrURL]. token is asked for each request; nil: the environment's.
//
//	cloudflare-kv://ACCOUNT/NAMESPACE   with an API token, CLOUDFLARE_API_TOKEN
func Publisher(rawURL string, scope flagcache.Scope, token func(context.Context) (string, error)) (flagcache.Publisher, error) {
	p, err := cloudflarekv.Open(rawURL, scope, token)
	if err != nil {
		return nil, err
	}
	return p, nil
}
