package ledgerstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hogflags/hogflags/flagcache"
)

// record is the state of a scope without its documents, which are kept under
// their revisions. It is written as
//
//	hogflags-record 1 <SHA-256 of all that follows this line>
//	{"Changes":…,"Token":…,"Lease":{…},"Entry":{…},…}
type record struct {
	Changes uint64 // counts what is worth a look; renewals are not
	flagcache.Ledger
}

const (
	magic   = "hogflags-record "
	version = "1 "
)

func (r *record) encode() ([]byte, error) {
	state, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return seal(state), nil
}

func seal(state []byte) []byte {
	return fmt.Appendf(nil, "%s%s%x\n%s", magic, version, sha256.Sum256(state), state)
}

// errNewer is about a record that is not damaged, and yet cannot be read.
var errNewer = errors.New("a newer version of hogflags wrote it: upgrade this process, or keep its definitions apart")

// decode reads what encode wrote. Nothing is an empty state.
func decode(data []byte) (*record, error) {
	r := new(record)
	if len(data) == 0 {
		return r, nil
	}
	line, state, ok := bytes.Cut(data, []byte("\n"))
	rest, ours := bytes.CutPrefix(line, []byte(magic))
	if !ok || !ours {
		return nil, errors.New("it is no record of hogflags")
	}
	sum, known := bytes.CutPrefix(rest, []byte(version))
	if !known {
		return nil, errNewer
	}
	if fmt.Sprintf("%x", sha256.Sum256(state)) != string(sum) {
		return nil, errors.New("its checksum does not match")
	}
	if err := json.Unmarshal(state, r); err != nil {
		return nil, err
	}
	for _, f := range r.Former {
		if f.Entry == nil {
			return nil, errors.New("a former document is missing")
		}
	}
	return r, nil
}
