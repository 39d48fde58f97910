package pgcache

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/hogflags/hogflags/flagcache"
)

// Owned is a store with a pool of its own.
type Owned struct{ *Store }

// Close closes the pool.
func (o Owned) Close() error {
	o.pool.Close()
	return nil
}

// Open connects by URL, postgres://…, with pgx's parameters. create_table=true
// creates the table. ctx bounds the first contact, which must succeed.
func Open(ctx context.Context, rawURL string, scope flagcache.Scope) (Owned, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return Owned{}, errors.New("open postgres store: malformed URL") // it may hold a password
	}
	q := u.Query()
	create := q.Get("create_table") == "true"
	q.Del("create_table")
	u.RawQuery = q.Encode()
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return Owned{}, fmt.Errorf("open postgres store: %w", err) // pgx redacts the password
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return Owned{}, fmt.Errorf("open postgres store: %w", err)
	}
	store, err := New(pool, scope)
	if err == nil && create {
		err = CreateTable(ctx, pool)
	}
	if err == nil {
		_, err = store.Record(ctx)
	}
	if err != nil {
		pool.Close()
		return Owned{}, fmt.Errorf("open postgres store: %w", err)
	}
	return Owned{store}, nil
}
