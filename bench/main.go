// Command bench measures hogflags beside posthog-go and beside the floor of
// any evaluator (one SHA-1 and one map look-up), in one process and one run.
//
//	go run . -out results.json -table ../docs/performance.md
//
// Every repeat measures all three contenders of a row one after another, so
// that a busy moment of the machine hits them alike; the medians over the
// repeats are reported. Before anything is measured, both evaluators have to
// give the same conclusive answer for every flag and every subject.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	out := flag.String("out", "", "write the results as JSON to this `file`")
	table := flag.String("table", "", "replace the table between the markers in this Markdown `file`")
	quick := flag.Bool("quick", false, "run everything once: checks that it works, measures nothing")
	relay := flag.Bool("relay", false, "measure a relay under load instead, beside a bare net/http handler (Linux)")
	flag.Parse()
	if os.Getenv(bareVariable) != "" {
		fmt.Fprintln(os.Stderr, "bench:", serveBare())
		os.Exit(1)
	}
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: unexpected argument %q; try: go run . -out results.json\n", flag.Arg(0))
		os.Exit(2)
	}
	if *relay {
		slices, rounds := 2*time.Second, 7
		if *quick {
			slices, rounds = 100*time.Millisecond, 1
		}
		text, err := relayLoad(context.Background(), slices, rounds)
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		fmt.Print(text)
		return
	}
	if err := run(*out, *table, *quick); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(out, table string, quick bool) error {
	b, err := newBench()
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.agree(); err != nil {
		return err
	}

	effort := thorough
	if quick {
		effort = once
	}
	var results []result
	for _, r := range b.rows() {
		res, err := measure(r, b.floor, effort)
		if err != nil {
			return fmt.Errorf("measure %s: %w", r.name, err)
		}
		results = append(results, res)
		fmt.Fprintln(os.Stderr, "measured", r.name)
	}

	text := markdown(results)
	fmt.Print(text)
	if table != "" {
		if err := replaceTable(table, text); err != nil {
			return err
		}
	}
	if out == "" {
		return nil
	}
	body, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode results: %w", err)
	}
	return os.WriteFile(out, append(body, '\n'), 0o644)
}
