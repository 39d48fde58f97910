//go:build unix

package dynamocache_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/dynamocache"
	"github.com/hogflags/hogflags/internal/testservers"
)

const table = "flags"

// open opens the store at addr, as a process does.
func open(t testing.TB, addr string, scope flagcache.Scope) dynamocache.Owned {
	t.Helper()
	s, err := dynamocache.Open("dynamodb://"+table+"?create_table=true&endpoint=http://"+addr, scope)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openAt(t testing.TB, addr string, scope flagcache.Scope) flagcache.Store {
	return open(t, addr, scope)
}

// connect is a client as an administrator has it.
func connect(t testing.TB, addr string) *dynamodb.Client {
	t.Helper()
	return dynamocache.ClientOf(open(t, addr, flagcache.Scope{Project: "x", Host: "x"}))
}

// remove deletes the items of a scope whose id matches.
func remove(t testing.TB, client *dynamodb.Client, scope flagcache.Scope, matches func(id string) bool) {
	t.Helper()
	for _, id := range ids(t, client, scope) {
		if !matches(id) {
			continue
		}
		_, err := client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
			TableName: aws.String(table), Key: map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: id}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// ids are those of all items of a scope.
func ids(t testing.TB, client *dynamodb.Client, scope flagcache.Scope) (found []string) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: aws.String(table), ProjectionExpression: aws.String("id"), ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			if id := item["id"].(*types.AttributeValueMemberS).Value; strings.HasPrefix(id, scope.Key()) {
				found = append(found, id)
			}
		}
	}
	return found
}

// TestStore shares a server among what mostly waits.
func TestStore(t *testing.T) {
	addr := testservers.StartDynamoDB(t).Addr
	if err := dynamocache.CreateTable(t.Context(), connect(t, addr), table); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*testing.T, string){"Suite": suite, "Replay": replay, "Network": network, "Units": units} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f(t, addr)
		})
	}
}

func suite(t *testing.T, addr string) {
	admin := connect(t, addr)
	cachetest.Run(t, cachetest.Backend{
		Open: func(t testing.TB, scope flagcache.Scope) flagcache.Store { return open(t, addr, scope) },
		Wipe: func(t testing.TB, scope flagcache.Scope) {
			remove(t, admin, scope, func(string) bool { return true })
		},
		Evict: func(t testing.TB, scope flagcache.Scope) {
			current := dynamocache.CurrentUpload(t, open(t, addr, scope).Store)
			remove(t, admin, scope, func(id string) bool { return strings.Contains(id, current) })
		},
	})
}

func replay(t *testing.T, addr string) {
	if testing.Short() {
		t.Skip("the stores on one host take the same steps, faster")
	}
	cachetest.Replay(t, func(t testing.TB, scope flagcache.Scope) cachetest.Replayable {
		return dynamocache.OnTestClock(open(t, addr, scope).Store)
	})
}

func network(t *testing.T, addr string) {
	if testing.Short() {
		t.Skip("waits for a lease to expire")
	}
	cachetest.RunNetwork(t, addr, openAt)
}

func Benchmark(b *testing.B) {
	cachetest.Bench(b, testservers.StartDynamoDB(b).Addr, openAt)
}
