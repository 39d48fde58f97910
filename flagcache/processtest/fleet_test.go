//go:build unix

package processtest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagcache/internal/tcpproxy"
	"github.com/hogflags/hogflags/internal/testservers"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const (
	fleetSize = 20
	interval  = 2 * time.Second
	longest   = interval * 11 / 10 // an interval with its jitter
	takeOver  = 15 * time.Second   // as docs/fleet-protocol.md promises
)

// fleet is 20 processes on one store, behind a network that can be broken.
type fleet struct {
	up    *posthogtest.Server
	proxy *tcpproxy.Proxy
	all   []*process
	began time.Time

	unpushed time.Duration // how long others may take to notice a change, if the store does not push

	rollout float64 // of the flag, in percent: another one is another document
	extra   int     // requests upstream that take-overs and thaws excuse
}

func startFleet(t *testing.T, target string, storeURL func(addr string) string) *fleet {
	t.Helper()
	build(t)
	f := &fleet{up: posthogtest.New(t), proxy: tcpproxy.Start(t, target), began: time.Now()}
	if err := f.up.AddFlag([]byte(flag)); err != nil {
		t.Fatal(err)
	}
	env := f.env(storeURL(f.proxy.Addr))
	f.all = make([]*process, fleetSize)
	for i := range f.all {
		f.all[i] = start(t, fmt.Sprintf("p%02d", i), env, "--poll-interval", interval.String())
	}
	return f
}

// env is the environment of its processes.
func (f *fleet) env(storeURL string) []string {
	return []string{
		"HOGFLAGS_CACHE=" + storeURL,
		"POSTHOG_HOST=" + f.up.URL, "POSTHOG_PROJECT_API_KEY=" + posthogtest.ProjectToken, "POSTHOG_SECRET_KEY=" + posthogtest.SecretKey,
		"GOMAXPROCS=1",
	}
}

const flag = `{"id":1,"key":"banner","active":true,"filters":{"groups":[{"properties":[],"rollout_percentage":0}]}}`

// live are the processes that can answer.
func (f *fleet) live() []*process {
	return slices.DeleteFunc(slices.Clone(f.all), func(p *process) bool { return p.gone || p.cold })
}

