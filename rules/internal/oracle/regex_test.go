package oracle

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestBacktrackingAgainstGo runs patterns that Go knows through the matcher of
// this package too.
func TestBacktrackingAgainstGo(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	compared := 0
	for range 4000 {
		source := randomPattern(rng, 3)
		p, v := parsePattern(source)
		if v != linear {
			continue
		}
		re, err := regexp.Compile(source)
		if err != nil {
			t.Errorf("%q is read here and not by Go: %v", source, err)
			continue
		}
		for range 5 {
			subject := randomSubject(rng)
			want := truthOf(re.MatchString(subject))
			if got := p.search(subject, false); got != want {
				t.Errorf("%q in %q: got %v, want %v", source, subject, got, want)
			}
			if got := p.backtrack(subject, 100_000); got != want && got != maybe {
				t.Errorf("%q in %q by backtracking: got %v, want %v", source, subject, got, want)
			}
			compared++
		}
	}
	if compared < 5000 {
		t.Errorf("only %d searches compared", compared)
	}
}

func randomPattern(rng *rand.Rand, depth int) string {
	var b strings.Builder
	for range 1 + rng.IntN(3) {
		switch n := rng.IntN(12); {
		case n == 0 && depth > 0:
			b.WriteString("(?:" + randomPattern(rng, depth-1) + "|" + randomPattern(rng, depth-1) + ")")
		case n == 1 && depth > 0:
			b.WriteString("(" + randomPattern(rng, depth-1) + ")")
		case n == 2:
			b.WriteString(pick(rng, "^", "$", `\b`, `\B`))
			continue
		case n == 3:
			b.WriteString(pick(rng, "[ab]", "[^a]", `\w`, `\d`, `\W`, "[a-c1]", "."))
		default:
			b.WriteString(pick(rng, "a", "b", "c", "1"))
		}
		b.WriteString(pick(rng, "", "", "", "*", "+", "?", "*?", "+?", "{2}", "{1,2}"))
	}
	return b.String()
}

func randomSubject(rng *rand.Rand) string {
	var b strings.Builder
	for range rng.IntN(8) {
		b.WriteString(pick(rng, "a", "a", "b", "c", "1", " ", "\n"))
	}
	return b.String()
}

func TestJudge(t *testing.T) {
	for want, patterns := range map[verdict][]string{
		broken:       {"(a", "a)", "[a", "[]", "*", "+a", "a|*", `a\`, "[b-a]", "a{3,2}", "(?:", "("},
		undecided:    {`\Qa\E`, "(?x)a", "(?U)a", "(?u)a", "(?-u)a", `\012`, `\1`, "[a&&b]", "[[a]b]", "[a--b]", `\<a`, "a**", "a{,2}", "{", "^*", `\p{Zz}`, `\e`, `\u0041`, "(?<=a+)b", `\w{1000}`, `\Z`, "(?#c)", `[\b]`, `\h`},
		linear:       {"", "a", "]", "}", "[]a]", "[^]a]", "a{2}", "(?i)a", "(?P<n>a)", "(?<n>a)", `\x41\x{e9}`, `\pL`, `\p{Greek}`, "[[:alpha:]]", "a{1001}", `[\w.-]`, `\_`, "(?i:a)b", "a(?-i)b"},
		backtracking: {"(?=a)", "(?<!a|bc)d", `(a)\1`, "(?>a)", "a++", `(?P<n>a)\k<n>`},
	} {
		for _, p := range patterns {
			if got := judge(p); got != want {
				t.Errorf("judge(%q): got %d, want %d", p, got, want)
			}
		}
	}
}

func TestUnicodeClasses(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             truth
	}{
		{`^\w+$`, "naïve", yes},
		{`^\d+$`, "٣٤", yes},
		{`^\D+$`, "٣٤", no},
		{`a\sb`, "a\u00a0b", yes},
		{`a\sb`, "a\u200bb", no},
		{`\bé\b`, "x é y", yes},
		{`\bcaf\b`, "café", no},
		{`\bcaf\b`, "caf\u00b7", yes},
		{`(?i)^É$`, "é", yes},
		{`(?i)k`, "\u212a", yes},
		{`^.$`, "😀", yes},
		{`[^a]`, "\n", yes},
	} {
		p, v := parsePattern(c.pattern)
		if v != linear {
			t.Fatalf("judge(%q): got %d", c.pattern, v)
		}
		if got := p.search(c.subject, false); got != c.want {
			t.Errorf("%q in %q: got %v, want %v", c.pattern, c.subject, got, c.want)
		}
	}
}
