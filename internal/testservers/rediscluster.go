package testservers

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
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
	create := Command("redis-cli", slices.Concat([]string{"--cluster-yes", "--cluster", "create"}, addrs)...)
	if out, err := create.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", create, err, out)
	}
	for _, addr := range addrs {
		for _, want := range []string{"cluster_state:ok", "cluster_known_nodes:3"} {
			Await(t, "the cluster is up", func(ctx context.Context) error { return says(ctx, addr, want, "cluster", "info") })
		}
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
	s := &Sentinel{Master: StartRedis(t), Addr: FreeAddr(t)}
	host, port, _ := net.SplitHostPort(s.Master.Addr)
	s.Replica = StartRedis(t, "--replicaof", host, port)

	_, own, _ := net.SplitHostPort(s.Addr)
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("port %s\nbind %s\nsentinel monitor %s %s %s 1\nsentinel down-after-milliseconds %[3]s 500\nsentinel failover-timeout %[3]s 2000\n",
		own, host, MasterName, host, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var p process
	p.start(t, Command("redis-server", config, "--sentinel"), func(ctx context.Context) error {
		return says(ctx, s.Addr, "master-link-status\nok", "sentinel", "replicas", MasterName)
	})
	t.Cleanup(p.Kill)
	return s
}
