package main

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hogflags/hogflags/rules"
)

// swapInterval is how often the definitions change under the parallel row.
const swapInterval = 10 * time.Millisecond

// The flags that are measured one by one. Each stands among believable
// others, 100 in all.
const (
	booleanFlag  = "rollout-half"
	variantsFlag = "three-variants"
	propertyFlag = "one-property"
	mixedFlag    = "five-operators"
	cohortFlag   = "nested-cohort"
	listFlag     = "email-list"
)

// bench holds both evaluators, loaded with the same documents.
type bench struct {
	subjects []subject
	one      *pair // 100 flags, among them those that are measured one by one
	all100   *pair
	all1000  *pair
	calls    *calls       // of one
	calls1k  *calls       // of all1000
	sink     atomic.Int64 // keeps the compiler from dropping the work
}

// A subject is the same person in the terms of both.
type subject struct {
	hogflags  rules.Subject
	posthogGo posthogSubject
}

// A pair is one document, loaded by both.
type pair struct {
	body     []byte
	keys     []string
	hogflags *rules.Set
	posthog  *posthogClient
}

func newBench() (*bench, error) {
	b := &bench{subjects: newSubjects(1024)}
	var err error
	if b.one, err = newPair(documentWithMeasured(100, b.subjects)); err != nil {
		return nil, err
	}
	if b.all100, err = newPair(document(100)); err != nil {
		return nil, err
	}
	if b.all1000, err = newPair(document(1000)); err != nil {
		return nil, err
	}
	if b.calls, err = newCalls(b.one.body); err != nil {
		return nil, err
	}
	if b.calls1k, err = newCalls(b.all1000.body); err != nil {
		return nil, err
	}
	if err := b.calls.expose(b.subjects, booleanFlag, propertyFlag); err != nil {
		return nil, err
	}
	return b, b.calls1k.expose(b.subjects[:snapshotSubjects], b.all1000.keys[:5]...)
}

func newPair(body []byte) (*pair, error) {
	set, err := loadHogflags(body)
	if err != nil {
		return nil, err
	}
	client, err := newPosthogClient(body)
	if err != nil {
		return nil, err
	}
	return &pair{body: body, keys: set.Keys(), hogflags: set, posthog: client}, nil
}

func (b *bench) close() {
	for _, p := range []*pair{b.one, b.all100, b.all1000} {
		p.posthog.close()
	}
	_ = errors.Join(b.calls.close(), b.calls1k.close())
}

// agree checks that both give the same answer to everything that is measured:
// a fast wrong answer, or one that needs the server, is not worth a row.
func (b *bench) agree() error {
	var errs []error
	for _, p := range []*pair{b.one, b.all100, b.all1000} {
		for i := range b.subjects {
			s := &b.subjects[i]
			theirs, err := p.posthog.all(&s.posthogGo)
			if err != nil {
				return fmt.Errorf("evaluate all with posthog-go: %w", err)
			}
			for _, key := range p.keys {
				answer := p.hogflags.Evaluate(key, &s.hogflags)
				if answer.Status != rules.Decided {
					errs = append(errs, fmt.Errorf("%s for %s: hogflags is inconclusive: %v", key, s.hogflags.DistinctID, answer.Missing))
				} else if answer.Value() != theirs[key] {
					errs = append(errs, fmt.Errorf("%s for %s: hogflags says %v, posthog-go %v", key, s.hogflags.DistinctID, answer.Value(), theirs[key]))
				}
				if len(errs) == 5 {
					return errors.Join(errs...)
				}
			}
		}
	}
	return errors.Join(errs...)
}

func (b *bench) rows() []row {
	return []row{
		b.oneFlag("boolean, 50 %", booleanFlag),
		b.oneFlag("three variants, 100 % rollout", variantsFlag),
		b.oneFlag("one exact property, 50 %", propertyFlag),
		b.oneFlag("five conditions of mixed operators", mixedFlag),
		b.oneFlag("nested cohort", cohortFlag),
		b.oneFlag("e-mail in a list of 1,000", listFlag),
		b.allFlags("all of 100 flags", b.all100),
		b.allFlags("all of 1,000 flags", b.all1000),
		b.call("public call with events: boolean, 50 %", booleanFlag, 0),
		b.call("public call with events: one exact property", propertyFlag, 0),
		b.call("public call with events, on all cores: one exact property", propertyFlag, runtime.GOMAXPROCS(0)),
		b.snapshot("snapshot of 5 flags out of 1,000, all read", b.calls1k, b.all1000.keys[:5]),
		b.swapping("boolean on all cores, definitions swapped every 10 ms"),
		loading("parse and compile 1,000 flags", document(1000), 1000),
		loading("parse and compile 10,000 flags", document(10000), 10000),
	}
}

