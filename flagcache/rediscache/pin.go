package rediscache

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// SetPin decides what is served.
func (s *Store) SetPin(ctx context.Context, p flagcache.Pin, doc *flagcache.Entry) (flagcache.Record, error) {
	args := []any{p.Number, p.Revision.String(), p.By, p.Why, micros(p.At), p.Signature}
	if doc != nil {
		args = append(args, "epoch", doc.Epoch, "seq", doc.Seq, "revision", doc.Revision.String(), "etag", doc.ETag,
			"fetched", micros(doc.FetchedAt), "checked", micros(doc.CheckedAt), "signature", doc.Signature,
			"schema", doc.Schema, "project", doc.Project, "host", doc.Host, "body", doc.Body)
	}
	return s.step(ctx, "pin", args...)
}

// History lists the current document and those before it.
func (s *Store) History(ctx context.Context) ([]flagcache.Version, error) {
	reply, err := s.run(ctx, s.allKeys(), "history").StringSlice()
	if err != nil {
		return nil, fmt.Errorf("read history from redis: %w", err)
	}
	const fields = 9
	if len(reply) != fields*(1+flagcache.MaxFormer) {
		return nil, fmt.Errorf("read history from redis: %w", errReply)
	}
	var list []flagcache.Version
	d := decoder{}
	for v := range slices.Chunk(reply, fields) {
		if v[2] == "" {
			continue
		}
		list = append(list, flagcache.Version{
			Head: flagcache.Head{
				Position: flagcache.Position{Epoch: d.number(v[0]), Seq: d.number(v[1])},
				Revision: d.revision(v[2]), ETag: v[3],
				FetchedAt: d.time(v[4]), CheckedAt: d.time(v[5]), Signature: v[6],
			},
			ReplacedAt: d.time(cmp.Or(v[7], "0")),
			Bytes:      int(d.number(v[8])),
		})
	}
	if d.bad {
		return nil, fmt.Errorf("read history from redis: %w", errReply)
	}
	slices.SortFunc(list, func(a, b flagcache.Version) int {
		if a.ReplacedAt.IsZero() != b.ReplacedAt.IsZero() {
			return cmp.Compare(a.ReplacedAt.UnixMicro(), b.ReplacedAt.UnixMicro()) // the current one first
		}
		return b.Compare(a.Position)
	})
	return list, nil
}

// LoadRevision reads a document that is pinned, current or former. It looks
// where that is first, so documents move only if they are wanted.
func (s *Store) LoadRevision(ctx context.Context, r flagdef.Revision) (*flagcache.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("load revision from redis: %w", err)
	}
	keys := append([]string{s.keys[2], s.keys[0]}, s.former...)
	found := make([]*redis.SliceCmd, len(keys))
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range keys {
			found[i] = pipe.HMGet(ctx, key, "revision")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load revision from redis: %w", err)
	}
	want := hex.EncodeToString(r[:])
	for i, key := range keys {
		if v := found[i].Val(); len(v) != 1 || v[0] != any(want) {
			continue
		}
		// It may have moved on meanwhile: then another place has it.
		if e, err := s.load(ctx, key); err != nil || e.Revision == r {
			return e, err
		}
	}
	return nil, flagcache.ErrNotFound
}
