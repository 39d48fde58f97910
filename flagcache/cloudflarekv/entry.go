package cloudflarekv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/sdkdoc"
	"github.com/hogflags/hogflags/flagdef"
)

// maxETag is the longest that is kept, in bytes: KV takes 1,024 bytes of metadata.
const maxETag = 256

// metadata says which document a value is. The readers in edge/src/entry.js know
// the same form.
type metadata struct {
	Schema   int    `json:"schema"`
	Scope    string `json:"scope"`
	Epoch    uint64 `json:"epoch"`
	Seq      uint64 `json:"seq"`
	Revision string `json:"revision"`
	ETag     string `json:"etag"`
	Fetched  int64  `json:"fetched"` // ms since 1970
	Checked  int64  `json:"checked"`
	At       int    `json:"at"`    // where what was added to the document begins
	Added    int    `json:"added"` // its bytes
}

// encode makes the value for an entry: its body, and before the last brace of that
// the members that SDKs know by other names.
func encode(e *flagcache.Entry) ([]byte, metadata, error) {
	at := bytes.LastIndexByte(e.Body, '}')
	var members map[string]json.RawMessage
	if err := json.Unmarshal(e.Body, &members); err != nil || at < 0 || len(members) == 0 {
		return nil, metadata{}, fmt.Errorf("%w: the document is not a JSON object with members", flagcache.ErrBadEntry)
	}
	var added bytes.Buffer
	for _, m := range sdkdoc.Missing(members) {
		fmt.Fprintf(&added, ",%q:%s", m.Name, m.Value)
	}
	value := make([]byte, 0, len(e.Body)+added.Len())
	value = append(value, e.Body[:at]...)
	value = append(value, added.Bytes()...)
	value = append(value, e.Body[at:]...)
	m := metadata{
		Schema:   e.Schema,
		Scope:    flagcache.Scope{Project: e.Project, Host: e.Host}.Key(),
		Epoch:    e.Epoch,
		Seq:      e.Seq,
		Revision: e.Revision.String(),
		ETag:     e.ETag,
		Fetched:  max(0, e.FetchedAt.UnixMilli()),
		Checked:  max(0, e.CheckedAt.UnixMilli()),
		At:       at,
		Added:    added.Len(),
	}
	if len(m.ETag) > maxETag {
		m.ETag = ""
	}
	return value, m, nil
}

func (m *metadata) usable() bool {
	var revision flagdef.Revision
	err := revision.UnmarshalText([]byte(m.Revision))
	return m.Schema == flagcache.Schema && m.Epoch > 0 && m.Epoch <= flagcache.MaxEpoch && m.Seq > 0 &&
		err == nil && !revision.IsZero() && m.At >= 0 && m.Added >= 0
}

// head is zero for metadata that is.
func (m *metadata) head() flagcache.Head {
	if m.Epoch == 0 {
		return flagcache.Head{}
	}
	h := flagcache.Head{
		Position:  flagcache.Position{Epoch: m.Epoch, Seq: m.Seq},
		ETag:      m.ETag,
		FetchedAt: time.UnixMilli(m.Fetched).UTC(),
		CheckedAt: time.UnixMilli(m.Checked).UTC(),
	}
	_ = h.Revision.UnmarshalText([]byte(m.Revision)) // it is usable
	return h
}

// entry recovers the document, byte for byte.
func (m *metadata) entry(scope flagcache.Scope, value []byte) (*flagcache.Entry, error) {
	end := m.At + m.Added
	if end < m.At || end > len(value) {
		return nil, fmt.Errorf("%w: the value is shorter than its metadata says", flagcache.ErrBadEntry)
	}
	body := append(append(make([]byte, 0, len(value)-m.Added), value[:m.At]...), value[end:]...)
	e := &flagcache.Entry{Schema: m.Schema, Project: scope.Project, Host: scope.Host, Body: body, Head: m.head()}
	if err := e.Verify(scope); err != nil {
		return nil, err
	}
	return e, nil
}
