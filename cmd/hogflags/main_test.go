package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hogflags/hogflags/internal/cloudflaretest"
	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hogflags": main})
}

// TestScripts runs testdata/script: each command, with good and with bad input.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			// No project of the developer's, and nothing asked by accident.
			for _, name := range []string{"POSTHOG_PROJECT_API_KEY", "POSTHOG_SECRET_KEY", "POSTHOG_PERSONAL_API_KEY", "POSTHOG_HOST", "HOGFLAGS_CACHE", "HOGFLAGS_RELAY_KEY", "HOGFLAGS_SIGNING_KEY", "HOGFLAGS_SIGNING_KEY_FILE", "HOGFLAGS_VERIFY_KEY", "HOGFLAGS_VERIFY_KEY_FILE", "HOGFLAGS_PUBLISH_TO", "CLOUDFLARE_API_TOKEN"} {
				env.Setenv(name, "")
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // or each command of a race build lingers for a second
			return serve(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"grow":    grow,
			"posthog": steerPostHog,
			"kv":      steerKV,
			"publish": publishDocument,
			"pack":    pack,
			"exits":   exits,
		},
	})
}

// serve starts a fake PostHog and a fake of Cloudflare's API for a script that has
// a file served.json, and puts their addresses into HOST and KV.
func serve(env *testscript.Env) error {
	body, err := os.ReadFile(filepath.Join(env.WorkDir, "served.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	server, err := posthogtest.Start(posthogtest.Config{Definitions: body})
	if err != nil {
		return err
	}
	env.Defer(server.Close)
	kv := &workersKV{API: cloudflaretest.New()}
	api := httptest.NewServer(kv)
	env.Defer(api.Close)
	env.Setenv("KV", api.URL+cloudflaretest.BasePath)
	env.Values[kvKey{}] = kv
	env.Setenv("HOST", server.URL)
	env.Values[servedKey{}] = server
	return nil
}

// servedKey is where a script's fake PostHog is kept.
type servedKey struct{}

// kvKey is where a script's fake of Cloudflare's API is kept.
type kvKey struct{}

// workersKV can refuse.
type workersKV struct {
	*cloudflaretest.API
	refuses atomic.Bool
}

// ServeHTTP answers as the API does.
func (kv *workersKV) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if kv.refuses.Load() {
		cloudflaretest.Refuse(w, http.StatusForbidden, 10000, "Authentication error")
		return
	}
	kv.API.ServeHTTP(w, req)
}

// steerKV changes how the fake of Workers KV behaves, or waits for what is in it:
//
//	kv refuse      from now on
//	kv accept
//	kv holds FILE  until it holds a document that begins like this one
func steerKV(ts *testscript.TestScript, neg bool, args []string) {
	kv, ok := ts.Value(kvKey{}).(*workersKV)
	switch {
	case neg || !ok || len(args) == 0:
		ts.Fatalf("kv: want refuse, accept or holds, in a script with a file served.json")
	case args[0] == "refuse", args[0] == "accept":
		kv.refuses.Store(args[0] == "refuse")
	case args[0] == "holds" && len(args) == 2:
		want := strings.TrimSuffix(strings.TrimSpace(ts.ReadFile(args[1])), "}")
		for deadline := time.Now().Add(time.Minute); ; {
			v, _ := kv.Get("posthog:flags:" + posthogtest.ProjectToken)
			if strings.HasPrefix(string(v.Value), want) {
				return
			}
			if time.Now().After(deadline) {
				ts.Fatalf("Workers KV holds %s, want %s", v.Value, want)
			}
			<-time.After(5 * time.Millisecond)
		}
	default:
		ts.Fatalf("kv: unknown arguments %q", args)
	}
}

// publishDocument FILE has the fake PostHog serve another document from now on.
func publishDocument(ts *testscript.TestScript, neg bool, args []string) {
	server, ok := ts.Value(servedKey{}).(*posthogtest.Server)
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: publish FILE, in a script with a file served.json")
	}
	server.SetDefinitions([]byte(ts.ReadFile(args[0])))
}

// steerPostHog changes how the fake PostHog behaves, or waits for it:
//
//	posthog fail STATUS          from now on
//	posthog hang                 likewise
//	posthog recover
//	posthog answers MORE KIND…   until it has given so many more answers of a kind: full, not modified, failed
func steerPostHog(ts *testscript.TestScript, neg bool, args []string) {
	server, ok := ts.Value(servedKey{}).(*posthogtest.Server)
	switch {
	case neg || !ok || len(args) == 0:
		ts.Fatalf("posthog: want fail, hang, recover or answers, in a script with a file served.json")
	case args[0] == "fail" && len(args) == 2:
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		server.Fail(posthogtest.Failure{Status: status})
	case args[0] == "hang":
		server.Fail(posthogtest.Failure{Delay: time.Hour})
	case args[0] == "recover":
		server.Recover()
	case args[0] == "answers" && len(args) >= 3:
		more, err := strconv.Atoi(args[1])
		ts.Check(err)
		kind := posthogtest.Kind(strings.Join(args[2:], " "))
		want := server.Count(kind) + more
		for deadline := time.Now().Add(time.Minute); server.Count(kind) < want; {
			if time.Now().After(deadline) {
				ts.Fatalf("PostHog has given %d answers of kind %s, want %d", server.Count(kind), kind, want)
			}
			<-time.After(5 * time.Millisecond)
		}
	default:
		ts.Fatalf("posthog: unknown arguments %q", args)
	}
}

// grow FILE BYTES makes a file that is at least so large.
func grow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: grow FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_RDWR|os.O_CREATE, 0o600)
	ts.Check(err)
	ts.Check(file.Truncate(size))
	ts.Check(file.Close())
}

// pack FILE GZIPPED compresses a file.
func pack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pack FILE GZIPPED")
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := io.WriteString(z, ts.ReadFile(args[0]))
	ts.Check(err)
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), packed.Bytes(), 0o600))
}

// exits CODE ARGUMENTS… runs hogflags and expects this exit code. An error has
// to be one line on stderr; without one, stderr has to be empty.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGUMENTS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("hogflags", args[1:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	lines := 0
	if want == exitUsage || want == exitUpstream || want == exitStore {
		lines = 1
	}
	if stderr := ts.ReadFile("stderr"); strings.Count(stderr, "\n") != lines {
		ts.Fatalf("stderr has %d lines, want %d:\n%s", strings.Count(stderr, "\n"), lines, stderr)
	}
}
