//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

// With -short there is an image for this processor alone: another one is as much
// to compile again.
func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		architectures = []string{runtime.GOARCH}
	}
	os.Exit(m.Run())
}

// tools are programs that others have written against OCI's specification.
func tools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skipf("%v; on Debian: bash .ci/servers", err)
		}
	}
}

func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, exit.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The archive can be read by skopeo and unpacked by umoci, and what is in it
// runs: in a folder of its own, as the image's user, with the image's arguments
// and environment.
func TestImage(t *testing.T) {
	tools(t, "skopeo", "umoci")
	dir := t.TempDir()
	archive := filepath.Join(dir, "image.tar")
	if _, err := build(t.Context(), "..", archive); err != nil {
		t.Fatal(err)
	}
	for _, arch := range architectures {
		t.Run(arch, func(t *testing.T) { checkConfig(t, archive, arch) })
	}
	// A registry gets the image in the same steps, with docker:// for dir:.
	command(t, "skopeo", "copy", "--quiet", "--all", "oci-archive:"+archive, "dir:"+filepath.Join(dir, "all"))

	for _, arch := range architectures {
		oci := "oci:" + filepath.Join(dir, arch) + ":test"
		command(t, "skopeo", "copy", "--quiet", "--override-arch", arch, "oci-archive:"+archive, oci)
		c := unpack(t, strings.TrimPrefix(oci, "oci:"), filepath.Join(dir, "bundle-"+arch))
		t.Run(arch+" binary", func(t *testing.T) { checkBinary(t, filepath.Join(c.root, binaryPath), arch) })
		if arch == runtime.GOARCH {
			t.Run("refuses strangers", func(t *testing.T) { refusesStrangers(t, c) })
			t.Run("serves", func(t *testing.T) { serves(t, c) })
		}
	}
}

func checkConfig(t *testing.T, archive, arch string) {
	var image imageConfig
	if err := json.Unmarshal([]byte(command(t, "skopeo", "inspect", "--override-arch", arch, "--config", "oci-archive:"+archive)), &image); err != nil {
		t.Fatal(err)
	}
	if image.Architecture != arch || image.OS != "linux" || image.Config.User != "65532:65532" || !slices.Equal(image.Config.Cmd, []string{"serve"}) {
		t.Errorf("the image is %+v", image)
	}
	if v := image.Config.Labels["org.opencontainers.image.version"]; v == "" {
		t.Error("the image has no version")
	}
}

// checkBinary checks that the kernel alone is enough to run it.
func checkBinary(t *testing.T, path, arch string) {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]; f.Machine != want {
		t.Errorf("it is for %v, want %v", f.Machine, want)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it is not static")
		}
	}
}

// container is an image as umoci has unpacked it.
type container struct {
	root    string
	Process struct {
		User struct{ UID, GID uint32 }
		Args []string
		Env  []string
		Cwd  string
	}
}

