//go:build linux

package check

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/hogflags/hogflags/internal/testservers"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const relayKey = "phs_relay_key"

// The services of the example run here as they would in containers, with their
// commands, environments and files; only names and paths are others. Each relay
// is stopped and started while clients ask: none of them notices.
func TestComposeRuns(t *testing.T) {
	if _, err := exec.LookPath("haproxy"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("%v; on Debian: bash .ci/servers", err)
	}
	services := compose(t).Services
	f := &fleet{
		dir: t.TempDir(), up: posthogtest.New(t), services: services,
		redis:  testservers.StartRedis(t, services["redis"].Command[1:]...).Addr,
		relays: map[string]*relayProcess{},
	}
	if err := f.up.AddFlag([]byte(`{"id":1,"key":"on","active":true,"filters":{"groups":[{"properties":[],"rollout_percentage":100}]}}`)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"relay-1", "relay-2"} {
		f.relays[name] = &relayProcess{clients: testservers.FreeAddr(t), admin: testservers.FreeAddr(t)}
		f.startRelay(t, name)
	}
	f.startHAProxy(t)
	if n := f.up.Count(posthogtest.Full); n != 1 {
		t.Errorf("PostHog was asked for definitions %d times by two relays", n)
	}

	var asked, failed atomic.Int64
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				asked.Add(1)
				if err := f.ask(); err != nil && failed.Add(1) < 5 {
					t.Error(err)
				}
			}
		})
	}
	for _, name := range []string{"relay-1", "relay-2"} {
		f.stopRelay(t, name)
		f.startRelay(t, name)
		f.awaitClients(t, name)
	}
	close(stop)
	clients.Wait()
	t.Logf("%d requests, %d failed", asked.Load(), failed.Load())
}

// fleet is the services of the example as processes.
type fleet struct {
	dir      string
	up       *posthogtest.Server
	services types.Services
	redis    string // address
	relays   map[string]*relayProcess
	front    string // HAProxy's address
}

type relayProcess struct {
	*exec.Cmd
	clients, admin string // addresses
}

// replaced replaces each of the old texts, which have to be there.
func replaced(t *testing.T, text string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("no %q in\n%s", oldnew[i], text)
		}
		text = strings.ReplaceAll(text, oldnew[i], oldnew[i+1])
	}
	return text
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// run starts a process that ends with the test, and shows what it had to say if
// the test has failed. It returns where that is written.
func run(t *testing.T, cmd *exec.Cmd) *bytes.Buffer {
	t.Helper()
	var logs bytes.Buffer
	cmd.Stderr = &logs
	if cmd.Stdout == nil {
		cmd.Stdout = &logs
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s\n%s", cmd, &logs)
		}
	})
	return &logs
}

// await waits until try succeeds.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func get(url string, header ...string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if len(header) > 0 {
		req.Header.Set(header[0], header[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", url, resp.Status, body)
	}
	return string(body), err
}

func (f *fleet) startRelay(t *testing.T, name string) {
	t.Helper()
	service := f.services[name]
	dir := filepath.Join(f.dir, name)
	write(t, filepath.Join(dir, "posthog-secret-key"), posthogtest.SecretKey)
	write(t, filepath.Join(dir, "relay-keys"), relayKey)
	write(t, filepath.Join(dir, "relay.yaml"), replaced(t, document(t, filepath.Join(composeFolder, "config/relay.yaml")),
		"172.31.250.0/24", "127.0.0.1/32", "phc_shop", posthogtest.ProjectToken, "https://us.i.posthog.com", f.up.URL,
		"/run/secrets/", dir+"/", "/var/cache/hogflags/", dir+"/", "redis://redis:6379", "redis://"+f.redis))
	p := f.relays[name]
	p.Cmd = testservers.Command(hogflags, "serve")
	for key, value := range service.Environment {
		p.Env = append(p.Env, key+"="+*value)
	}
	p.Env = append(p.Env, "HOGFLAGS_CONFIG="+filepath.Join(dir, "relay.yaml"), "HOGFLAGS_LISTEN="+p.clients, "HOGFLAGS_ADMIN="+p.admin)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	logs := run(t, p.Cmd)
	lines := bufio.NewScanner(out)
	for _, address := range []*string{&p.clients, &p.admin} {
		if !lines.Scan() {
			_ = p.Wait()
			t.Fatalf("%s does not start\n%s", name, logs)
		}
		_, *address, _ = strings.Cut(lines.Text(), " on http://")
	}
	// The health check of the service, as Docker runs it.
	test := service.HealthCheck.Test
	await(t, name+" is healthy", func() error {
		check := exec.CommandContext(t.Context(), hogflags, test[2:]...)
		check.Env = []string{"HOGFLAGS_ADMIN_URL=http://" + p.admin}
		out, err := check.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
}

// stopRelay stops a relay as Docker does, which has it back within the time that
// the service gives it.
func (f *fleet) stopRelay(t *testing.T, name string) {
	t.Helper()
	p := f.relays[name]
	began := time.Now()
	if err := errors.Join(p.Process.Signal(syscall.SIGTERM), p.Wait()); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if took, grace := time.Since(began), time.Duration(*f.services[name].StopGracePeriod); took > grace {
		t.Errorf("%s took %v to stop, and has %v", name, took, grace)
	}
}

// startHAProxy gives HAProxy a socket that already listens, and waits until both
// relays have clients.
func (f *fleet) startHAProxy(t *testing.T) {
	text := replaced(t, document(t, filepath.Join(composeFolder, "haproxy.cfg")), "bind :8080 ", "bind fd@3 ", "port 8081 ", "")
	for name, p := range f.relays {
		_, admin, _ := net.SplitHostPort(p.admin)
		text = replaced(t, text, " "+name+":8080", " "+p.clients+" port "+admin)
	}
	path := filepath.Join(f.dir, "haproxy.cfg")
	write(t, path, text)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	cmd := testservers.Command("haproxy", "-db", "-f", path)
	cmd.ExtraFiles = []*os.File{file}
	run(t, cmd)
	f.front = "http://" + l.Addr().String()
	for name := range f.relays {
		f.awaitClients(t, name)
	}
}

var served = regexp.MustCompile(`hogflags_http_requests_total\{code="200",route="(flags|definitions)"\} [1-9]`)

// awaitClients waits until HAProxy sends requests to a relay.
func (f *fleet) awaitClients(t *testing.T, name string) {
	t.Helper()
	await(t, name+" has clients", func() error {
		if err := f.ask(); err != nil {
			return err
		}
		metrics, err := get("http://" + f.relays[name].admin + "/metrics")
		if err == nil && !served.MatchString(metrics) {
			err = errors.New("none yet")
		}
		return err
	})
}

// ask asks for a flag, and for the definitions, as SDKs do.
func (f *fleet) ask() error {
	body := fmt.Sprintf(`{"api_key":%q,"distinct_id":"ada","flag_keys_to_evaluate":["on"]}`, posthogtest.ProjectToken)
	resp, err := http.Post(f.front+"/flags?v=2", "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"enabled":true`)) {
		return fmt.Errorf("flags: %s %s, %w", resp.Status, answer, err)
	}
	_, err = get(f.front+"/flags/definitions", "Authorization", "Bearer "+relayKey)
	return err
}
