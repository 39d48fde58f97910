package rediscache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// silence is how long a watch believes in a connection that says nothing; half
// of it later the connection is asked.
const silence = 10 * time.Second

// Watch subscribes to the channel. It holds one connection of the client's.
func (s *layout) Watch(ctx context.Context, hint func()) error {
	sub := s.client.Subscribe(ctx, s.channel)
	defer func() { _ = sub.Close() }()
	// A read is not interrupted by a context, only by closing its connection.
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() })
	defer stop()
	asked := false
	for {
		msg, err := sub.ReceiveTimeout(ctx, silence)
		var timeout net.Error
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &timeout) && timeout.Timeout() && !asked:
			if err := sub.Ping(ctx); err != nil {
				return fmt.Errorf("watch redis: %w", err)
			}
			asked = true
			continue
		case err != nil:
			return fmt.Errorf("watch redis: %w", err)
		}
		asked = false
		if _, pong := msg.(*redis.Pong); !pong {
			hint()
		}
	}
}
