package main

import (
	"testing"
)

// BenchmarkRows runs every row under the testing package, for profiles and
// benchstat; the published numbers come from the command, which interleaves.
func BenchmarkRows(b *testing.B) {
	bench, err := newBench()
	if err != nil {
		b.Fatal(err)
	}
	defer bench.close()
	run := func(b *testing.B, name string, c contender) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			if err := c(b.N); err != nil {
				b.Fatal(err)
			}
		})
	}
	run(b, "floor", bench.floor)
	for _, r := range bench.rows() {
		b.Run(r.name, func(b *testing.B) {
			run(b, "hogflags", r.hogflags)
			run(b, "posthog-go", r.posthogGo)
		})
	}
}

func TestAgree(t *testing.T) {
	bench, err := newBench()
	if err != nil {
		t.Fatal(err)
	}
	defer bench.close()
	if err := bench.agree(); err != nil {
		t.Error(err)
	}
}

func TestDocumentSize(t *testing.T) {
	const flags = 1000
	if got := len(document(flags)) / flags; got < 1100 || got > 1300 {
		t.Errorf("a flag has %d bytes of JSON, want about 1200", got)
	}
}

// The list row is about a list of which subjects are found everywhere.
func TestListHoldsHalf(t *testing.T) {
	bench, err := newBench()
	if err != nil {
		t.Fatal(err)
	}
	defer bench.close()
	in := 0
	for i := range bench.subjects {
		on, err := bench.one.posthog.one(listFlag, &bench.subjects[i].posthogGo)
		if err != nil {
			t.Fatal(err)
		}
		if on {
			in++
		}
	}
	if want := 500; in != want {
		t.Errorf("%d of %d subjects are in the list, want %d", in, len(bench.subjects), want)
	}
}
