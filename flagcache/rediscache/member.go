package rediscache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/sdkdoc"
)

// memberName is the member of a document that only hogflags writes. It is the
// last one, so that scripts find it at the end.
const memberName = `"_hogflags":{`

const (
	maxETag   = 1 << 10 // a longer one is not kept: requests are unconditional then
	maxTail   = 4 << 10 // how far from the end of a value the scripts look for the member
	memberGap = 32      // spaces for a head that is longer than the one before; at least one, which no other writer leaves
)

var (
	errForeign = errors.New("the document is not hogflags's")
	errBody    = errors.New("the layout with a service key keeps JSON objects only, with little space behind them")
)

// member says what stands before it, and whether that is whole.
type member struct {
	Schema   int    `json:"schema"`
	Size     int    `json:"size"` // of the whole value
	At       int    `json:"at"`   // what was added to the body begins here, and ends with the last brace
	Revision string `json:"revision"`
	Scope    string `json:"scope"`
	Project  string `json:"project"`
	Host     string `json:"host"`
	Epoch    uint64 `json:"epoch"` // from here on rewritten in place
	Seq      uint64 `json:"seq"`
	ETag     string `json:"etag"`
	Fetched  int64  `json:"fetched"`
	Checked  int64  `json:"checked"`
}

// splice makes the value that is stored for an entry: its body, and before the
// last brace of that the aliases of members that SDKs know by other names, and
// the member with the head. Every byte of the body is there, in order.
func splice(e *flagcache.Entry) ([]byte, error) {
	at := bytes.LastIndexByte(e.Body, '}')
	var members map[string]json.RawMessage
	if at < 0 || json.Unmarshal(e.Body, &members) != nil || members == nil {
		return nil, errBody
	}
	var added strings.Builder
	separate := func() {
		if len(members) > 0 || added.Len() > 0 {
			added.WriteByte(',')
		}
	}
	for _, m := range sdkdoc.Missing(members) {
		separate()
		fmt.Fprintf(&added, "%q:%s", m.Name, m.Value)
	}
	separate()
	const size = `"size":%10d,` // of one length, as it counts itself
	fmt.Fprintf(&added, memberName+`"schema":%d,`, e.Schema)
	before := added.Len()
	rest := fmt.Sprintf(`"at":%d,"revision":%q,"scope":%q,"project":%s,"host":%s,`, at, e.Revision.String(),
		flagcache.Scope{Project: e.Project, Host: e.Host}.Key(), quote(e.Project), quote(e.Host)) +
		headText(e.Head) + strings.Repeat(" ", memberGap)
	total := len(e.Body) + before + len(fmt.Sprintf(size, 0)) + len(rest)
	fmt.Fprintf(&added, size, total)
	added.WriteString(rest)
	value := make([]byte, 0, total)
	value = append(value, e.Body[:at]...)
	value = append(value, added.String()...)
	value = append(value, e.Body[at:]...)
	if len(value)-bytes.LastIndex(value, []byte(memberName)) > maxTail {
		return nil, errBody
	}
	return value, nil
}

// headText is the end of the member, which a confirmation overwrites.
func headText(h flagcache.Head) string {
	etag := h.ETag
	if len(etag) > maxETag {
		etag = ""
	}
	return fmt.Sprintf(`"epoch":%d,"seq":%d,"etag":%s,"fetched":%d,"checked":%d}`,
		h.Epoch, h.Seq, quote(etag), micros(h.FetchedAt), micros(h.CheckedAt))
}

func quote(s string) []byte {
	quoted, _ := json.Marshal(s) // a string can be marshalled
	return quoted
}

// strip recovers the entry from a value that splice made, byte for byte. Of any
// other value it says errForeign.
func strip(value []byte) (*flagcache.Entry, error) {
	m, err := readMember(value)
	if err != nil {
		return nil, err
	}
	end := bytes.LastIndexByte(value, '}')
	body := make([]byte, 0, m.At+len(value)-end)
	body = append(append(body, value[:m.At]...), value[end:]...)
	d := decoder{}
	e := &flagcache.Entry{
		Schema:  m.Schema,
		Project: m.Project,
		Host:    m.Host,
		Body:    body,
		Head: flagcache.Head{
			Position: flagcache.Position{Epoch: m.Epoch, Seq: m.Seq},
			Revision: d.revision(m.Revision),
			ETag:     m.ETag, FetchedAt: instant(m.Fetched), CheckedAt: instant(m.Checked),
		},
	}
	if d.bad || e.Revision != flagcache.RevisionOf(body) {
		return nil, errForeign
	}
	return e, nil
}

// readMember finds the member at the end of a value.
func readMember(value []byte) (member, error) {
	tail := value[max(0, len(value)-maxTail):]
	from := bytes.LastIndex(tail, []byte(memberName))
	if from < 0 {
		return member{}, errForeign
	}
	var last struct {
		Member member `json:"_hogflags"`
	}
	if json.Unmarshal(append([]byte{'{'}, tail[from:]...), &last) != nil {
		return member{}, errForeign
	}
	m := last.Member
	if m.Size != len(value) || m.At < 0 || m.At > len(value)-len(tail)+from {
		return member{}, errForeign
	}
	return m, nil
}
