package rules

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/hogflags/hogflags/rules/internal/oracle"
)

// TestVectors_internal checks the parts of the evaluation that have published
// values of their own.
func TestVectors_internal(t *testing.T) {
	var vectors struct {
		Hash []struct {
			Prefix, Identifier, Salt string
			Hash                     float64
		}
		Truncation []struct {
			Prefix, Raw string
			Hash        float64
		} `json:"identifier_truncation"`
		Rollouts []struct {
			Hash       float64
			Percentage float64 `json:"rollout_percentage"`
			Included   bool
		} `json:"rollout_thresholds"`
		Walks []struct {
			Hash     float64
			Variants [][2]any
			Expected *string
		} `json:"variant_walk"`
		Relative []struct {
			Now      time.Time
			Input    string
			Expected *time.Time
		} `json:"relative_dates"`
	}
	if err := oracle.LoadVectors("testdata/vectors.json.gz", &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors.Hash {
		if got := hash(v.Prefix, v.Identifier, v.Salt); math.Abs(got-v.Hash) > 1e-17 {
			t.Errorf("hash(%q, %q, %q) = %v, want %v", v.Prefix, v.Identifier, v.Salt, got, v.Hash)
		}
	}
	raw := map[string]string{
		"a*205 (repeat)":         strings.Repeat("a", 205),
		"'a'*199+U+1F600+'b'*10": strings.Repeat("a", 199) + "\U0001F600" + strings.Repeat("b", 10),
	}
	for _, v := range vectors.Truncation {
		id, ok := raw[v.Raw]
		if !ok {
			t.Fatalf("no identifier for %q", v.Raw)
		}
		if got := hash(v.Prefix, id, ""); got != v.Hash {
			t.Errorf("hash of %s = %v, want %v", v.Raw, got, v.Hash)
		}
	}
	for _, v := range vectors.Rollouts {
		if got := v.Percentage >= 100 || within(v.Hash, v.Percentage); got != v.Included {
			t.Errorf("hash %v within %v %% is %v, want %v", v.Hash, v.Percentage, got, v.Included)
		}
	}
	for _, v := range vectors.Walks {
		var f flag
		limit := 0.0
		for i, pair := range v.Variants {
			limit += number(t, pair[1]) / 100
			f.variants = append(f.variants, variant{limit: limit, value: int16(i) + 2})
		}
		got, want := "", ""
		if i := f.hashed(v.Hash); i != on {
			got = v.Variants[i-2][0].(string)
		}
		if v.Expected != nil {
			want = *v.Expected
		}
		if got != want {
			t.Errorf("hash %v in %v is %q, want %q", v.Hash, v.Variants, got, want)
		}
	}
	for _, v := range vectors.Relative {
		m, ok := relativeMoment(v.Input)
		switch {
		case v.Expected == nil:
			if ok && m.kind == relative {
				t.Errorf("%q is a relative date", v.Input)
			}
		case !ok || m.kind != relative:
			t.Errorf("%q is no relative date", v.Input)
		case !m.ago.before(v.Now.UTC()).Equal(*v.Expected):
			t.Errorf("%q before %v is %v, want %v", v.Input, v.Now, m.ago.before(v.Now.UTC()), *v.Expected)
		}
	}
}

func hash(prefix, id, salt string) float64 {
	p := newHashPrefix(prefix)
	return p.bucket(id, salt)
}

func number(t *testing.T, v any) float64 {
	t.Helper()
	o := operandOf(v)
	x, ok := o.numeric()
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	return x
}
