//go:build unix

package relay_test

import (
	"flag"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

var subscribers = flag.Int("subscribers", 300, "how many subscribers TestManySubscribers has; each takes a file")

// A change reaches all subscribers, each costs a bounded part of memory, and so
// does it when all come back at once. They are bare connections of a process of
// their own, so that all of this one's files are for the relay.
func TestManySubscribers(t *testing.T) {
	n := *subscribers
	if limit := openFiles(); limit < uint64(n)+100 {
		t.Skipf("%d subscribers need %d open files, and the limit is %d: raise it with ulimit -n, or have fewer with -subscribers", n, n+100, limit)
	}
	r, up := startStreams(t)
	first := revisionOf(t, r)
	crowd := startCrowd(t, strings.TrimPrefix(r.url, "http://"), n)
	before := memory()
	crowd.say("come")
	crowd.hears(first)
	if got := r.relay.Streams(); got != int64(n) {
		t.Errorf("%d streams, want %d", got, n)
	}
	held := memory()
	each := held.less(before).total() / int64(n)
	t.Logf("%d subscribers take %d bytes each: %+v", n, each, held.less(before).by(int64(n)))
	if each > 24<<10 { // 7 KB, and under the race detector stacks of twice the size, some not shrunk yet
		t.Errorf("%d bytes a subscriber, want at most 24 KiB", each)
	}

	if err := up.SetActive("on", false); err != nil {
		t.Fatal(err)
	}
	second, took := crowd.hears("")
	if got := revisionOf(t, r); second != got || second == first {
		t.Errorf("all were told of %s, want %s", second, got)
	}
	t.Logf("the last heard of the change %v after the first", took)

	// All are cut off and come back at once.
	peak := watchMemory()
	crowd.say("come")
	_, took = crowd.hears(second)
	highest := peak()
	t.Logf("all were back after %v; meanwhile %d bytes each", took, highest.less(before).total()/int64(n))
	if most := before.total() + 3*max(each, 24<<10)*int64(n); highest.total() > most {
		t.Errorf("%d bytes while all came back, want at most %d", highest.total(), most)
	}
	if again := memory().less(before).total() / int64(n); again > max(each, 24<<10)*3/2 {
		t.Errorf("%d bytes a subscriber after all came back, %d before", again, each)
	}
}

// usage is what the process has of memory, in bytes.
type usage struct{ heap, stacks int64 }

func (u usage) total() int64       { return u.heap + u.stacks }
func (u usage) less(v usage) usage { return usage{u.heap - v.heap, u.stacks - v.stacks} }
func (u usage) by(n int64) usage   { return usage{u.heap / n, u.stacks / n} }
func (u usage) or(higher usage) usage {
	if higher.total() > u.total() {
		return higher
	}
	return u
}

func now() usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{int64(m.HeapInuse), int64(m.StackInuse)}
}

// memory is the usage after collections: the second frees what had a finalizer.
func memory() usage {
	runtime.GC()
	runtime.GC()
	return now()
}

// watchMemory watches the usage until peak, which returns the highest.
func watchMemory() (peak func() usage) {
	stop, highest := make(chan struct{}), make(chan usage)
	go func() {
		most := now()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				most = most.or(now())
			case <-stop:
				highest <- most
				return
			}
		}
	}()
	return func() usage { close(stop); return <-highest }
}

// openFiles is how many files the process may have open. Go has raised it to
// what the system allows.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}