// statuses asks every live process at once.
func (f *fleet) statuses(ctx context.Context) (map[*process]status, error) {
	all, errs := map[*process]status{}, []error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, p := range f.live() {
		wg.Go(func() {
			s, err := p.status(ctx)
			mu.Lock()
			defer mu.Unlock()
			all[p] = s
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	if len(errs) > 0 {
		return nil, errs[0]
	}
	return all, nil
}

// await asks the fleet until it is as it should be, and returns how long that took.
func (f *fleet) await(t *testing.T, what string, within time.Duration, good func(map[*process]status) error) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := f.statuses(t.Context())
		if err == nil {
			err = good(all)
		}
		took := time.Since(began)
		if err == nil {
			return took
		}
		if took > within {
			t.Fatalf("%s: not within %v: %v", what, within, err)
		}
		<-tick.C
	}
}

// leader is the one process that leads.
func leader(all map[*process]status) (*process, error) {
	var found []*process
	for p, s := range all {
		if s.Leader {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d processes lead, want 1", len(found))
	}
	return found[0], nil
}

// led waits for one leader, and for everybody to serve what upstream has.
func (f *fleet) led(t *testing.T, what string, within time.Duration) (*process, time.Duration) {
	t.Helper()
	var who *process
	want := fmt.Sprintf("%x", revisionOf(f.up.Definitions()))
	took := f.await(t, what, within, func(all map[*process]status) (err error) {
		if who, err = leader(all); err != nil {
			return err
		}
		for p, s := range all {
			if s.Revision != want || s.State != "current" {
				return fmt.Errorf("%s serves %.8s (%s), want %.8s", p.name, s.Revision, s.State, want)
			}
		}
		return nil
	})
	return who, took
}

// serving reports an error unless every live process serves a document now.
func (f *fleet) serving(t *testing.T, when string) {
	t.Helper()
	for _, p := range f.live() {
		code, body, err := p.get(t.Context(), "/flags/definitions")
		if err != nil || code != http.StatusOK || !bytes.Contains(body, []byte("banner")) {
			t.Errorf("%s: %s answers %d %q, %v, want definitions", when, p.name, code, body, err)
		}
	}
}

// edit rolls the flag out and returns how long after the leader each follower
// served the edit. All clocks are this machine's.
func (f *fleet) edit(t *testing.T, percentage float64) []time.Duration {
	t.Helper()
	if err := f.up.SetRollout("banner", percentage); err != nil {
		t.Fatal(err)
	}
	who, _ := f.led(t, "the edit reaches all", longest+2*time.Second+f.unpushed)
	all, err := f.statuses(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lags []time.Duration
	for p, s := range all {
		if p != who {
			lags = append(lags, s.AppliedAt.Sub(all[who].AppliedAt))
		}
	}
	want := f.up.Definitions()
	for _, p := range f.live() {
		if _, body, err := p.get(t.Context(), "/flags/definitions"); err != nil || !bytes.Equal(body, want) {
			t.Errorf("%s serves %s, %v, want upstream's bytes", p.name, body, err)
		}
	}
	return lags
}

// propagation makes edits and checks how long after the leader the others serve
// them. A machine that is busy with other tests gets three tries. It returns how
// many edits it made.
func (f *fleet) propagation(t *testing.T, what string) (edits int) {
	t.Helper()
	const most, perTry = 150 * time.Millisecond, 5
	for {
		var lags []time.Duration
		for range perTry {
			f.rollout++
			lags = append(lags, f.edit(t, f.rollout)...)
		}
		edits += perTry
		slices.Sort(lags)
		p99 := lags[(len(lags)*99+99)/100-1]
		t.Logf("an edit reaches the others in %v (99th percentile) %s", p99, what)
		if p99 < most {
			return edits
		}
		if edits == 3*perTry {
			t.Errorf("an edit reaches the others in %v (99th percentile) %s, want less than %v", p99, what, most)
			return edits
		}
	}
}

// allowance is how many requests upstream the time since the start allows.
func (f *fleet) allowance() int { return 1 + int(time.Since(f.began)/interval) + f.extra }

func (f *fleet) checkRequests(t *testing.T, when string, full int) {
	t.Helper()
	if got := f.up.Count(posthogtest.Full); got != full {
		t.Errorf("%s: %d full requests upstream, want %d", when, got, full)
	}
	if got, most := len(f.up.Requests()), f.allowance(); got > most {
		t.Errorf("%s: %d requests upstream in %v, want at most %d", when, got, time.Since(f.began), most)
	}
	if got := f.up.Count(posthogtest.Failed); got != 0 {
		t.Errorf("%s: %d requests upstream failed, want none", when, got)
	}
}

func TestProcessesOnRedis(t *testing.T) {
	needServers(t)
	server := testservers.StartRedis(t)
	f := startFleet(t, server.Addr, func(addr string) string { return "redis://" + addr })
	f.story(t, func() {
		server.Kill()
		server.Start(t) // it keeps nothing on disk
	})
}

func TestProcessesOnPostgres(t *testing.T) {
	needServers(t)
	server := testservers.StartPostgres(t)
	f := startFleet(t, server.Addr, func(addr string) string {
		return "postgres://postgres@" + addr + "/postgres?sslmode=disable&create_table=true"
	})
	f.story(t, func() {
		server.Kill()
		server.Start(t)
		emptyTable(t, server.URL)
	})
}

// needServers skips where the test is not wanted. Where servers must be there,
// a skip for want of them is a failure.
func needServers(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts 20 processes, and takes a minute")
	}
	if os.Getenv("CI") == "true" {
		t.Cleanup(func() {
			if t.Skipped() {
				t.Error("skipped, but CI has to have the servers")
			}
		})
	}
}
