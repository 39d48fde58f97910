//go:build unix

package dynamocache_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
)

// metered counts what DynamoDB bills.
type metered struct {
	*dynamodb.Client

	mu            sync.Mutex
	reads, writes float64
}

func (m *metered) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.GetItem(ctx, in, o...)
	if err == nil {
		m.count(&m.reads, out.ConsumedCapacity)
	}
	return out, err
}

func (m *metered) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.PutItem(ctx, in, o...)
	if err == nil {
		m.count(&m.writes, out.ConsumedCapacity)
	}
	return out, err
}

func (m *metered) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, o ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error) {
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := m.Client.DeleteItem(ctx, in, o...)
	if err == nil {
		m.count(&m.writes, out.ConsumedCapacity)
	}
	return out, err
}

func (m *metered) count(sum *float64, c *types.ConsumedCapacity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c != nil {
		*sum += aws.ToFloat64(c.CapacityUnits)
	}
}

// units holds what steps cost to what docs/stores/dynamodb.md says, with as
// many former documents as are kept.
func units(t *testing.T, addr string) {
	m := &metered{Client: connect(t, addr)}
	for _, flags := range []int{100, 1000} {
		s, err := dynamocache.New(m, table, newScope())
		if err != nil {
			t.Fatal(err)
		}
		c := acquire(t, s, "hogflags-7d9f8b6c5d-x2x4z/1/0a1b2c3d")
		var e *flagcache.Entry
		edit := func() { e = save(t, s, c, e.Seq+1, project(flags, e.Seq)) }
		e = save(t, s, c, 1, project(flags, 0))
		for range flagcache.MaxFormer + 1 {
			edit()
		}
		size := len(e.Body)
		for _, step := range []struct {
			name         string
			do           func() error
			reads, write float64 // at most
		}{
			{"look", func() error { _, err := s.Record(t.Context()); return err }, 1, 0},
			{"renewal", func() error { _, err := s.Renew(t.Context(), c, long); return err }, 1, 3},
			{"confirmation", func() error { e.Seq++; _, err := s.Confirm(t.Context(), c, e.Head); return err }, 1 + float64(flags)/40, 3},
			{"load", func() error { _, err := s.Load(t.Context()); return err }, 1 + float64(flags)/40, 0},
			{"edit", func() error { edit(); return nil }, 1 + float64(flags)/40, 6 + float64(flags)/10},
		} {
			m.reads, m.writes = 0, 0
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d flags, %d kB: a %s takes %v read units and %v write units", flags, size>>10, step.name, m.reads, m.writes)
			if m.reads > step.reads || m.writes > step.write {
				t.Errorf("want at most %v and %v", step.reads, step.write)
			}
		}
	}
}

// project is a document of so many flags, about a kilobyte each.
func project(flags int, version uint64) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"version":%d,"flags":[`, version)
	for i := range flags {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"team_id":42,"key":"feature-%x","name":"Rolls feature %d out to some","active":%t,"version":%d,"ensure_experience_continuity":false,"filters":{"groups":[`, 100000+i*7, i*2654435761, i, i%3 > 0, i%9)
		for g := range 1 + i%4 {
			fmt.Fprintf(&b, `{"variant":null,"properties":[{"key":"email","type":"person","value":["user%d@example.com","@team%d.example.com"],"operator":"icontains"},{"key":"plan","type":"person","value":"plan-%d","operator":"exact"}],"rollout_percentage":%d},`, i*31+g, i*17%97, (i+g)%5, i*13%101)
		}
		b.WriteString(`{"properties":[],"rollout_percentage":0}],"payloads":{},"multivariate":null}}`)
	}
	b.WriteString(`],"group_type_mapping":{"0":"company"},"cohorts":{}}`)
	return []byte(b.String())
}
