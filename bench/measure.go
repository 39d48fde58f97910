package main

import (
	"math"
	"runtime"
	"slices"
	"time"
)

// A contender does its operation n times.
type contender func(n int) error

// A row is one line of the table.
type row struct {
	name                string
	hogflags, posthogGo contender

	// workers is how many goroutines share the n operations; the time per
	// operation is the one that each of them sees. Zero means one.
	workers int

	// batch is how long one measurement runs. Zero means the effort's.
	batch time.Duration

	// heap reports the heap that stays in use after the operation, in bytes
	// per flag. Nil when that is not the row's subject.
	heap func() (hogflags, posthogGo float64, err error)
}

// A result is one line of the table, measured.
type result struct {
	Row         string  `json:"row"`
	HogflagsNS  float64 `json:"hogflags_ns"`
	PosthogGoNS float64 `json:"posthog_go_ns"`
	FloorNS     float64 `json:"floor_ns"`
	Ratio       float64 `json:"ratio"`  // posthog-go / hogflags
	Allocs      float64 `json:"allocs"` // of hogflags, per operation

	PosthogGoAllocs float64 `json:"posthog_go_allocs"`

	// Bytes per flag that stay on the heap; only for the load rows.
	HogflagsHeap  float64 `json:"hogflags_heap_bytes,omitempty"`
	PosthogGoHeap float64 `json:"posthog_go_heap_bytes,omitempty"`
}

// effort says how long to measure.
type effort struct {
	repeats int
	batch   time.Duration // of one contender in one repeat; zero: one operation
}

var (
	// Many short batches rather than few long ones: a scheduler's time slice
	// taken by somebody else then spoils some of them, and not the median.
	thorough = effort{repeats: 51, batch: 4 * time.Millisecond}
	once     = effort{repeats: 1}
)

// measure runs the contenders of a row in turn, as often as the effort says.
func measure(r row, floor contender, e effort) (result, error) {
	contenders := []contender{r.hogflags, r.posthogGo, floor}
	batch := e.batch
	if batch > 0 && r.batch > 0 {
		batch = r.batch
	}

	counts := make([]int, len(contenders))
	for i, c := range contenders {
		n, err := calibrate(c, batch)
		if err != nil {
			return result{}, err
		}
		counts[i] = n
	}

	times := make([][]float64, len(contenders))
	allocs := make([][]float64, len(contenders))
	for repeat := range e.repeats {
		for j := range contenders {
			// Another one goes first each time: none always follows the garbage of the same other.
			i := (repeat + j) % len(contenders)
			took, mallocs, err := timed(contenders[i], counts[i])
			if err != nil {
				return result{}, err
			}
			times[i] = append(times[i], float64(took.Nanoseconds())/float64(counts[i]))
			allocs[i] = append(allocs[i], float64(mallocs)/float64(counts[i]))
		}
	}

	res := result{
		Row:         r.name,
		HogflagsNS:  median(times[0]) * float64(max(r.workers, 1)),
		PosthogGoNS: median(times[1]) * float64(max(r.workers, 1)),
		FloorNS:     median(times[2]),
		// What other goroutines allocate meanwhile can only add.
		Allocs:          slices.Min(allocs[0]),
		PosthogGoAllocs: slices.Min(allocs[1]),
	}
	res.Ratio = res.PosthogGoNS / res.HogflagsNS
	if r.heap != nil {
		var err error
		if res.HogflagsHeap, res.PosthogGoHeap, err = r.heap(); err != nil {
			return result{}, err
		}
	}
	return res, nil
}

// calibrate finds how many operations fill a batch. It believes the fastest of
// a few tries, because the others may have been interrupted.
func calibrate(c contender, batch time.Duration) (int, error) {
	n := 1
	for {
		best := time.Duration(math.MaxInt64)
		for range 3 {
			took, _, err := timed(c, n)
			if err != nil {
				return 0, err
			}
			if best = min(best, took); batch == 0 || best > 10*batch {
				break
			}
		}
		if best >= batch {
			return n, nil
		}
		n = max(n+1, int(float64(n)*min(1.2*float64(batch)/float64(best+1), 50)))
	}
}

func timed(c contender, n int) (took time.Duration, mallocs uint64, err error) {
	var before, after runtime.MemStats
	runtime.GC()
	if n > 1 {
		// The collection has emptied caches and pools; a batch is about the calls after that.
		if err := c(1); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&before)
	start := time.Now()
	err = c(n)
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	return took, after.Mallocs - before.Mallocs, err
}

func median(values []float64) float64 {
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 1 {
		return values[mid]
	}
	return (values[mid-1] + values[mid]) / 2
}

// heapInUse is what is still reachable.
func heapInUse() uint64 {
	// Twice: the first collection runs the cleanups that free more, and pools
	// only let go of what they hold after the second.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
