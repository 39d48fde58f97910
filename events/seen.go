package events

import "sync/atomic"

const (
	ways    = 8       // fingerprints in a bucket: one cache line
	buckets = 1 << 15 // 262,144 fingerprints in 2 MiB
)

// seen remembers the fingerprints of what was reported lately, in memory that
// does not grow. There is no lock: a fingerprint is one word. A bucket that is
// full forgets one for each that comes in.
type seen [buckets][ways]atomic.Uint64

// locate gives the bucket of a fingerprint, and the place that it takes in a full
// one. Equal fingerprints fight for one place, so two goroutines cannot both
// think that they were first.
func (s *seen) locate(print uint64) (bucket *[ways]atomic.Uint64, place int) {
	return &s[print%buckets], int(print >> 61)
}

// has reports whether a fingerprint is remembered.
func (s *seen) has(print uint64) bool {
	bucket, _ := s.locate(print)
	for i := range bucket {
		if bucket[i].Load() == print {
			return true
		}
	}
	return false
}

// add remembers a fingerprint, which is not 0. It returns false if it was
// remembered already.
func (s *seen) add(print uint64) bool {
	bucket, place := s.locate(print)
	for {
		free := -1
		for i := range bucket {
			switch bucket[i].Load() {
			case print:
				return false
			case 0:
				if free < 0 {
					free = i
				}
			}
		}
		before := uint64(0)
		if free < 0 {
			free = place
			before = bucket[free].Load()
		}
		if before != print && bucket[free].CompareAndSwap(before, print) {
			return true
		}
	}
}

// forget lets a fingerprint be added again.
func (s *seen) forget(print uint64) {
	bucket, _ := s.locate(print)
	for i := range bucket {
		bucket[i].CompareAndSwap(print, 0)
	}
}
