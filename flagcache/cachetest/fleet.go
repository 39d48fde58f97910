package cachetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache"
	"github.com/hogflags/hogflags/flagcache/internal/fleettest"
)

// testFleet runs five processes in real time: one polls, an edit reaches all,
// pushed if the store pushes, a leader that stops hands over, and a wiped store
// is repaired.
func testFleet(t *testing.T, b Backend) {
	sc := scope()
	up := fleettest.NewUpstream(1)
	var nodes []*fleettest.Node
	for i := range 5 {
		f, err := flagcache.New(b.Open(t, sc), flagcache.Options{Name: name(i), Interval: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, fleettest.Start(t, f, up.For(name(i))))
	}
	serving := func(version int) func() bool {
		return func() bool {
			for _, n := range nodes {
				if n.Body() != fleettest.Doc(version) {
					return false
				}
			}
			return true
		}
	}
	until(t, "all serve the first document", serving(1))
	if n := len(up.Requests()); n != 1 {
		t.Errorf("%d requests upstream at the start, want 1", n)
	}

	leader := fleettest.Leaders(nodes)[0]
	follower := nodes[0]
	if follower == leader {
		follower = nodes[1]
	}
	up.Publish(fleettest.Doc(2))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := follower.Coordinator.Reload(ctx); err != nil {
		t.Errorf("reload on a follower: %v", err)
	}
	if follower.Body() != fleettest.Doc(2) {
		t.Error("the reload returned before its document was served")
	}
	until(t, "all serve the edit", serving(2))

	leader.Stop()
	nodes = slices.DeleteFunc(nodes, func(n *fleettest.Node) bool { return n == leader })
	until(t, "another leads", func() bool { return len(fleettest.Leaders(nodes)) == 1 })
	if got := up.Count(200); got != 2 {
		t.Errorf("%d full requests upstream, want 2: the take-over is conditional", got)
	}
	if b.Wipe == nil {
		return
	}
	store := b.Open(t, sc)
	before := record(t, store).Head
	b.Wipe(t, sc)
	until(t, "the wiped store is repaired", func() bool {
		return record(t, store).Head.After(before.Position)
	})
	if got := record(t, store).Head.Revision; got != before.Revision {
		t.Errorf("the repaired store has revision %x, want %x", got[:4], before.Revision[:4])
	}
}
