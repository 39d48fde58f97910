package pgcache

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// silence is how long a watch believes in a connection that says nothing.
const silence = 15 * time.Second

// Watch listens on a connection of its own, outside of the pool. Behind a
// transaction-mode pooler nothing comes, and the coordinator's looks do.
func (s *Store) Watch(ctx context.Context, hint func()) error {
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig.Copy())
	if err != nil {
		return s.ended(ctx, "connect", err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.channel}.Sanitize()); err != nil {
		return s.ended(ctx, "listen", err)
	}
	hint()
	for {
		wait, cancel := context.WithTimeout(ctx, silence)
		_, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			hint()
		case ctx.Err() == nil && pgconn.Timeout(err):
			ask, cancel := context.WithTimeout(ctx, silence)
			err := conn.Ping(ask)
			cancel()
			if err != nil {
				return s.ended(ctx, "ping", err)
			}
		default:
			return s.ended(ctx, "wait", err)
		}
	}
}

// ended is nil if the watch ended because its context did.
func (s *Store) ended(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("watch postgres: %s: %w", what, explain(err))
}
