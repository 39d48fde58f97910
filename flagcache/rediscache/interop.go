package rediscache

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
)

//go:embed interop.lua
var interopSource string

// Interop is a [flagcache.Store] and [flagcache.Watcher] in the layout of the
// cache examples of PostHog's Python and Ruby SDKs: processes in other languages
// read what hogflags stores, and one of theirs may lead. Its promises are weaker
// than those of [Store], see docs/stores/redis.md, and it keeps neither pins nor
// former documents nor signatures. It is safe for concurrent use.
type Interop struct{ layout }

var (
	_ flagcache.Store   = (*Interop)(nil)
	_ flagcache.Watcher = (*Interop)(nil)
)

// NewInterop returns a store for scope under a service key, the same one that
// the other SDKs are given. A service key is one project's. In a cluster it
// needs a hash tag, as in "{checkout}". The client stays the caller's to close.
func NewInterop(client redis.UniversalClient, scope flagcache.Scope, serviceKey string) (*Interop, error) {
	if client == nil {
		return nil, errors.New("open redis store: no client")
	}
	if err := scope.Validate(); err != nil {
		return nil, fmt.Errorf("open redis store: %w", err)
	}
	if err := checkServiceKey(client, serviceKey); err != nil {
		return nil, fmt.Errorf("open redis store: %w", err)
	}
	document := "posthog:flags:" + serviceKey
	own := document + ":hogflags"
	return &Interop{layout{
		client:  client,
		scope:   scope.Canonical(),
		script:  redis.NewScript(stepsSource + interopSource),
		keys:    []string{document, document + ":lock", own},
		fixed:   []any{scope.Key()},
		channel: own + ":changes",
	}}, nil
}

func checkServiceKey(client redis.UniversalClient, key string) error {
	if key == "" || len(key) > 200 || strings.ContainsFunc(key, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("service_key %q: want 1 to 200 characters without blanks, the same as the other SDKs have", key)
	}
	_, tag, _ := strings.Cut(key, "{")
	tag, _, closed := strings.Cut(tag, "}")
	switch client.(type) {
	case *redis.ClusterClient, *redis.Ring:
		if !closed || tag == "" {
			return fmt.Errorf("service_key %q: in a cluster its document and lock would lie on different nodes: give it a hash tag, {%s}, here and in the other SDKs", key, key)
		}
	}
	return nil
}

// Unsigned says why nothing that is signed can be kept here.
func (s *Interop) Unsigned() error { return errSigned }

// Save stores the entry.
func (s *Interop) Save(ctx context.Context, claim flagcache.Claim, e *flagcache.Entry) (flagcache.Record, error) {
	if e.Signature != "" {
		return flagcache.Record{}, fmt.Errorf("save in redis: %w", errSigned)
	}
	value, err := splice(e)
	if err != nil {
		return flagcache.Record{}, fmt.Errorf("save in redis: %w", err)
	}
	return s.step(ctx, "save", append(observation(claim, e.Head), value)...)
}

var (
	errForeignLeader = errors.New("the lock is held by another SDK, which cannot be asked: it polls at its own interval")
	errInUse         = errors.New("the service key is in use for another project or host: choose another, or delete the document under it if that project is gone")
	errSigned        = errors.New("the layout with a service key keeps no signatures: other SDKs write there unsigned")
)

// Confirm gives the stored document a newer head.
func (s *Interop) Confirm(ctx context.Context, claim flagcache.Claim, h flagcache.Head) (flagcache.Record, error) {
	if h.Signature != "" {
		return flagcache.Record{}, fmt.Errorf("confirm in redis: %w", errSigned)
	}
	return s.step(ctx, "confirm", append(observation(claim, h), headText(h))...)
}

// Load reads the entry. A document of another SDK's is one without an ETag and
// without times, of which the position orders it among entries.
func (s *Interop) Load(ctx context.Context) (*flagcache.Entry, error) {
	reply, err := s.run(ctx, s.keys, "load").Slice()
	if err != nil {
		return nil, failed("load", err)
	}
	rec, value, foreign, err := decodeLoad(reply)
	switch {
	case err != nil:
		return nil, fmt.Errorf("load from redis: %w", err)
	case !rec.Head.Exists():
		return nil, flagcache.ErrNotFound
	case foreign:
		e := flagcache.NewEntry(s.scope, value, "")
		e.Position = rec.Head.Position
		return e, nil
	}
	e, err := strip(value)
	if err != nil {
		// The next step sees it as another SDK's.
		if _, err := s.step(ctx, "disown", rec.Head.Revision.String()); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: the document was changed under its head", flagcache.ErrBadEntry)
	}
	return e, nil
}

func decodeLoad(reply []any) (rec flagcache.Record, value []byte, foreign bool, err error) {
	if len(reply) != 3 {
		return rec, nil, false, errReply
	}
	parts, _ := reply[0].([]any)
	fields := make([]string, len(parts))
	for i, part := range parts {
		fields[i], _ = part.(string)
	}
	text, _ := reply[1].(string)
	rec, err = decode(fields)
	return rec, []byte(text), reply[2] == "foreign", err
}
