//go:build unix

package rediscache_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/cachetest"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
	"github.com/hogflags/hogflags/flagcache/rediscache"
	"github.com/hogflags/hogflags/internal/testservers"
)

func TestSuiteOnCluster(t *testing.T) {
	client := redis.NewClusterClient(&redis.ClusterOptions{
		Addrs:                 testservers.StartRedisCluster(t),
		ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	cachetest.Run(t, backend(client))
}

// TestSentinelFailover kills the master under a running fleet: it goes on with
// the replica, on which nobody's definitions go back.
func TestSentinelFailover(t *testing.T) {
	servers := testservers.StartRedisSentinel(t)
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName:            testservers.MasterName,
		SentinelAddrs:         []string{servers.Addr},
		ContextTimeoutEnabled: true,
	})
	t.Cleanup(func() { _ = client.Close() })
	up := fleettest.NewUpstream(1)
	var nodes []*fleettest.Node
	for _, name := range []string{"a", "b", "c"} {
		store, err := rediscache.New(client, fleettest.Scope)
		if err != nil {
			t.Fatal(err)
		}
		f, err := flagcache.New(store, flagcache.Options{Name: name, Interval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, fleettest.Start(t, f, up.For(name)))
	}
	serve(t, nodes, 1)
	before := nodes[0].Status().Position
	servers.Master.Kill()
	up.Publish(fleettest.Doc(2))
	serve(t, nodes, 2)
	testservers.Await(t, "the fleet stores again", func(context.Context) error {
		for _, n := range nodes {
			if s := n.Status(); s.Role == flagcache.RoleCutOff || !s.Position.After(before) {
				return errors.New(string(s.Role))
			}
		}
		return nil
	})
	store, err := rediscache.New(client, fleettest.Scope)
	if err != nil {
		t.Fatal(err)
	}
	testservers.Await(t, "the replica has the new document", func(ctx context.Context) error {
		e, err := store.Load(ctx)
		if err == nil && string(e.Body) != fleettest.Doc(2) {
			err = errors.New("not yet")
		}
		return err
	})
}

func serve(t *testing.T, nodes []*fleettest.Node, version int) {
	t.Helper()
	testservers.Await(t, "all serve the document", func(context.Context) error {
		for _, n := range nodes {
			if n.Body() != fleettest.Doc(version) {
				return errors.New("not yet: " + n.Body())
			}
		}
		return nil
	})
}
