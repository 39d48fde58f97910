package ledgerstore

import (
	"bytes"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
)

// FuzzDecode: whatever stands there is refused or understood, and what is
// understood is written again as it was understood.
func FuzzDecode(f *testing.F) {
	e := flagcache.NewEntry(flagcache.Scope{Project: "phc_x", Host: "h"}, []byte("{}"), `W/"1"`)
	e.Position = flagcache.Position{Epoch: flagcache.MaxEpoch, Seq: 2}
	full := &record{Changes: 3, Ledger: flagcache.Ledger{
		Token: "t", Lease: flagcache.Lease{Holder: "h", Epoch: 1, Expires: time.UnixMicro(1)}, Entry: e,
		Former: []flagcache.Former{{Entry: e}}, Pinned: e, Pin: flagcache.Pin{Number: 1, Revision: e.Revision},
	}}
	for _, r := range []*record{{}, full} {
		data, err := r.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		_, state, _ := bytes.Cut(data, []byte("\n"))
		f.Add(state)
	}
	f.Add([]byte("hogflags-record 2 x\n{}"))
	f.Add([]byte(`{"Former":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
		// With the right checksum it gets further.
		check(t, seal(data))
	})
}

func check(t *testing.T, data []byte) {
	r, err := decode(data)
	if err != nil {
		return
	}
	_ = r.Record(time.Now())
	_ = r.History()
	again, err := r.encode()
	if err != nil {
		return // such as a year that JSON does not write
	}
	back, err := decode(again)
	if err != nil {
		t.Fatalf("%q was understood, and what was written of it was not: %v", data, err)
	}
	if third, err := back.encode(); err != nil || !bytes.Equal(again, third) {
		t.Fatalf("%q became %q", again, third)
	}
}
