package oracle

import (
	"math/rand/v2"
	"slices"
	"testing"
	_ "time/tzdata" // the worlds name zones
)

// TestSoundness compares what the plain evaluator decides with what the server
// answers in many worlds, and counts what it leaves open although no world that
// was drawn differs: most of it is rare rollouts and dates, more of it would be a mistake.
func TestSoundness(t *testing.T) {
	samples := uint64(1000)
	if testing.Short() {
		samples = 100
	}
	var decided, open, needless int
	for seed := range samples {
		d, o, n := checkSample(t, seed, 20)
		decided, open, needless = decided+d, open+o, needless+n
		if t.Failed() {
			return
		}
	}
	t.Logf("%d decided, %d open, of which %d had one value in all worlds", decided, open, needless)
	if needless*25 > decided {
		t.Errorf("%d of %d answers are left open for nothing", needless, decided+open)
	}
}

func FuzzSoundness(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkSample(t, seed, 20) })
}

func checkSample(t *testing.T, seed uint64, worlds int) (decided, open, needless int) {
	t.Helper()
	s := Generate(seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i, call := range s.Calls {
		plain := s.Project.Evaluate(call, s.Options)
		values := map[string][]any{}
		for range worlds {
			w := s.Project.Complete(rng, call, s.Options)
			served := s.Project.Serve(call, s.Options, w)
			if len(served) != len(plain) {
				t.Fatalf("seed %d: got %d answers, the server has %d", seed, len(plain), len(served))
			}
			for key, answer := range served {
				values[key] = append(values[key], answer.Value)
				if !plain[key].Allows(answer) {
					t.Errorf("seed %d call %d flag %s: decided %s, the server may answer %s\ncall %s\nworld %+v\noptions %+v\ndefinitions %s",
						seed, i, key, plain[key], answer, jsonText(call), w, s.Options, s.Definitions)
				}
			}
		}
		for key, a := range plain {
			switch {
			case a.Value != Inconclusive:
				decided++
			case len(slices.Compact(values[key])) == 1:
				open++
				needless++
				t.Logf("seed %d call %d flag %s: open, but always %v", seed, i, key, values[key][0])
			default:
				open++
			}
		}
	}
	return decided, open, needless
}
