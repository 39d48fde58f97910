package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// Load on a relay: the real binary with 100 flags, and beside it a bare net/http
// handler with a constant answer, each a process of its own with one core. Slices
// of load alternate between them, with the same requests.
const (
	loadConnections = 16
	loadRelayKey    = "phs_relay_load"
	bareVariable    = "HOGFLAGS_BENCH_BARE"
	bareAnswer      = `{"key":"a-flag","value":true,"reason":"TARGETING_MATCH","metadata":{"local":true,"flagId":1,"version":"1"}}`
)

// serveBare is the other contender, in a process of its own.
func serveBare() error {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("serving on http://" + l.Addr().String())
	server := http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, bareAnswer)
	})}
	return server.Serve(l)
}

// target is a server under load.
type target struct {
	cmd     *exec.Cmd
	address string
}

// startTarget starts a process with one core and waits for its address.
func startTarget(env []string, name string, args ...string) (*target, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(append(os.Environ(), "GOMAXPROCS=1"), env...)
	cmd.Stderr = io.Discard
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), "http://")
	if err != nil || !ok {
		_ = cmd.Process.Kill()
		return nil, errors.Join(fmt.Errorf("%s said %q instead of its address", name, line), err, cmd.Wait())
	}
	return &target{cmd, address}, nil
}

func (t *target) stop() {
	_ = t.cmd.Process.Kill()
	_ = t.cmd.Wait() // killed
}

// processor is the time that the process has used so far.
func (t *target) processor() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, more := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, more)
}

// resident is the memory of the process, in bytes.
func (t *target) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return kb << 10, err
}

// load is one kind of request.
type load struct {
	name     string
	requests [][]byte // in turn, as sent
	status   int
	atLeast  float64 // of the bare handler's rate
}

// slice is what came of a while of load.
type slice struct {
	perSecond float64 // requests per second of the process's time
	p99       time.Duration
}

// run sends requests for a while.
func (l *load) run(t *target, status int, d time.Duration) (slice, error) {
	before, err := t.processor()
	if err != nil {
		return slice{}, err
	}
	var mu sync.Mutex
	var times []time.Duration
	var wait sync.WaitGroup
	errs := make([]error, loadConnections)
	end := time.Now().Add(d)
	for i := range loadConnections {
		wait.Go(func() {
			took, err := l.connection(t.address, status, i, end)
			mu.Lock()
			defer mu.Unlock()
			times, errs[i] = append(times, took...), err
		})
	}
	wait.Wait()
	after, err := t.processor()
	if err = errors.Join(append(errs, err)...); err != nil {
		return slice{}, fmt.Errorf("%s: %w", l.name, err)
	}
	slices.Sort(times)
	return slice{float64(len(times)) / (after - before).Seconds(), times[len(times)*99/100]}, nil
}

// connection sends one request after another.
func (l *load) connection(address string, status, first int, end time.Time) (times []time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	r := bufio.NewReaderSize(conn, 64<<10)
	for i := first; ; i++ {
		began := time.Now()
		if began.After(end) {
			return times, nil
		}
		if _, err := conn.Write(l.requests[i%len(l.requests)]); err != nil {
			return times, err
		}
		if err := readAnswer(r, status); err != nil {
			return times, err
		}
		times = append(times, time.Since(began))
	}
}

// readAnswer reads an answer as cheaply as can be, and checks its status.
func readAnswer(r *bufio.Reader, want int) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case first && !bytes.Contains(line, strconv.AppendInt(nil, int64(want), 10)):
			return fmt.Errorf("answered %q", line)
		case len(line) <= 2:
			_, err := r.Discard(length)
			return err
		case bytes.HasPrefix(line, []byte("Content-Length: ")):
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[16:]))); err != nil {
				return err
			}
		}
	}
}

func wireRequest(method, path, header, body string) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer %s\r\n%sContent-Length: %d\r\n\r\n%s", method, path, loadRelayKey, header, len(body), body)
}

// loads are the kinds of requests, for 100 subjects.
func loads(key, etag string) []load {
	all := []load{
		{name: "OFREP, one flag", status: 200, atLeast: .6},
		{name: "OFREP, 100 flags", status: 200, atLeast: .25},
		{name: "`/flags?v=2`, 100 flags", status: 200, atLeast: .2},
		{name: "definitions, 304", status: 304, atLeast: .7},
	}
	const asJSON = "Content-Type: application/json\r\n"
	for _, s := range newSubjects(100) {
		ofrep := ofrepBody(s)
		flags, _ := json.Marshal(map[string]any{"token": posthogtest.ProjectToken, "distinct_id": s.hogflags.DistinctID, "person_properties": s.hogflags.PersonProperties})
		for i, request := range [][]byte{
			wireRequest("POST", "/ofrep/v1/evaluate/flags/"+key, asJSON, ofrep),
			wireRequest("POST", "/ofrep/v1/evaluate/flags", asJSON, ofrep),
			wireRequest("POST", "/flags?v=2", asJSON, string(flags)),
			wireRequest("GET", "/flags/definitions?token="+posthogtest.ProjectToken, "If-None-Match: "+etag+"\r\n", ""),
		} {
			all[i].requests = append(all[i].requests, request)
		}
	}
	return all
}

