package dynamocache

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagdef"
)

// The attributes of the items of a table.
//
//	id       KEY of the scope; KEY/UPLOAD/N for part N of a document
//	version  of the scope's item: another one after each write
//	state    of the scope's item: gzip of the index, a line of JSON, and the record
//	part     of a document's item: a piece of the document's gzip
const (
	idAttribute      = "id"
	versionAttribute = "version"
	stateAttribute   = "state"
	partAttribute    = "part"
)

// item is that of a scope.
type item struct {
	version string // empty if there is no item
	index   index
	record  []byte
}

// index says where documents are. What is uploaded, and what is to be deleted,
// is listed first as retired: so nothing is ever forgotten in the table.
type index struct {
	Format    int
	Documents map[flagdef.Revision]upload
	Retired   []upload
}

// upload is a document in the table. Another upload of the same document has
// another ID, so that no late request to delete or write parts hits it.
type upload struct {
	ID    string
	Parts int
	Bytes int       // of the document
	Since time.Time `json:",omitzero"` // when it was listed as retired
}

const (
	format   = 1
	maxState = 16 << 20 // bytes; it has some 10 kB
	maxParts = 1 << 12  // of a document; the largest has some 700 if it cannot be compressed
)

// valid reports whether there can be such an upload. What is in a table may be
// anybody's, and is asked for and made room for by these numbers.
func (u upload) valid() bool {
	return u.Parts >= 0 && u.Parts <= maxParts && u.Bytes >= 0 && u.Bytes <= flagdef.MaxBytes
}

func (i index) valid() bool {
	for _, u := range i.Documents {
		if !u.valid() {
			return false
		}
	}
	for _, u := range i.Retired {
		if !u.valid() {
			return false
		}
	}
	return true
}

// adopt makes an upload that of a document, unless there is one.
func (i *item) adopt(rev flagdef.Revision, u upload) {
	if _, there := i.index.Documents[rev]; there {
		return
	}
	i.index.Retired = slices.DeleteFunc(i.index.Retired, func(r upload) bool { return r.ID == u.ID })
	u.Since = time.Time{}
	if i.index.Documents == nil {
		i.index.Documents = make(map[flagdef.Revision]upload)
	}
	i.index.Documents[rev] = u
}

// retire lists a document's upload, if there is one, as what is to be deleted.
func (i *item) retire(rev flagdef.Revision, now time.Time) {
	if u, ok := i.index.Documents[rev]; ok {
		u.Since = now
		i.index.Retired = append(i.index.Retired, u)
		delete(i.index.Documents, rev)
	}
}

// clone is a copy that can be changed, though not its record's bytes.
func (i *item) clone() *item {
	c := *i
	c.index.Documents = maps.Clone(i.index.Documents)
	c.index.Retired = slices.Clone(i.index.Retired)
	return &c
}

type attributes = map[string]types.AttributeValue

// encode is the item as it is stored for the scope.
func (i *item) encode(scope string) (attributes, error) {
	i.index.Format = format
	line, err := json.Marshal(i.index)
	if err != nil {
		return nil, fmt.Errorf("encode index: %w", err)
	}
	state, err := compress(append(append(line, '\n'), i.record...))
	if err != nil {
		return nil, err
	}
	return attributes{
		idAttribute:      text(scope),
		versionAttribute: text(i.version),
		stateAttribute:   &types.AttributeValueMemberB{Value: state},
	}, nil
}

// decode reads what encode wrote. What it does not know is an item without an
// index, whose record the ledger finds damaged.
func decode(a attributes) (*item, error) {
	i := &item{version: textOf(a[versionAttribute])}
	if len(a) == 0 {
		return i, nil
	}
	state, err := decompress(bytesOf(a[stateAttribute]), maxState)
	line, record, ok := bytes.Cut(state, []byte("\n"))
	understood := err == nil && ok && json.Unmarshal(line, &i.index) == nil
	switch {
	case understood && i.index.Format > format:
		return nil, errors.New("a newer version of hogflags wrote it: upgrade this process, or give it a table of its own")
	case !understood, !i.index.valid():
		return &item{version: i.version, record: []byte("unreadable")}, nil
	}
	i.record = record
	return i, nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func textOf(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

func bytesOf(v types.AttributeValue) []byte {
	if b, ok := v.(*types.AttributeValueMemberB); ok {
		return b.Value
	}
	return nil
}

func compress(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out.Bytes(), nil
}

// decompress stops after one byte more than are to be there: nobody's memory is
// filled by a small item.
func decompress(data []byte, most int) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, int64(most)+1))
}

// units is how many of a size are needed for so many bytes.
func units(bytes, size int) int { return (bytes + size - 1) / size }
