package loader

import (
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/rules"
)

// QuotaPolicy says what to answer while PostHog refuses definitions because the
// project is over its quota (402). Whatever it says, the definitions and their
// ETag are kept, so that they are back with the first good answer.
type QuotaPolicy uint8

// The policies.
const (
	KeepFlags  QuotaPolicy = iota // go on answering from the last good definitions
	ClearFlags                    // answer as if there were no flags, as PostHog's SDKs do
)

// serving is what evaluations answer from. It does not change.
type serving struct {
	set     *rules.Set
	until   time.Time  // zero: for good
	expired *rules.Set // from then on
}

// noFlags is the set of a project without any, but for overrides.
func noFlags(fixed map[string]flagdef.Override) *rules.Set {
	return rules.Compile((&flagdef.Definitions{}).Override(fixed), rules.Options{})
}

// current is the set to answer from now, nil if there is none.
func (k *keeper) current() *rules.Set {
	s := k.serving.Load()
	switch {
	case s == nil:
		return nil
	case s.tooOld():
		return s.expired
	}
	return s.set
}

// tooOld reports whether the definitions have expired by now. It reads the clock
// only if they can.
func (s *serving) tooOld() bool {
	return s != nil && !s.until.IsZero() && time.Now().After(s.until)
}

// serveLocked makes what is known the thing to answer from.
func (k *keeper) serveLocked() {
	compiled := k.rules.Load()
	if compiled == nil {
		return
	}
	next := serving{set: compiled}
	if k.cleared {
		next.set = k.none
	}
	if k.maxAge > 0 && !k.cleared && !k.held.CheckedAt.IsZero() {
		next.until = k.held.CheckedAt.Add(k.maxAge)
		next.expired = compiled.Withheld(rules.Missing{Kind: rules.Freshness, Name: k.maxAge.String()}, k.overridden)
	}
	if now := k.serving.Load(); now == nil || now.set != next.set || !now.until.Equal(next.until) {
		k.serving.Store(&next)
	}
}

// overridden flags do not depend on the definitions.
func (k *keeper) overridden(key string) bool {
	_, ok := k.fixed[key]
	return ok
}

// quotaLocked heeds what upstream said about the quota: limited, or a good
// answer. Any other failure leaves it as it was, as it does in PostHog's SDKs.
func (k *keeper) quotaLocked(limited bool) {
	if k.onQuota == ClearFlags {
		k.cleared = limited
	}
}

func quotaLimited(err error) bool { return causeOf(err) == flagcache.CauseQuota }
