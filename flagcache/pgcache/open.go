package pgcache

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/storeurl"
)

// Owned is a store with a pool of its own.
type Owned struct{ *Store }

// Close closes the pool.
func (o Owned) Close() error {
	o.pool.Close()
	return nil
}

// idlePing is how long a connection lies idle before it is asked whether it is
// still there. A process looks every 2 s: with pgx's own 1 s each look would make
// two journeys. See Store.ask for connections that break in between.
const idlePing = 30 * time.Second

// Open returns a store by URL, postgres://…, with pgx's parameters.
// create_table=true creates the table when it turns out to be missing. Nothing is
// contacted yet: what is wrong with the URL is a [flagcache.ErrURL], and whether
// the server answers, and lets this user in, is what every method says.
func Open(rawURL string, scope flagcache.Scope) (Owned, error) {
	u, q, err := storeurl.Parse(rawURL)
	if err != nil {
		return Owned{}, fmt.Errorf("open postgres store: %w", err)
	}
	create := q.Get("create_table")
	if create != "" && create != "true" && create != "false" {
		return Owned{}, fmt.Errorf("open postgres store: %w: create_table is true or false", flagcache.ErrURL)
	}
	q.Del("create_table")
	u.RawQuery = q.Encode()
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return Owned{}, fmt.Errorf("open postgres store: %w", storeurl.Detail(u, err)) // pgx redacts the password
	}
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return p.IdleDuration > idlePing }
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		return Owned{}, fmt.Errorf("open postgres store: %w", err)
	}
	store, err := New(pool, scope)
	if err != nil {
		pool.Close()
		return Owned{}, err
	}
	store.create = create == "true"
	return Owned{store}, nil
}
