package resolve

import (
	"fmt"
	"sync"

	"github.com/hogflags/hogflags/rules"
)

// maxUnknown bounds the keys that are remembered: they may come from outside.
const maxUnknown = 10_000

// unknown remembers the keys that neither the definitions nor PostHog knew,
// until the definitions are refreshed.
type unknown struct {
	mu      sync.RWMutex
	refresh uint64
	keys    map[scoped]struct{}
}

// scoped is a key with all else that decides whether PostHog knows it.
type scoped struct {
	key      string
	runtime  rules.Runtime
	contexts string
}

func scope(key string, s *rules.Subject) scoped {
	k := scoped{key: key, runtime: s.Runtime}
	if len(s.Contexts) > 0 {
		k.contexts = fmt.Sprintf("%q", s.Contexts)
	}
	return k
}

func (u *unknown) has(refresh uint64, key scoped) bool {
	u.mu.RLock()
	defer u.mu.RUnlock()
	_, ok := u.keys[key]
	return ok && u.refresh == refresh
}

func (u *unknown) add(refresh uint64, key scoped) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case refresh < u.refresh:
		return // what was learned before a refresh says nothing after it
	case refresh > u.refresh:
		u.refresh, u.keys = refresh, nil
	}
	if u.keys == nil {
		u.keys = map[scoped]struct{}{}
	}
	if len(u.keys) < maxUnknown {
		u.keys[key] = struct{}{}
	}
}
