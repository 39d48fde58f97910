package rules_test

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hogflags/hogflags/rules"
	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// TestAgreesWithPlainEvaluator compares the compiled evaluator with a plain one
// that was written from the rules alone, on generated projects.
func TestAgreesWithPlainEvaluator(t *testing.T) {
	seeds := uint64(3000)
	if testing.Short() {
		seeds = 300
	}
	for seed := range seeds {
		compareWithPlain(t, seed)
	}
}

func FuzzAgreesWithPlainEvaluator(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { compareWithPlain(t, seed) })
}

func compareWithPlain(t *testing.T, seed uint64) {
	sample := oracle.Generate(seed)
	set, project := compile(t, sample.Definitions, sample.Options), read(t, sample)
	for i, call := range sample.Calls {
		plain := project.Evaluate(call, sample.Options)
		subject := subjectOf(call, sample.Options)
		all := set.EvaluateAll(nil, subject)
		if len(all) != len(plain) {
			t.Fatalf("seed %d, call %d: %d answers, the plain evaluator has %d", seed, i, len(all), len(plain))
		}
		for _, got := range all {
			want := plain[got.Key()]
			want.ReasonJudged, want.IndexJudged = true, true
			if diff := judge(got, want); diff != "" || (got.Status == rules.Inconclusive) != (want.Value == oracle.Inconclusive) {
				t.Fatalf("seed %d, call %d, flag %s: %s (missing %v)\nplain %s\ncall %s\noptions %+v\ndefinitions %s",
					seed, i, got.Key(), diff, got.Missing, text(want), text(call), sample.Options, sample.Definitions)
			}
			if alone := set.Evaluate(got.Key(), subject); !reflect.DeepEqual(alone, got) {
				t.Fatalf("seed %d, call %d, flag %s: alone %+v, among all %+v", seed, i, got.Key(), alone, got)
			}
			if explained := set.Explain(got.Key(), subject).Answer; !reflect.DeepEqual(explained, got) {
				t.Fatalf("seed %d, call %d, flag %s: explained %+v, evaluated %+v", seed, i, got.Key(), explained, got)
			}
		}
	}
}

func read(t *testing.T, sample oracle.Sample) *oracle.Project {
	t.Helper()
	project, err := oracle.Read(sample.Definitions)
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// TestSound completes what a call leaves unknown in many ways and asks a model
// of the server, which knows everything. What was decided must hold in every
// world.
func TestSound(t *testing.T) {
	seeds, worlds := uint64(1000), 20
	if testing.Short() {
		seeds = 100
	}
	for seed := range seeds {
		// Seeds apart from those of the other tests.
		sample := oracle.Generate(seed + 1<<32)
		set, project := compile(t, sample.Definitions, sample.Options), read(t, sample)
		rng := rand.New(rand.NewPCG(seed, 2))
		for i, call := range sample.Calls {
			subject := subjectOf(call, sample.Options)
			for range worlds {
				world := project.Complete(rng, call, sample.Options)
				for key, want := range project.Serve(call, sample.Options, world) {
					got := set.Evaluate(key, subject)
					if got.Status == rules.Inconclusive {
						continue
					}
					// A reason or index that is left open holds in every world.
					want.ReasonJudged = got.Reason != rules.ReasonNone
					want.IndexJudged = got.ConditionIndex >= 0
					if diff := judge(got, want); diff != "" {
						t.Fatalf("seed %d, call %d, flag %s: %s\ncall %s\nworld %+v\noptions %+v\ndefinitions %s",
							seed, i, key, diff, text(call), world, sample.Options, sample.Definitions)
					}
				}
			}
		}
	}
}
