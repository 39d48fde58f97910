package rediscache

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

var (
	_ flagcache.Diagnoser = (*Store)(nil)
	_ flagcache.Diagnoser = (*Interop)(nil)
)

// Diagnose looks at the server's settings, at this user's rights, and at the
// keys. It writes a key that lasts ten seconds, and says a word on the channel.
func (s *layout) Diagnose(ctx context.Context) []flagcache.Finding {
	var found []flagcache.Finding
	add := func(check string, severity flagcache.Severity, fix, format string, args ...any) {
		found = append(found, flagcache.Finding{Check: check, Severity: severity, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	s.diagnoseServer(ctx, add)
	s.diagnoseRights(ctx, add)
	s.diagnoseKeys(ctx, add)
	return found
}

type adder func(check string, severity flagcache.Severity, fix, format string, args ...any)

func (s *layout) diagnoseServer(ctx context.Context, add adder) {
	info, err := s.info(ctx)
	if err != nil {
		add("server", flagcache.SeverityNote, "allow INFO to this user to have memory, eviction and persistence looked at", "INFO: %v", err)
		return
	}
	version := info["redis_version"]
	if v := info["valkey_version"]; v != "" {
		version = "Valkey " + v
	}
	if role := info["role"]; role == "slave" {
		add("server", flagcache.SeverityError, "connect to the primary, or by redis+sentinel:// or redis+cluster://", "version %s, and a replica: nothing can be written there", version)
	} else {
		add("server", flagcache.SeverityOK, "", "version %s, %s", version, role)
	}
	used, limit := number(info["used_memory"]), number(info["maxmemory"])
	switch {
	case limit > 0 && used*10 > limit*9:
		add("memory", flagcache.SeverityWarning, "raise maxmemory, or find what else fills it", "%d MB of %d MB are used", used>>20, limit>>20)
	case limit > 0:
		add("memory", flagcache.SeverityOK, "", "%d MB of %d MB are used", used>>20, limit>>20)
	default:
		add("memory", flagcache.SeverityOK, "", "%d MB are used, without a limit", used>>20)
	}
	switch policy := info["maxmemory_policy"]; {
	case strings.HasPrefix(policy, "allkeys-"):
		add("eviction", flagcache.SeverityWarning, "set maxmemory-policy to noeviction or volatile-lru, or keep the definitions in another instance",
			"%s: the definitions may be evicted, and are then stored again by the leader", policy)
	case policy != "":
		add("eviction", flagcache.SeverityOK, "", "%s: keys without a lifetime stay", policy)
	}
	switch {
	case info["aof_enabled"] == "1":
		add("persistence", flagcache.SeverityOK, "", "append-only file")
	case number(info["rdb_saves"]) > 0:
		add("persistence", flagcache.SeverityOK, "", "snapshots, %s since the start", info["rdb_saves"])
	default:
		add("persistence", flagcache.SeverityNote, "set appendonly yes, unless one full request to PostHog after a restart is no matter",
			"no append-only file, and no snapshot was taken: a restart loses the definitions")
	}
	if info["rdb_last_bgsave_status"] == "err" {
		add("persistence", flagcache.SeverityWarning, "look at the server's log and disk: it may refuse writes", "the last snapshot failed")
	}
}

func (s *layout) info(ctx context.Context) (map[string]string, error) {
	text, err := s.client.Info(ctx).Result()
	fields := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			fields[name] = value
		}
	}
	return fields, err
}

// diagnoseRights tries what a member of a fleet does, on a key of its own in the
// same slot.
func (s *layout) diagnoseRights(ctx context.Context, add adder) {
	probe := s.keys[len(s.keys)-1] + ":doctor"
	const script = `redis.call('HSET', KEYS[1], 'probe', redis.call('TIME')[1]) redis.call('PEXPIRE', KEYS[1], 10000) return redis.call('DEL', KEYS[1])`
	if err := s.client.Eval(ctx, script, []string{probe}).Err(); err != nil {
		add("writing", flagcache.SeverityWarning, "give this user EVAL, EVALSHA, HSET, HDEL and TIME on hogflags' keys, unless it is only to read", "a script may not write: %v", err)
	} else {
		add("writing", flagcache.SeverityOK, "", "scripts run, and may write")
	}
	took, err := s.pushes(ctx)
	if err != nil {
		add("push", flagcache.SeverityWarning, "give this user SUBSCRIBE and PUBLISH on "+s.channel+"; without them followers notice a change when they look", "%v", err)
		return
	}
	add("push", flagcache.SeverityOK, "", "heard after %v", took.Round(time.Microsecond))
}

// pushes says something on the channel, which makes every member look, and
// waits until it is heard.
func (s *layout) pushes(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	sub := s.client.Subscribe(ctx, s.channel)
	defer func() { _ = sub.Close() }()
	if _, err := sub.ReceiveTimeout(ctx, 3*time.Second); err != nil { // that it listens
		return 0, fmt.Errorf("subscribe: %w", err)
	}
	began := time.Now()
	if err := s.client.Publish(ctx, s.channel, "doctor").Err(); err != nil {
		return 0, fmt.Errorf("publish: %w", err)
	}
	if _, err := sub.ReceiveTimeout(ctx, 3*time.Second); err != nil {
		return 0, fmt.Errorf("nothing is heard: %w", err)
	}
	return time.Since(began), nil
}

func (s *layout) diagnoseKeys(ctx context.Context, add adder) {
	for _, key := range s.keys {
		left, err := s.client.PTTL(ctx, key).Result()
		if err == nil && left > 0 && !strings.HasSuffix(key, ":lock") {
			add("lifetimes", flagcache.SeverityWarning, "PERSIST "+key+", and find who set it", "%s expires in %v", key, left)
		}
	}
	if _, cluster := s.client.(*redis.ClusterClient); cluster {
		return // SCAN sees one node's keys
	}
	const pattern = "posthog:flags:*"
	names, complete, err := s.scan(ctx, pattern)
	if err != nil {
		add("other documents", flagcache.SeverityNote, "allow SCAN to this user to have them looked for", "SCAN: %v", err)
		return
	}
	for _, name := range names {
		if name == s.keys[0] {
			continue
		}
		add("other documents", flagcache.SeverityNote, "to share it with other SDKs, add service_key="+strings.TrimPrefix(name, "posthog:flags:")+" to the URL; else leave it to them",
			"%s is of PostHog's own cache examples, which this store neither reads nor writes", name)
	}
	if !complete {
		add("other documents", flagcache.SeverityNote, "", "only some of the keys were looked at: there are many")
	}
}

// scan looks for documents of PostHog's examples on one server.
func (s *layout) scan(ctx context.Context, pattern string) (names []string, complete bool, err error) {
	client := redis.Cmdable(s.client)
	const rounds, most = 50, 5
	var cursor uint64
	for range rounds {
		keys, next, err := client.Scan(ctx, cursor, pattern, 1000).Result()
		if err != nil {
			return nil, false, err
		}
		for _, key := range keys {
			if strings.Count(key, ":") == 2 && len(names) < most { // not a lock, and not hogflags'
				names = append(names, key)
			}
		}
		if cursor = next; cursor == 0 {
			return names, true, nil
		}
	}
	return names, false, nil
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}
