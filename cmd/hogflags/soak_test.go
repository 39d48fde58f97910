package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hogflags/hogflags/internal/testservers"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

var (
	soakFor  = flag.Duration("soak", 5*time.Second, "how long TestSoak lasts")
	soakSeed = flag.Uint64("soak.seed", 0, "the seed of TestSoak; 0: a new one")
)

// TestSoak troubles a real relay in every way at once, for -soak, and checks
// every answer. PostHog fails at random, flags are edited, the configuration is
// replaced by good ones and bad ones, subscribers come and go, and clients ask
// every endpoint. What the relay decides has to be what the rules say for a
// revision that it may have had, never an older one than somebody has seen; what
// it passes through has to be what PostHog said. Afterwards it holds no more
// memory and no more goroutines than after the first quarter.
func TestSoak(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGHUP on Windows")
	}
	seed := *soakSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	s := newSoak(t, seed)
	t.Logf("-soak.seed %d, store %q", seed, s.store)
	s.start(t)
	s.awaitReady(t)
	before := s.settled(t)

	ctx, end := context.WithTimeout(t.Context(), *soakFor)
	defer end()
	var actors sync.WaitGroup
	for i, act := range s.actors() {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		actors.Go(func() { act(ctx, rnd) })
	}
	samples := s.sample(ctx, t)
	actors.Wait()

	s.up.mood.Store(0)
	s.converges(t)
	s.up.CloseClientConnections()
	s.web.CloseIdleConnections()
	after := s.settled(t)
	s.stop(t)

	t.Log(s.counts())
	for _, complaint := range s.complaints {
		t.Error(complaint)
	}
	if after.goroutines > before.goroutines+3 {
		t.Errorf("%v goroutines when all had gone, %v before anybody came", after.goroutines, before.goroutines)
	}
	judge(t, samples)
}

// soak is one relay and all that surrounds it.
type soak struct {
	seed    uint64
	web     *http.Client
	up      *chaos
	history history
	config  string // the file
	store   string // the kind of store; empty: the relay polls by itself
	url     string
	ops     string
	process *exec.Cmd
	logs    syncLog

	mu         sync.Mutex
	done       map[string]int // what was done, how often
	complaints []string
}

func newSoak(t *testing.T, seed uint64) *soak {
	s := &soak{seed: seed, done: map[string]int{}, config: filepath.Join(t.TempDir(), "relay.yaml")}
	s.store = []string{"", "memory", "sqlite"}[seed%3]
	s.web = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, DisableCompression: true},
		Timeout:   30 * time.Second,
	}
	t.Cleanup(s.web.CloseIdleConnections)
	s.up = newChaos(t, s)
	s.publish(rand.New(rand.NewPCG(seed, 1<<32)))
	if err := os.WriteFile(s.config, s.goodConfig(settings{}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// complain notes what must not be.
func (s *soak) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.complaints) < 20 {
		s.complaints = append(s.complaints, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (s *soak) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[what]++
}

func (s *soak) counts() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, what := range slices.Sorted(maps.Keys(s.done)) {
		fmt.Fprintf(&b, "%s %d, ", what, s.done[what])
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// start runs hogflags serve.
func (s *soak) start(t *testing.T) {
	t.Helper()
	s.process = testservers.Command("hogflags", "serve", "--config", s.config)
	s.process.Env = append(os.Environ(), "SOAK_SECRET_KEY="+posthogtest.SecretKey)
	s.process.Stderr = &s.logs
	out, err := s.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.process.Process.Kill() })
	lines := bufio.NewScanner(out)
	for s.ops == "" && lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "hogflags: serving on "); ok {
			s.url = at
		}
		if at, ok := strings.CutPrefix(lines.Text(), "hogflags: health and status on "); ok {
			s.ops = at
		}
	}
	if s.ops == "" {
		t.Fatalf("the relay does not say where it serves: %v\n%s", lines.Err(), s.logs.String())
	}
}