func unpack(t *testing.T, image, bundle string) container {
	args := []string{"unpack", "--image", image, bundle}
	if os.Getuid() != 0 {
		args = slices.Insert(args, 1, "--rootless")
	}
	command(t, "umoci", args...)
	c := container{root: filepath.Join(bundle, "rootfs")}
	body, err := os.ReadFile(filepath.Join(bundle, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &c); err != nil {
		t.Fatal(err)
	}
	// The folders above it are for this user alone.
	for dir := c.root; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// command is what a runtime would start, but for namespaces and limits.
func (c container) command(ctx context.Context, args []string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = c.Process.Cwd
	cmd.Env = slices.Concat(c.Process.Env, env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: c.root, Pdeathsig: syscall.SIGKILL}
	if uid, gid := c.Process.User.UID, c.Process.User.GID; os.Getuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	} else {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(uid), HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(gid), HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// Without a relay key a container, which listens to everybody, does not start. A
// folder that cannot be written does not keep it from doing so.
func refusesStrangers(t *testing.T, c container) {
	cache := filepath.Join(c.root, cachePath)
	if err := os.Chmod(cache, 0o500); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(cache, 0o700) }()
	out, err := c.command(t.Context(), c.Process.Args, "POSTHOG_PROJECT_API_KEY=phc_x", "POSTHOG_SECRET_KEY=phs_x").CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "listen on :8080: anybody there could read the flags") {
		t.Errorf("it ended with %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "definitions are kept in memory alone") {
		t.Errorf("in a folder that is read-only:\n%s", out)
	}
}

func serves(t *testing.T, c container) {
	up := posthogtest.New(t)
	host := behindTLS(t, up.URL, filepath.Join(c.root, rootsPath))
	relay := c.command(t.Context(), c.Process.Args,
		"HOGFLAGS_LISTEN=127.0.0.1:0", "HOGFLAGS_ADMIN=127.0.0.1:0", "HOGFLAGS_RELAY_KEY=relay-key", "HOGFLAGS_TIMEZONE=Europe/Berlin",
		"POSTHOG_HOST="+host, "POSTHOG_PROJECT_API_KEY="+posthogtest.ProjectToken, "POSTHOG_SECRET_KEY="+posthogtest.SecretKey)
	var logs bytes.Buffer // read after it has ended
	relay.Stderr = &logs
	stdout, err := relay.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() error {
		ended = true
		_ = relay.Process.Signal(syscall.SIGTERM)
		return relay.Wait()
	}
	defer func() {
		if !ended {
			_ = end()
		}
		if t.Failed() {
			t.Log(&logs)
		}
	}()
	lines := bufio.NewScanner(stdout)
	address := func() string {
		if !lines.Scan() {
			_ = end()
			t.Fatalf("it does not say where it listens\n%s", &logs)
		}
		_, url, _ := strings.Cut(lines.Text(), " on ")
		return url
	}
	clients, admin := address(), address()

	hogflags := c.Process.Args[0]
	var out []byte
	for deadline := time.Now().Add(time.Minute); ; {
		if out, err = c.command(t.Context(), []string{hogflags, "ready"}, "HOGFLAGS_ADMIN_URL="+admin).CombinedOutput(); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("hogflags ready: %v\n%s", err, out)
		}
	}
	if out, err := c.command(t.Context(), []string{hogflags, "health"}, "HOGFLAGS_ADMIN_URL="+admin).CombinedOutput(); err != nil {
		t.Errorf("hogflags health: %v\n%s", err, out)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, clients+"/flags/definitions", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer relay-key")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(`"flags"`)) {
		t.Errorf("definitions: %s\n%s", resp.Status, body)
	}
	if _, err := os.Stat(filepath.Join(c.root, cachePath, "definitions.db")); err != nil {
		t.Errorf("no definitions are kept: %v", err)
	}
	if err := end(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// behindTLS serves up with a certificate that is added to the file of roots.
func behindTLS(t *testing.T, up, roots string) string {
	target, err := url.Parse(up)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(target))
	t.Cleanup(server.Close)
	body, err := os.ReadFile(roots)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(body, []byte("BEGIN CERTIFICATE")); n < 100 {
		t.Errorf("%d certificate authorities", n)
	}
	body = append(body, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})...)
	if err := os.WriteFile(roots, body, 0o644); err != nil {
		t.Fatal(err)
	}
	return server.URL
}

// Two clones in different folders give the same bytes.
func TestReproducible(t *testing.T) {
	tools(t, "git")
	if out, err := exec.Command("git", "-C", "..", "rev-parse", "HEAD").CombinedOutput(); err != nil {
		t.Skipf("not a clone of the repository: %s", out)
	}
	var digests, names []string
	for i, folder := range []string{"a", "another/folder"} {
		clone := filepath.Join(t.TempDir(), folder)
		command(t, "git", "clone", "--quiet", "..", clone)
		archive := filepath.Join(t.TempDir(), strconv.Itoa(i))
		name, err := build(t.Context(), clone, archive)
		if err != nil {
			t.Fatal(err)
		}
		body, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		digests = append(digests, fmt.Sprint(digest(body), " ", len(body)))
	}
	if names[0] != names[1] || digests[0] != digests[1] {
		t.Errorf("not the same:\n%s, archive %s\n%s, archive %s", names[0], digests[0], names[1], digests[1])
	}
	if strings.HasPrefix(names[0], "hogflags:devel ") {
		t.Errorf("%s: the version is not in it", names[0])
	}
}
