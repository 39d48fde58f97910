package pgcache

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

// row is a record as the columns have it; all are null where there is no row.
type row struct {
	holder, etag, signature, cause                        *string
	leaseEpoch, epoch, seq, failEpoch, failSeq, number    *int64
	count                                                 *int32
	expires, fetched, checked, notBefore, asked, pinnedAt *time.Time
	revision, pinned                                      []byte
	by, why, pinSignature                                 *string
}

func scanRecord(r pgx.Row) (answer string, rec flagcache.Record, err error) {
	var v row
	var now time.Time
	var notified int64
	err = r.Scan(&answer, &now, &notified,
		&v.holder, &v.leaseEpoch, &v.expires, &v.epoch, &v.seq, &v.revision, &v.etag, &v.fetched, &v.checked, &v.signature,
		&v.failEpoch, &v.failSeq, &v.cause, &v.count, &v.notBefore, &v.asked,
		&v.number, &v.pinned, &v.by, &v.why, &v.pinnedAt, &v.pinSignature)
	if err != nil {
		return "", rec, err
	}
	return answer, flagcache.Record{
		Now:   now.UTC(),
		Lease: flagcache.Lease{Holder: or(v.holder), Epoch: uint64(or(v.leaseEpoch)), Expires: utc(v.expires)},
		Head: flagcache.Head{
			Position:  flagcache.Position{Epoch: uint64(or(v.epoch)), Seq: uint64(or(v.seq))},
			Revision:  revision(v.revision),
			ETag:      or(v.etag),
			FetchedAt: utc(v.fetched),
			CheckedAt: utc(v.checked),
			Signature: or(v.signature),
		},
		Failure: flagcache.Failure{
			Position:  flagcache.Position{Epoch: uint64(or(v.failEpoch)), Seq: uint64(or(v.failSeq))},
			Cause:     flagcache.Cause(or(v.cause)),
			Count:     int(or(v.count)),
			NotBefore: utc(v.notBefore),
		},
		Reload: utc(v.asked),
		Pin: flagcache.Pin{
			Number: uint64(or(v.number)), Revision: revision(v.pinned),
			By: or(v.by), Why: or(v.why), At: utc(v.pinnedAt), Signature: or(v.pinSignature),
		},
	}, nil
}

func scanEntry(r pgx.Row) (*flagcache.Entry, error) {
	var e flagcache.Entry
	var rev []byte
	var epoch, seq int64
	var fetched, checked *time.Time
	if err := r.Scan(&e.Schema, &e.Project, &e.Host, &epoch, &seq, &rev, &e.ETag, &fetched, &checked, &e.Signature, &e.Body); err != nil {
		return nil, err
	}
	if len(rev) != len(e.Revision) {
		return nil, fmt.Errorf("%w: its revision has %d bytes", flagcache.ErrBadEntry, len(rev))
	}
	e.Position = flagcache.Position{Epoch: uint64(epoch), Seq: uint64(seq)}
	e.Revision, e.FetchedAt, e.CheckedAt = revision(rev), utc(fetched), utc(checked)
	return &e, nil
}

func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func utc(t *time.Time) time.Time { return or(t).UTC() }

func revision(b []byte) (r flagdef.Revision) {
	copy(r[:], b)
	return r
}
