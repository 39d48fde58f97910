package codegen_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hogflags/hogflags/flagdef"
	"github.com/hogflags/hogflags/internal/codegen"
)

var update = flag.Bool("update", false, "rewrite the expected code in testdata")

func generate(t *testing.T, body []byte) []byte {
	t.Helper()
	defs, err := flagdef.Parse(body)
	if err != nil {
		t.Fatal(err)
	}
	code, err := codegen.Generate(defs, "flags")
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"usual", "odd", "none"} {
		t.Run(name, func(t *testing.T) {
			got := generate(t, read(t, name+".json"))
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(got), string(read(t, name+".golden"))); diff != "" {
				t.Errorf("(-got +want), -update rewrites it:\n%s", diff)
			}
		})
	}
}

// The order of the document does not show.
func TestDeterministic(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(read(t, "odd.json"), &doc); err != nil {
		t.Fatal(err)
	}
	flags := doc["flags"].([]any)
	want := generate(t, read(t, "odd.json"))
	for range 20 {
		rand.Shuffle(len(flags), func(i, j int) { flags[i], flags[j] = flags[j], flags[i] })
		body, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if got := generate(t, body); !bytes.Equal(got, want) {
			t.Fatalf("(-got +want):\n%s", cmp.Diff(string(got), string(want)))
		}
	}
}

// compiles type-checks generated code against stand-ins for what it imports.
func compiles(code []byte) error {
	packages := importer{}
	for _, p := range []struct{ path, source string }{
		{"context", `package context; type Context interface{ Done() <-chan struct{} }`},
		{"encoding/json", `package json; type RawMessage []byte`},
		{"github.com/hogflags/hogflags", `package hogflags
			import ("context"; "encoding/json")
			type Subject struct{}
			type Client struct{}
			func (*Client) GetFeatureFlag(context.Context, string, Subject) (any, error)
			func (*Client) IsFeatureEnabled(context.Context, string, Subject) (bool, error)
			type Evaluations struct{}
			func (Evaluations) IsEnabled(string) bool
			func (Evaluations) Variant(string) string
			func (Evaluations) Payload(string) json.RawMessage
			func (Evaluations) PayloadInto(string, any) error`},
		{"flags", string(code)},
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, p.path, p.source, 0)
		if err != nil {
			return err
		}
		cfg := types.Config{Importer: packages, IgnoreFuncBodies: p.path != "flags"}
		if packages[p.path], err = cfg.Check(p.path, fset, []*ast.File{file}, nil); err != nil {
			return err
		}
	}
	return nil
}

type importer map[string]*types.Package

