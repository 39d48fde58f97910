// Package edge_test holds the WebAssembly build to the native one.
package edge_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/conformance"
	"github.com/hogflags/hogflags/rules"
)

// node is the path of Node.js.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("Node.js is not installed (see .ci/servers): %v", err)
	}
	t.Skipf("Node.js is not installed: %v", err)
	return ""
}

// builds are the WebAssembly builds, by name.
func builds(t *testing.T) map[string][]byte {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "bash", "build.sh", folder).CombinedOutput(); err != nil {
		t.Fatalf("build.sh: %v\n%s", err, out)
	}
	found := map[string][]byte{}
	for _, name := range []string{"hogflags.wasm", "hogflags-small.wasm"} {
		module, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		found[name] = module
	}
	return found
}

// question is a case as agreement.mjs takes it: documents and subjects are text
// there, as JavaScript has no numbers that remember how they were written.
type question struct {
	ID          string     `json:"id"`
	Definitions string     `json:"definitions"`
	Calls       []string   `json:"calls"`
	Now         *time.Time `json:"now"`
	TimeZone    *string    `json:"timezone"`
	Complete    []string   `json:"complete"`
}

type reply struct {
	ID      string     `json:"id"`
	Error   string     `json:"error"`
	Results [][]answer `json:"results"`
}

type answer struct {
	Key            string   `json:"key"`
	Status         string   `json:"status"`
	Value          any      `json:"value"`
	Payload        *string  `json:"payload"`
	Reason         *string  `json:"reason"`
	ConditionIndex *int     `json:"conditionIndex"`
	Missing        []string `json:"missing"`
}

// Every answer to every case is the same through WebAssembly and Node.js as it is
// natively: value, payload, reason, index, and what is missing. The small build
// may be inconclusive where it lacks something, and never says another thing.
func TestAgreement(t *testing.T) {
	if testing.Short() {
		t.Skip("builds WebAssembly and answers 1,521 documents three times")
	}
	if runtime.GOOS == "windows" {
		t.Skip("build.sh needs a shell")
	}
	program := node(t)
	questions, cases := questions(t)
	for name, module := range builds(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			small := name == "hogflags-small.wasm"
			var packed bytes.Buffer
			zip, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
			_, _ = zip.Write(module)
			_ = zip.Close()
			if packed.Len() > 1_500_000 {
				t.Errorf("gzipped it has %d bytes, want at most 1,500,000", packed.Len())
			}
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, module, 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), program, "test/agreement.mjs", path)
			command.Stdin = bytes.NewReader(questions)
			var complaints bytes.Buffer
			command.Stderr = &complaints
			out, err := command.Output()
			if err != nil {
				t.Fatalf("agreement.mjs: %v\n%s", err, complaints.String())
			}
			lines := bufio.NewScanner(bytes.NewReader(out))
			lines.Buffer(nil, 64<<20)
			compared, open := 0, 0
			for _, c := range cases {
				if !lines.Scan() {
					t.Fatalf("no reply to case %s", c.ID)
				}
				var got reply
				if err := json.Unmarshal(lines.Bytes(), &got); err != nil || got.ID != c.ID {
					t.Fatalf("case %s: %v, %.200s", c.ID, err, lines.Text())
				}
				if small && c.TimeZone != nil {
					if *c.TimeZone != "UTC" && got.Error == "" {
						t.Errorf("case %s: the small build took a time zone that it has no data of", c.ID)
					}
					continue
				}
				want := native(t, c)
				for i := range want {
					for j := range want[i] {
						compared++
						if small && got.Error == "" && got.Results[i][j].Status == "inconclusive" && want[i][j].Status == "decided" {
							got.Results[i][j] = want[i][j]
							open++
						}
					}
				}
				if diff := cmp.Diff(got, reply{ID: c.ID, Results: want}); diff != "" && !small {
					t.Errorf("case %s (-wasm +native):\n%s", c.ID, diff)
				} else if small && !sameValues(got.Results, want) {
					t.Errorf("case %s (-wasm +native):\n%s", c.ID, diff)
				}
			}
			t.Logf("%d answers compared, %d of them inconclusive in this build alone; %d bytes, %d gzipped", compared, open, len(module), packed.Len())
			if compared < 5000 {
				t.Errorf("%d answers compared, want all of the cases", compared)
			}
		})
	}
}

func questions(t *testing.T) ([]byte, []*conformance.Case) {
	t.Helper()
	file, err := os.ReadFile("../rules/testdata/cases.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	var cases []*conformance.Case
	for c, err := range conformance.Read(bytes.NewReader(file)) {
		if err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	plain, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	dec := json.NewDecoder(plain)
	for _, c := range cases {
		var raw struct {
			Calls []json.RawMessage `json:"calls"`
		}
		if err := dec.Decode(&raw); err != nil {
			t.Fatal(err)
		}
		q := question{ID: c.ID, Definitions: string(c.Definitions), Now: c.Now, TimeZone: c.TimeZone, Complete: c.Complete}
		for _, call := range raw.Calls {
			q.Calls = append(q.Calls, string(call))
		}
		if err := enc.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes(), cases
}

// native answers a case without WebAssembly.
func native(t *testing.T, c *conformance.Case) [][]answer {
	t.Helper()
	defs, err := flagdef.Parse(c.Definitions)
	if err != nil {
		t.Fatal(err)
	}
	var opts rules.Options
	if c.TimeZone != nil {
		if opts.TimeZone, err = time.LoadLocation(*c.TimeZone); err != nil {
			t.Fatal(err)
		}
	}
	set := rules.Compile(defs, opts)
	results := make([][]answer, len(c.Calls))
	for i := range c.Calls {
		subject, err := c.Subject(i)
		if err != nil {
			t.Fatal(err)
		}
		if c.Now == nil {
			subject.Now = time.UnixMilli(0).UTC()
		}
		results[i] = []answer{}
		for _, a := range set.EvaluateAll(nil, &subject) {
			w := answer{Key: a.Key(), Status: a.Status.String(), Value: a.Value(), Missing: []string{}}
			if payload := a.Payload(); payload != nil {
				text := string(payload)
				w.Payload = &text
			}
			if reason := a.Reason.String(); reason != "" {
				w.Reason = &reason
			}
			if a.Status == rules.Decided && a.ConditionIndex >= 0 {
				w.ConditionIndex = &a.ConditionIndex
			}
			for _, m := range a.Missing {
				w.Missing = append(w.Missing, m.String())
			}
			results[i] = append(results[i], w)
		}
	}
	return results
}

func sameValues(got, want [][]answer) bool {
	values := func(results [][]answer) (all [][3]any) {
		for _, answers := range results {
			for _, a := range answers {
				all = append(all, [3]any{a.Key, a.Status, a.Value})
			}
		}
		return all
	}
	return cmp.Equal(values(got), values(want))
}
