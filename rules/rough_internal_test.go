package rules

import (
	"math"
	"testing"
)

// TestQuickFloat holds the quick reading of numbers against what serde_json
// 1.0.154 reads.
func TestQuickFloat(t *testing.T) {
	for text, want := range map[string]float64{
		"1": 1, "-0": math.Copysign(0, -1), "1.50": 1.5, "1e3": 1000, "12E-1": 1.2, "0.1": 0.1, "-2.5e+2": -250,
		"9007199254740993.0": 9007199254740994, "1e-400": 0, "5e-324": 5e-324,
		"18446744073709551616": 18446744073709551616, "184467440737095516165": 184467440737095516160,
		"1.8446744073709551616": 1.8446744073709553, "0e999999": 0,
	} {
		if got := quickFloat(text); math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
	if got := quickFloat("1e309"); !math.IsInf(got, 1) {
		t.Errorf("out of range: got %v", got)
	}
}