func ofrepBody(s subject) string {
	context := map[string]any{"targetingKey": s.hogflags.DistinctID}
	maps.Copy(context, s.hogflags.PersonProperties)
	body, _ := json.Marshal(map[string]any{"context": context}) // strings and numbers do not fail
	return string(body)
}

// relayLoad measures, and writes a table.
func relayLoad(ctx context.Context, slicesOf time.Duration, rounds int) (string, error) {
	dir, err := os.MkdirTemp("", "relayload")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "hogflags")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/hogflags")
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as the image is built
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build hogflags: %w: %s", err, out)
	}
	project := document(100)
	var flags struct{ Flags []struct{ Key string } }
	if err := json.Unmarshal(project, &flags); err != nil {
		return "", err
	}
	key := flags.Flags[0].Key
	up, err := posthogtest.Start(posthogtest.Config{Definitions: project})
	if err != nil {
		return "", err
	}
	defer up.Close()
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	bare, err := startTarget([]string{bareVariable + "=1"}, self)
	if err != nil {
		return "", err
	}
	defer bare.stop()

	startRelay := func() (*target, error) {
		return startTarget([]string{"POSTHOG_SECRET_KEY=" + posthogtest.SecretKey, "HOGFLAGS_RELAY_KEY=" + loadRelayKey}, binary, "serve",
			"--listen", "127.0.0.1:0", "--cache", "memory:", "--project-token", posthogtest.ProjectToken, "--host", up.URL, "--remote", "never", "--timezone", "UTC")
	}
	var starts []time.Duration
	for range max(3, rounds) {
		began := time.Now()
		t, err := startRelay()
		if err != nil {
			return "", err
		}
		err = awaitAnswer(t.address, key)
		starts = append(starts, time.Since(began))
		t.stop()
		if err != nil {
			return "", err
		}
	}
	slices.Sort(starts)
	relay, err := startRelay()
	if err != nil {
		return "", err
	}
	defer relay.stop()
	if err := awaitAnswer(relay.address, key); err != nil {
		return "", err
	}
	etag, err := etagOf(relay.address)
	if err != nil {
		return "", err
	}

	var b strings.Builder
	b.WriteString("| request | relay, per second of one core | bare handler | share | p99, relay | p99, bare |\n|---|--:|--:|--:|--:|--:|\n")
	for _, l := range loads(key, etag) {
		var relays, bares []slice
		for range rounds {
			r, err := l.run(relay, l.status, slicesOf)
			if err != nil {
				return "", err
			}
			h, err := l.run(bare, 200, slicesOf)
			if err != nil {
				return "", err
			}
			relays, bares = append(relays, r), append(bares, h)
		}
		r, h := middle(relays), middle(bares)
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f %% | %.1f ms | %.1f ms |\n", l.name, r.perSecond, h.perSecond, 100*r.perSecond/h.perSecond,
			r.p99.Seconds()*1000, h.p99.Seconds()*1000)
	}
	memory, err := relay.resident()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "\nResident memory after the load %.1f MB; from start to the first right answer %.0f ms (median of %d).\n",
		float64(memory)/1e6, starts[len(starts)/2].Seconds()*1000, len(starts))
	return b.String(), nil
}

// middle is the medians.
func middle(all []slice) slice {
	rates, waits := make([]float64, len(all)), make([]time.Duration, len(all))
	for i, s := range all {
		rates[i], waits[i] = s.perSecond, s.p99
	}
	slices.Sort(rates)
	slices.Sort(waits)
	return slice{rates[len(rates)/2], waits[len(waits)/2]}
}

// awaitAnswer asks for one flag until the answer is right.
func awaitAnswer(address, key string) error {
	body := ofrepBody(newSubjects(1)[0])
	deadline := time.Now().Add(time.Minute)
	for {
		req, err := http.NewRequest(http.MethodPost, "http://"+address+"/ofrep/v1/evaluate/flags/"+key, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+loadRelayKey)
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK && bytes.Contains(body, []byte(`"value":`)) {
				return nil
			}
			err = fmt.Errorf("%s: %s", resp.Status, body)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the relay does not answer: %w", err)
		}
		time.Sleep(time.Millisecond)
	}
}

func etagOf(address string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, "http://"+address+"/flags/definitions?token="+posthogtest.ProjectToken, http.NoBody)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+loadRelayKey)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	return resp.Header.Get("ETag"), resp.Body.Close()
}
