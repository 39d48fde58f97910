package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
)

const incidentPage = "../../docs/incident.md"

// TestIncident runs the commands of docs/incident.md against a relay on a file
// store, and holds the page to what they print. -update writes that into it.
func TestIncident(t *testing.T) {
	defer goleak.VerifyNone(t)
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	up, err := posthogtest.Start(posthogtest.Config{Definitions: demoProject})
	if err != nil {
		t.Fatal(err)
	}
	defer up.Close()
	folder := filepath.Join(t.TempDir(), "hogflags")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	const relayKey = "relay-key"
	for name, value := range map[string]string{
		"HOGFLAGS_CACHE": "file:" + filepath.ToSlash(folder), "POSTHOG_HOST": up.URL,
		"POSTHOG_PROJECT_API_KEY": posthogtest.ProjectToken, "POSTHOG_SECRET_KEY": relayKey,
	} {
		t.Setenv(name, value)
	}
	url, stop := startServe(t, serveCmd{
		cache: cache{Cache: os.Getenv("HOGFLAGS_CACHE"), project: project{
			ProjectToken: posthogtest.ProjectToken, SecretKey: posthogtest.SecretKey, Host: up.URL,
		}},
		Listen: "127.0.0.1:0", RelayKey: relayKey, PollInterval: time.Second,
	})
	defer func() {
		if _, err := stop(); err != nil {
			t.Error(err)
		}
	}()
	awaitReady(t, url)

	page, err := os.ReadFile(incidentPage)
	if err != nil {
		t.Fatal(err)
	}
	w := walk{t: t, up: up, relay: url}
	for line := range strings.Lines(string(page)) {
		w.line(strings.TrimSuffix(line, "\n"))
	}
	if w.commands < 10 {
		t.Errorf("the page has %d commands, want the whole incident", w.commands)
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(incidentPage, w.written.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// walk reads a page line by line and does what it says.
type walk struct {
	t        *testing.T
	up       *posthogtest.Server
	relay    string
	inside   bool     // a console block
	command  string   // whose expected output is being read
	want     []string // its lines
	commands int
	written  bytes.Buffer
}

func (w *walk) line(line string) {
	edit, isEdit := strings.CutPrefix(line, "<!-- ")
	switch {
	case isEdit:
		w.edit(strings.Fields(strings.TrimSuffix(edit, " -->")))
	case line == "```console":
		w.inside = true
	case w.inside && line == "```":
		w.finish()
		w.inside = false
	case w.inside && strings.HasPrefix(line, "$ "):
		w.finish()
		w.command = strings.TrimPrefix(line, "$ ")
	case w.inside:
		w.want = append(w.want, line)
		return // what is printed is written instead
	}
	w.written.WriteString(line + "\n")
}

// edit changes a flag in PostHog.
func (w *walk) edit(words []string) {
	w.t.Helper()
	var err error
	switch words[0] {
	case "rollout":
		var percentage float64
		if percentage, err = strconv.ParseFloat(words[2], 64); err == nil {
			err = w.up.SetRollout(words[1], percentage)
		}
	case "off":
		err = w.up.SetActive(words[1], false)
	default:
		w.t.Fatalf("unknown edit %q", words)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// finish runs the command until it prints what the page has: an edit takes a
// poll to arrive. What decides something is run once.
func (w *walk) finish() {
	w.t.Helper()
	if w.command == "" {
		return
	}
	w.commands++
	want := strings.Join(w.want, "\n") + "\n"
	decides := strings.Contains(w.command, "pin ")
	deadline := time.Now().Add(time.Minute)
	if *update && !decides {
		<-time.After(3 * time.Second) // a poll, and then some
	}
	for {
		got := w.run()
		if *update || plainer(got) == plainer(want) {
			w.written.WriteString(holder.ReplaceAllString(got, "${1}relay:31,"))
			break
		}
		if decides || time.Now().After(deadline) {
			w.t.Fatalf("%s prints\n%swant\n%s", w.command, got, want)
		}
		<-time.After(50 * time.Millisecond)
	}
	w.command, w.want = "", nil
}

func (w *walk) run() string {
	w.t.Helper()
	args := words(strings.ReplaceAll(w.command, "http://relay:8080", w.relay))
	if args[0] != "hogflags" {
		w.t.Fatalf("the page has the command %q", w.command)
	}
	var out, complaints bytes.Buffer
	if code := run(args[1:], console{out: &out, err: &complaints}); code != exitOK {
		w.t.Fatalf("%s: exit code %d, %s%s", w.command, code, &out, &complaints)
	}
	return out.String()
}

// words splits a command line; single quotes keep blanks.
func words(line string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		out = append(out, m[1]+m[2])
	}
	return out
}

// holder is whose process leads: the test's.
var holder = regexp.MustCompile(`(leader +)\S+:\d+,`)

var varying = []struct {
	what *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\d+ (s|min) ago`), "N s ago"},
	{regexp.MustCompile(`epoch \d+, seq \d+`), "epoch N, seq N"},
	{regexp.MustCompile(`(leader +).*`), "${1}X"},
	{regexp.MustCompile(` +`), " "}, // columns are as wide as what varies
}

// plainer is output without what differs from run to run.
func plainer(text string) string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.as)
	}
	return text
}
