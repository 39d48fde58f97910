package dynamocache

import (
	"reflect"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagdef"
)

// FuzzDecode: whatever an item holds is understood or not, and what is understood
// is written again as it was understood.
func FuzzDecode(f *testing.F) {
	i := &item{version: "v", record: []byte("hogflags-record"), index: index{
		Documents: map[flagdef.Revision]upload{{1}: {ID: "A", Parts: 2, Bytes: 3}},
		Retired:   []upload{{ID: "B", Since: time.UnixMicro(1).UTC()}},
	}}
	a, err := i.encode("scope")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytesOf(a[stateAttribute]))
	f.Add([]byte(`{"Format":2}` + "\n"))
	f.Add([]byte(`{"Documents":{"x":{}}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data)
		zipped, err := compress(data) // it gets further
		if err != nil {
			t.Fatal(err)
		}
		check(t, zipped)
	})
}

func check(t *testing.T, state []byte) {
	i, err := decode(attributes{versionAttribute: text("v"), stateAttribute: &types.AttributeValueMemberB{Value: state}})
	if err != nil {
		return
	}
	a, err := i.encode("scope")
	if err != nil {
		return // such as a year that JSON does not write
	}
	back, err := decode(a)
	if err != nil {
		t.Fatalf("%q was understood, and what was written of it was not: %v", state, err)
	}
	if again, err := back.encode("scope"); err != nil || !reflect.DeepEqual(a, again) {
		t.Fatalf("%q became %+v", state, back)
	}
}

func TestUploadsThatCannotBe(t *testing.T) {
	for _, u := range []upload{{Parts: -1}, {Parts: 1 << 40}, {Bytes: -1}, {Bytes: flagdef.MaxBytes + 1}} {
		for _, i := range []index{
			{Documents: map[flagdef.Revision]upload{{1}: u}},
			{Retired: []upload{u}},
		} {
			written := &item{version: "v", record: []byte("hogflags-record"), index: i}
			a, err := written.encode("scope")
			if err != nil {
				t.Fatal(err)
			}
			read, err := decode(a)
			if err != nil {
				t.Fatal(err)
			}
			if len(read.index.Documents) > 0 || len(read.index.Retired) > 0 || string(read.record) == "hogflags-record" {
				t.Errorf("%+v is read as %+v, want it unreadable", i, read)
			}
		}
	}
}
