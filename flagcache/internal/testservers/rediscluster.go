//go:build unix

package testservers

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

// StartRedisCluster starts a cluster of three masters and returns their
// addresses.
func StartRedisCluster(t testing.TB) []string {
	t.Helper()
	var addrs []string
	for range 3 {
		r := StartRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
		addrs = append(addrs, r.Addr)
	}
	const slots = 16384
	for i, addr := range addrs {
		c := redis.NewClient(&redis.Options{Addr: addr})
		must(t, c.ClusterAddSlotsRange(t.Context(), i*slots/3, (i+1)*slots/3-1).Err())
		must(t, c.ClusterMeet(t.Context(), "127.0.0.1", fmt.Sprint(port(addrs[0]))).Err())
		must(t, c.Close())
	}
	for _, addr := range addrs {
		c := redis.NewClient(&redis.Options{Addr: addr})
		Await(t, "the cluster is up", func(ctx context.Context) error {
			info, err := c.ClusterInfo(ctx).Result()
			if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3")) {
				return fmt.Errorf("not yet: %s", info)
			}
			return err
		})
		must(t, c.Close())
	}
	return addrs
}

// Sentinel is a master, a replica and a sentinel that watches them.
type Sentinel struct {
	Addr            string // of the sentinel
	Master, Replica *Redis
}

// MasterName is what the sentinel calls its master.
const MasterName = "hogflags"

// StartRedisSentinel starts them; a master that is gone for half a second is
// replaced.
func StartRedisSentinel(t testing.TB) *Sentinel {
	t.Helper()
	s := &Sentinel{Master: StartRedis(t)}
	s.Replica = StartRedis(t, "--replicaof", "127.0.0.1", fmt.Sprint(port(s.Master.Addr)))
	s.Addr = FreeAddr(t)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	writeFile(t, config, fmt.Sprintf("port %d\nbind 127.0.0.1\nsentinel monitor %s 127.0.0.1 %d 1\nsentinel down-after-milliseconds %s 500\nsentinel failover-timeout %s 2000\nlogfile %s\n",
		port(s.Addr), MasterName, port(s.Master.Addr), MasterName, MasterName, config+".log"))
	cmd := command("redis-server", config, "--sentinel")
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	c := redis.NewSentinelClient(&redis.Options{Addr: s.Addr})
	defer func() { _ = c.Close() }()
	Await(t, "the sentinel knows the replica", func(ctx context.Context) error {
		replicas, err := c.Replicas(ctx, MasterName).Result()
		if err == nil && (len(replicas) != 1 || replicas[0]["master-link-status"] != "ok") {
			return fmt.Errorf("not yet: %v", replicas)
		}
		return err
	})
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