func (i importer) Import(path string) (*types.Package, error) {
	if p := i[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("no package %s", path)
}

// Whatever the keys, variants and payloads are, the code compiles.
func TestAnyKeyCompiles(t *testing.T) {
	text := rapid.OneOf(
		rapid.StringN(1, 6, 12),
		rapid.StringMatching(`[a-cA-C_.\- 0-1]{1,4}`),
		rapid.SampledFrom([]string{"key", "keys", "variant", "payload", "flag", "get", "x", "x-key", "x-variant", "x-payload", "a-1", "func", "context", "json"}),
	)
	payload := rapid.SampledFrom([]string{`"1"`, `"{\"a\":1}"`, `"{\"a\":1,\"b\":[]}"`, `{"a-b":1,"a_b":{"c":null}}`, `[1,2.5]`, `"text"`, `true`, `"[{\"x\":\"y\"},{\"x\":1}]"`})
	rapid.Check(t, func(t *rapid.T) {
		var flags []map[string]any
		for range rapid.IntRange(0, 8).Draw(t, "flags") {
			filters := map[string]any{"groups": []any{map[string]any{}}}
			var variants []any
			payloads := map[string]any{"true": json.RawMessage(payload.Draw(t, "payload"))}
			for range rapid.IntRange(0, 3).Draw(t, "variants") {
				key := text.Draw(t, "variant")
				variants = append(variants, map[string]any{"key": key, "rollout_percentage": 10})
				payloads[key] = json.RawMessage(payload.Draw(t, "payload"))
			}
			if variants != nil {
				filters["multivariate"] = map[string]any{"variants": variants}
			}
			if rapid.Bool().Draw(t, "payloads") {
				filters["payloads"] = payloads
			}
			flags = append(flags, map[string]any{"key": text.Draw(t, "key"), "active": true, "filters": filters})
		}
		body, err := json.Marshal(map[string]any{"flags": flags})
		if err != nil {
			t.Fatal(err)
		}
		if flags == nil {
			body = []byte(`{"flags":[]}`)
		}
		defs, err := flagdef.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		code, err := codegen.Generate(defs, "flags")
		if err != nil {
			t.Fatal(err)
		}
		if err := compiles(code); err != nil {
			t.Fatalf("%v\n%s\n%s", err, body, code)
		}
	})
}

func TestPackageNames(t *testing.T) {
	defs, err := flagdef.Parse(read(t, "none.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "func", "a-b", "2fa", "_", "main", "a/b"} {
		if _, err := codegen.Generate(defs, name); err == nil {
			t.Errorf("package %q was accepted", name)
		}
	}
}

// program uses generated code; run prints what it answers.
const program = `package main

import (
	"context"
	"fmt"
	"os"
	"reflect"

	"github.com/hogflags/hogflags"

	"example.test/program/flags"
)

func main() {
	body, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	client, err := hogflags.New(ctx, hogflags.Config{Host: "http://127.0.0.1:1", ProjectToken: "phc_x", SecretKey: "phs_x", Bootstrap: body})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	ada := hogflags.Subject{DistinctID: "ada"}
	fmt.Println(flags.Beta.Get(ctx, client, ada))
	variant, err := flags.CheckoutRedesign.Get(ctx, client, ada)
	switch variant {
	case flags.CheckoutRedesignControl, flags.CheckoutRedesignHoldout7:
		panic(variant)
	case flags.CheckoutRedesignTwoPages:
		fmt.Println("two pages", err)
	}
	e, err := client.EvaluateFlags(ctx, ada)
	if err != nil {
		panic(err)
	}
	fmt.Println(flags.Beta.Enabled(e), flags.Motto.Enabled(e), flags.CheckoutRedesign.Variant(e))
	payload, err := flags.CheckoutRedesign.Payload(e)
	fmt.Println(payload.Headline, payload.Discount, len(payload.Steps), payload.Style.Dark, err)
	fmt.Println(flags.Limit.Payload(e))
	fmt.Println(flags.Types.Payload(e))
	_, err = flags.Motto.Payload(e)
	fmt.Println(err)
	fmt.Println(flags.Keys(), reflect.TypeOf(payload))
}
`

const output = `true <nil>
two pages <nil>
true false two-pages
Buy now 0.5 0 false <nil>
250 <nil>
[png pdf] <nil>
flag has no payload: "motto"
[beta checkout-redesign limit motto types] flags.CheckoutRedesignPayload
`

// A program with the code that was generated runs; once a flag is deleted, the
// same program does not compile.
func TestProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	usual := read(t, "usual.json")
	write("go.mod", fmt.Appendf(nil, "module example.test/program\n\ngo 1.26.0\n\nrequire github.com/hogflags/hogflags v0.0.0\n\nreplace github.com/hogflags/hogflags => %s\n", root))
	write("go.sum", sums)
	write("main.go", []byte(program))
	write("usual.json", usual)
	write("flags/flags.go", generate(t, usual))
	run := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), "go", "run", "-mod=mod", ".", "usual.json")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		got, err := cmd.CombinedOutput()
		return string(got), err
	}
	got, err := run()
	if diff := cmp.Diff(got, output); diff != "" || err != nil {
		t.Fatalf("%v (-got +want):\n%s", err, diff)
	}
	write("flags/flags.go", generate(t, bytes.Replace(usual, []byte(`"key": "beta"`), []byte(`"key": "gamma"`), 1)))
	got, err = run()
	if err == nil || !strings.Contains(got, "undefined: flags.Beta") {
		t.Errorf("without the flag: %v\n%s", err, got)
	}
}
