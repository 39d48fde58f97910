package rediscache

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// DiscardLogs stops go-redis from writing to standard error, in the whole
// process. It is for programs that report errors themselves: whatever goes wrong
// comes back as an error, too. Call it before a store is opened.
func DiscardLogs() { redis.SetLogger(silent{}) }

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
