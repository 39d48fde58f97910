package oracle

import (
	"math/rand/v2"
	"reflect"
	"testing"
	_ "time/tzdata"
)

// TestSoundness compares what the plain evaluator decides with what the server
// answers in many worlds, and counts what it leaves open although no world that
// was drawn differs.
func TestSoundness(t *testing.T) {
	samples, worlds := uint64(1500), 25
	if testing.Short() {
		samples = 200
	}
	var decided, open, needless int
	for seed := range samples {
		s := Generate(seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		for i, call := range s.Calls {
			plain, err := Evaluate(s.Definitions, call, s.Options)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string][]any{}
			for range worlds {
				w, err := Complete(rng, s.Definitions, call, s.Options)
				if err != nil {
					t.Fatal(err)
				}
				served, err := Serve(s.Definitions, call, s.Options, w)
				if err != nil {
					t.Fatal(err)
				}
				if len(served) != len(plain) {
					t.Fatalf("seed %d: %d answers, the server has %d", seed, len(plain), len(served))
				}
				for key, want := range served {
					seen[key] = append(seen[key], want.Value)
					got := plain[key]
					if got.Value == Inconclusive || agree(got, want) {
						continue
					}
					t.Errorf("seed %d call %d flag %s: decided %s, the server may answer %s\ncall %s\nworld %+v\noptions %+v\ndefinitions %s",
						seed, i, key, jsonText(got), jsonText(want), jsonText(call), w, s.Options, s.Definitions)
					if t.Failed() {
						return
					}
				}
			}
			for key, a := range plain {
				if a.Value != Inconclusive {
					decided++
					continue
				}
				open++
				if allEqual(seen[key]) {
					needless++
					if testing.Verbose() && needless <= 40 {
						t.Logf("needless? seed %d call %d flag %s always %v", seed, i, key, seen[key][0])
					}
				}
			}
		}
	}
	t.Logf("%d decided, %d open, of which %d had the same value in all %d worlds", decided, open, needless, worlds)
}

// agree says that a decided answer holds for what the server answered. A reason
// or an index that is left out holds for any.
func agree(got, served Answer) bool {
	return got.Value == served.Value && reflect.DeepEqual(got.Payload, served.Payload) &&
		(got.Reason == nil || reflect.DeepEqual(got.Reason, served.Reason)) &&
		(got.ConditionIndex == nil || reflect.DeepEqual(got.ConditionIndex, served.ConditionIndex))
}

func allEqual(values []any) bool {
	for _, v := range values {
		if v != values[0] {
			return false
		}
	}
	return true
}