func (s *soak) stop(t *testing.T) {
	t.Helper()
	if err := s.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := s.process.Wait(); err != nil {
		t.Errorf("hogflags serve: %v", err)
	}
	logs := s.logs.String()
	for _, bad := range []string{"panic", "DATA RACE", soakKey, soakOperator, posthogtest.SecretKey} {
		if strings.Contains(logs, bad) {
			t.Errorf("the logs hold %q", bad)
		}
	}
	if t.Failed() || len(s.complaints) > 0 {
		t.Logf("logs:\n%s", logs)
	}
}

func (s *soak) awaitReady(t *testing.T) {
	t.Helper()
	await(t, "the relay is ready", func() bool {
		resp, err := s.web.Get(s.ops + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// converges waits until the relay serves the newest revision.
func (s *soak) converges(t *testing.T) {
	t.Helper()
	want := s.history.newest()
	await(t, "the newest revision is served", func() bool {
		_ = s.refresh()
		return s.history.seen.Load() == want
	})
}

// await waits for a condition, with patience for a slow machine.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// usage is what the relay's process has of the host.
type usage struct {
	goroutines float64
	resident   float64 // bytes
	live       float64 // bytes in use after the last collection, and as much again: when the next is due
}

var usageLine = regexp.MustCompile(`(?m)^(go_goroutines|process_resident_memory_bytes|go_memstats_next_gc_bytes) (\S+)$`)

func (s *soak) usage() (u usage, err error) {
	resp, err := s.web.Get(s.ops + "/metrics")
	if err != nil {
		return u, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return u, err
	}
	for _, m := range usageLine.FindAllStringSubmatch(string(body), -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return u, err
		}
		switch m[1] {
		case "go_goroutines":
			u.goroutines = v
		case "process_resident_memory_bytes":
			u.resident = v
		default:
			u.live = v
		}
	}
	return u, nil
}

// settled is the usage once the number of goroutines does not fall any more.
func (s *soak) settled(t *testing.T) usage {
	t.Helper()
	var least usage
	for still := 0; still < 20; still++ {
		u, err := s.usage()
		if err != nil {
			t.Fatal(err)
		}
		if least.goroutines == 0 || u.goroutines < least.goroutines {
			least, still = u, 0
		}
		<-time.After(50 * time.Millisecond)
	}
	return least
}

// sample looks at the usage until ctx ends.
func (s *soak) sample(ctx context.Context, t *testing.T) []usage {
	t.Helper()
	var samples []usage
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-ticker.C:
			u, err := s.usage()
			if err != nil {
				s.complain("metrics: %v", err)
				continue
			}
			samples = append(samples, u)
		}
	}
}

// judge compares the last quarter with the one in which everything had warmed
// up: a leak would go on.
func judge(t *testing.T, samples []usage) {
	t.Helper()
	quarter := len(samples) / 4
	if quarter < 5 {
		t.Errorf("%d samples of the relay's usage are too few", len(samples))
		return
	}
	first, last := samples[:quarter], samples[len(samples)-quarter:]
	for _, of := range []struct {
		what   string
		value  func(usage) float64
		growth float64 // by which the last quarter may exceed the first
		slack  float64 // beside that
		unit   float64
	}{
		{"goroutines", func(u usage) float64 { return u.goroutines }, 1.2, 30, 1},
		{"MB when the next collection is due", func(u usage) float64 { return u.live }, 1.2, 4 << 20, 1 << 20},
		{"MB resident", func(u usage) float64 { return u.resident }, 1.2, 16 << 20, 1 << 20},
	} {
		a, b := median(first, of.value), median(last, of.value)
		t.Logf("%s: %.1f in the first quarter, %.1f in the last", of.what, a/of.unit, b/of.unit)
		// The first quarter of a short run is the one in which things are
		// allocated for the first time.
		if *soakFor >= 30*time.Second && b > a*of.growth+of.slack {
			t.Errorf("%s grow: %.1f in the first quarter, %.1f in the last", of.what, a/of.unit, b/of.unit)
		}
	}
}

func median(of []usage, value func(usage) float64) float64 {
	values := make([]float64, len(of))
	for i := range of {
		values[i] = value(of[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// syncLog keeps the end of what is written to it.
type syncLog struct {
	mu   sync.Mutex
	text []byte
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if len(l.text) > 1<<20 {
		l.text = slices.Clone(l.text[len(l.text)-1<<18:])
	}
	return len(p), nil
}

func (l *syncLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
