package rediscache

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagdef"
)

var errReply = errors.New("unexpected reply: is another program writing these keys?")

// answers are what the script says besides the record.
var answers = map[string]error{
	"ok":          nil,
	"held":        flagcache.ErrHeld,
	"not held":    flagcache.ErrNotHeld,
	"stale":       flagcache.ErrStale,
	"body needed": flagcache.ErrBodyNeeded,
	"foreign":     errForeignLeader,
}

func observation(claim flagcache.Claim, h flagcache.Head) []any {
	return []any{
		claim.Token, claim.Epoch, h.Epoch, h.Seq,
		hex.EncodeToString(h.Revision[:]), h.ETag, micros(h.FetchedAt), micros(h.CheckedAt), h.Signature,
	}
}

// decode reads the script's reply, in the order in which it is written there.
func decode(reply []string) (flagcache.Record, error) {
	const fields = 24
	if len(reply) != fields {
		return flagcache.Record{}, errReply
	}
	answer, ok := answers[reply[0]]
	if !ok {
		return flagcache.Record{}, errReply
	}
	d := decoder{}
	rec := flagcache.Record{
		Now: d.time(reply[1]),
		Lease: flagcache.Lease{
			Holder: reply[2], Epoch: d.number(reply[3]), Expires: d.time(reply[4]),
		},
		Head: flagcache.Head{
			Position: flagcache.Position{Epoch: d.number(reply[5]), Seq: d.number(reply[6])},
			Revision: d.revision(reply[7]), ETag: reply[8],
			FetchedAt: d.time(reply[9]), CheckedAt: d.time(reply[10]), Signature: reply[11],
		},
		Failure: flagcache.Failure{
			Position: flagcache.Position{Epoch: d.number(reply[12]), Seq: d.number(reply[13])},
			Cause:    flagcache.Cause(reply[14]), Count: int(d.number(reply[15])), NotBefore: d.time(reply[16]),
		},
		Reload: d.time(reply[17]),
		Pin: flagcache.Pin{
			Number: d.number(reply[18]), Revision: d.revision(reply[19]),
			By: reply[20], Why: reply[21], At: d.time(reply[22]), Signature: reply[23],
		},
	}
	if d.bad {
		return flagcache.Record{}, errReply
	}
	return rec, answer
}

// decodeEntry reads the entry's hash. One that cannot be read is not a failure
// of the store: the entry is bad.
func decodeEntry(v map[string]string) (*flagcache.Entry, error) {
	d := decoder{}
	e := &flagcache.Entry{
		Schema:  int(d.number(v["schema"])),
		Project: v["project"],
		Host:    v["host"],
		Body:    []byte(v["body"]),
		Head: flagcache.Head{
			Position: flagcache.Position{Epoch: d.number(v["epoch"]), Seq: d.number(v["seq"])},
			Revision: d.revision(v["revision"]), ETag: v["etag"],
			FetchedAt: d.time(v["fetched"]), CheckedAt: d.time(v["checked"]), Signature: v["signature"],
		},
	}
	if d.bad {
		return nil, fmt.Errorf("%w: its fields are not hogflags's", flagcache.ErrBadEntry)
	}
	return e, nil
}

// decoder remembers whether anything was malformed.
type decoder struct{ bad bool }

func (d *decoder) number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	d.bad = d.bad || err != nil
	return n
}

// time reads microseconds; zero stands for the zero time.
func (d *decoder) time(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	d.bad = d.bad || err != nil
	return instant(n)
}

func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

func (d *decoder) revision(s string) (r flagdef.Revision) {
	d.bad = r.UnmarshalText([]byte(s)) != nil || d.bad
	return r
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