// floor is what no evaluator can do without: one SHA-1 of 40 bytes and one
// look-up in a map of 100.
func (b *bench) floor(n int) error {
	index := make(map[string]int, len(b.one.keys))
	for i, key := range b.one.keys {
		index[key] = i
	}
	var input [40]byte
	copy(input[:], booleanFlag+"."+b.subjects[0].hogflags.DistinctID)
	sum := 0
	for i := range n {
		input[39] = byte(i)
		hash := sha1.Sum(input[:])
		sum += index[b.one.keys[i%len(b.one.keys)]] + int(hash[0])
	}
	b.sink.Add(int64(sum))
	return nil
}

func (b *bench) oneFlag(name, key string) row {
	return row{
		name: name,
		hogflags: func(n int) error {
			enabled := 0
			for i := range n {
				if b.one.hogflags.Evaluate(key, &b.subjects[i%len(b.subjects)].hogflags).Enabled {
					enabled++
				}
			}
			b.sink.Add(int64(enabled))
			return nil
		},
		posthogGo: func(n int) error {
			enabled := 0
			for i := range n {
				on, err := b.one.posthog.one(key, &b.subjects[i%len(b.subjects)].posthogGo)
				if err != nil {
					return err
				}
				if on {
					enabled++
				}
			}
			b.sink.Add(int64(enabled))
			return nil
		},
	}
}

func (b *bench) allFlags(name string, p *pair) row {
	var answers []rules.Answer
	return row{
		name: name,
		hogflags: func(n int) error {
			total := 0
			for i := range n {
				answers = p.hogflags.EvaluateAll(answers[:0], &b.subjects[i%len(b.subjects)].hogflags)
				total += len(answers)
			}
			b.sink.Add(int64(total))
			return nil
		},
		posthogGo: func(n int) error {
			total := 0
			for i := range n {
				values, err := p.posthog.all(&b.subjects[i%len(b.subjects)].posthogGo)
				if err != nil {
					return err
				}
				total += len(values)
			}
			b.sink.Add(int64(total))
			return nil
		},
	}
}

// swapping evaluates on all cores while another goroutine loads the
// definitions anew, from the bytes, and swaps them in.
func (b *bench) swapping(name string) row {
	var current atomic.Pointer[rules.Set]
	current.Store(b.one.hogflags)
	workers := runtime.GOMAXPROCS(0)
	return row{
		name:    name,
		workers: workers,
		batch:   10 * swapInterval,
		hogflags: func(n int) error {
			stop := every(swapInterval, func() error {
				set, err := loadHogflags(b.one.body)
				if err == nil {
					current.Store(set)
				}
				return err
			})
			err := parallel(workers, n, func(i int) error {
				if current.Load().Evaluate(booleanFlag, &b.subjects[i%len(b.subjects)].hogflags).Status != rules.Decided {
					return errors.New("inconclusive")
				}
				return nil
			})
			return errors.Join(err, stop())
		},
		posthogGo: func(n int) error {
			stop := every(swapInterval, b.one.posthog.reload)
			err := parallel(workers, n, func(i int) error {
				_, err := b.one.posthog.one(booleanFlag, &b.subjects[i%len(b.subjects)].posthogGo)
				return err
			})
			return errors.Join(err, stop(), b.one.posthog.loaded())
		},
	}
}

// every calls f at each tick until stop, which waits for it to end.
func every(interval time.Duration, f func() error) (stop func() error) {
	done, result := make(chan struct{}), make(chan error, 1)
	go func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				result <- nil
				return
			case <-ticker.C:
				if err := f(); err != nil {
					result <- err
					return
				}
			}
		}
	}()
	return func() error {
		close(done)
		return <-result
	}
}

// parallel spreads n calls over the workers.
func parallel(workers, n int, f func(i int) error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
