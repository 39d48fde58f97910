//go:build unix

package dynamocache_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
)

// set changes an attribute of an item, as somebody might.
func set(t *testing.T, client *dynamodb.Client, id, attribute string, value []byte) {
	t.Helper()
	_, err := client.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
		TableName: aws.String(table), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
		UpdateExpression: aws.String("SET #a = :v"), ExpressionAttributeNames: map[string]string{"#a": attribute},
		ExpressionAttributeValues: map[string]types.AttributeValue{":v": &types.AttributeValueMemberB{Value: value}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// testDamage: what somebody changed is not trusted, and is stored again.
func testDamage(t *testing.T, addr string) {
	scope := newScope()
	s, admin := open(t, addr, scope), connect(t, addr)
	c := acquire(t, s, "a")
	e := save(t, s, c, 1, []byte(`{"flags":[1]}`))
	for seq, spoilt := range [][]byte{[]byte("no gzip"), zipped(`{"flags":[2]}`), {}} {
		for _, id := range ids(t, admin, scope) {
			if strings.Contains(id, dynamocache.CurrentUpload(t, s.Store)) {
				set(t, admin, id, "part", spoilt)
			}
		}
		if _, err := s.Load(t.Context()); !errors.Is(err, flagcache.ErrBadEntry) {
			t.Errorf("load %q: %v, want %v", spoilt, err, flagcache.ErrBadEntry)
		}
		e.Seq = uint64(seq) + 2
		if _, err := s.Confirm(t.Context(), c, e.Head); !errors.Is(err, flagcache.ErrBodyNeeded) {
			t.Errorf("confirm it: %v, want %v", err, flagcache.ErrBodyNeeded)
		}
		save(t, s, c, e.Seq, e.Body)
		wantStored(t, s, entry(s, c, e.Seq, e.Body))
	}
	for _, spoilt := range [][]byte{[]byte("no gzip"), zipped("no index"), zipped("{}\nno record"), {}} {
		set(t, admin, scope.Key(), "state", spoilt)
		if _, err := s.Record(t.Context()); !errors.Is(err, flagcache.ErrBadEntry) {
			t.Errorf("read %q: %v, want %v", spoilt, err, flagcache.ErrBadEntry)
		}
		if rec, err := s.Record(t.Context()); err != nil || rec.Head.Exists() {
			t.Errorf("then %+v, %v, want an empty store", rec, err)
		}
	}
	set(t, admin, scope.Key(), "state", zipped(`{"Format":2}`+"\n"))
	if _, err := s.Acquire(t.Context(), flagcache.Bid{Token: "b"}, long); err == nil || !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("an item of a later version: %v", err)
	}
}

func zipped(s string) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(s)) // to memory
	_ = w.Close()
	return out.Bytes()
}

// testReadOnly: who may only read does, also what is damaged.
func testReadOnly(t *testing.T, addr string) {
	scope := newScope()
	s, admin := open(t, addr, scope), connect(t, addr)
	c := acquire(t, s, "a")
	want := save(t, s, c, 1, []byte(`{"flags":[1]}`))
	reader := withPuts(t, addr, scope, func(*dynamodb.PutItemInput) error {
		return &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "not you"}
	})
	wantStored(t, reader, want)
	if _, err := reader.Renew(t.Context(), c, long); err == nil || !strings.Contains(err.Error(), "allow this role dynamodb:GetItem") {
		t.Errorf("renew: %v, want what to allow", err)
	}
	set(t, admin, scope.Key()+"/"+dynamocache.CurrentUpload(t, s.Store)+"/0", "part", []byte("x"))
	if _, err := reader.Load(t.Context()); !errors.Is(err, flagcache.ErrBadEntry) || !strings.Contains(err.Error(), "stays there") {
		t.Errorf("load: %v, want that it is damaged and stays", err)
	}
}
