package regex

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hogflags/hogflags/rules/internal/oracle"
)

func TestVerdict(t *testing.T) {
	for pattern, want := range map[string]Verdict{
		"": Usable, "a|b|": Usable, "(?P<y>\\d{4})-(?<m>\\d\\d)": Usable, "[]a]": Usable, "[^]a]": Usable, "[a-]": Usable,
		"[\\w.-]+@[\\w-]+": Usable, "[[:alpha:]_]": Usable, "\\p{Lu}\\pN\\P{Greek}": Usable, "\\x41\\x{1F600}": Usable,
		"a++b*+c?+": Usable, "(?>a|ab)c": Usable, "(?<=ab)c(?!d)": Usable, "(a)\\1": Usable, "(?<q>['\"]).*\\k<q>": Usable,
		"(?i)a(?-i:b)(?s:.)": Usable, "a{2}b{2,}c{2,3}": Usable, "a}b]": Usable, "\\/\\-\\.": Usable, "a{1001}": Usable,

		"(": Broken, "(?:": Broken, "(?": Broken, "a)": Broken, "[": Broken, "[abc": Broken, "[^": Broken, "[]": Broken, "*a": Broken,
		"a|+": Broken, "(?:?)": Broken, "\\": Broken, "[\\": Broken, "[b-a]": Broken, "[[:alpha:]": Broken, "[a&&": Broken,

		"[a&&b]": Unjudged, "[a--b]": Unjudged, "[a~~b]": Unjudged, "[[a]b]": Unjudged, "[\\d-z]": Unjudged, "[a-\\d]": Unjudged,
		"\\Qa\\E": Unjudged, "\\0": Unjudged, "\\012": Unjudged, "(?x) a b": Unjudged, "(?u)a": Unjudged, "a**": Unjudged, "a{2}{3}": Unjudged,
		"a{,3}": Unjudged, "a{": Unjudged, "{2}": Unjudged, "^*": Unjudged, "\\b+": Unjudged, "(?=a)*": Unjudged, "(?#c)a": Unjudged,
		"(?|a)": Unjudged, "(?(1)a)": Unjudged, "(?<=a+)b": Unjudged, "(a)\\2": Unjudged, "\\1(a)": Unjudged, "\\k<q>": Unjudged, "\\p{Alphabetic}": Unjudged,
		"\\Z": Unjudged, "\\K": Unjudged, "\\<a": Unjudged, "\\e": Unjudged, "\\y": Unjudged, "\\b{start}": Unjudged, "a{3,1}": Unjudged,

		// What versions of the server's engine differ in.
		"(?<n>a)\\1": Unjudged, "(a\\1)": Unjudged, "(?:(a)|b)*?\\1": Usable, "(?:(a?))*\\1": Unjudged, "(?=a)(b*)*": Unjudged, "(b*)*": Usable,
		"(?=(a)\\b)\\1": Unjudged, "(?=(a))\\1": Usable, "(*FAIL)": Unjudged, "a(b(?i)c)d": Unjudged, "a(?i)b": Usable, "[]-a]": Unjudged,
		"(?U)a++": Unjudged, "(?<=(?:^)?)a": Unjudged, "(?:[b-a]){0}": Unjudged,
		"\xff": Unjudged, "(?<n>a)(?<n>b)": Unjudged, "[[:frob:]]": Unjudged, strings.Repeat("(", 200) + strings.Repeat(")", 200): Unjudged,
		strings.Repeat("a", maxPattern+1): Unjudged,
	} {
		if _, got := Compile(pattern); got != want {
			t.Errorf("Compile(%.40q) = %v, want %v", pattern, got, want)
		}
	}
}

func TestSearch(t *testing.T) {
	for _, test := range []struct {
		pattern, subject string
		want             Result
	}{
		{"^(?=.*\\d)(?=.*[a-z]).{6,}$", "abc123", Match},
		{"^(?=.*\\d)(?=.*[a-z]).{6,}$", "abcdef", NoMatch},
		{"(?<!un)happy", "unhappy", NoMatch},
		{"(?<!un)happy", "so happy", Match},
		{"(?<=é)x", "éx", Match},
		{"(a+)b\\1$", "aabaa", Match},
		{"(a+)b\\1$", "aaba", Match}, // from the second a
		{"^(a+)b\\1$", "aaba", NoMatch},
		{"(?i)^(é)\\1$", "éÉ", Match},
		{"a++ab", "aaab", NoMatch},
		{"(?>a|ab)c", "abc", NoMatch},
		{"^(?:(?=(a+))\\1b)*$", "aabab", Match},

		// What is Unicode to the server, whatever it is to Go.
		{"^\\w+$", "naïve", Match},
		{"^\\w+$", "日本語", Match},
		{"^\\w+$", "a\u200db", Match},
		{"^\\w+$", "a b", NoMatch},
		{"^\\d$", "٣", Match},
		{"^\\s$", "\u00a0", Match},
		{"^\\s$", "\v", Match},
		{"^\\S$", "\v", NoMatch},
		{"^[\\S]$", "\v", NoMatch},
		{"\\bé", "aé", NoMatch},
		{"\\bé", "é", Match},
		{"(?i)[\\W]", "s", NoMatch},
		{"(?i)k", "\u212a", Match},
		{"^.$", "\n", NoMatch},
		{"(?s)^.$", "\n", Match},
		{"a$", "a\n", NoMatch},
		{"(?m)a$", "a\n", Match},
		{"(?m)^b", "a\nb", Match},
		{"\\Aab\\z", "ab\n", NoMatch},
		{"^(ada|grace)\\.\\d+", "grace.1", Match},
		{"^(ada|grace)\\.\\d+", "linus.1", NoMatch},
		{"^(ada|grace|)\\.?\\d*", "linus.1", Match},
		{"^(ada|grace)+", "", NoMatch},
		{"^(?i:k+)\\d", "\u212a1", Match},
		{"^(?=(a))\\1(b)+", "ab", Match},
		{"^(?:(?!a)\\w)+$", "bcd", Match},
		{"^(?:a|^b)+c", "bac", Match},
		{"^(?:a|^b)c+", "bc", Match},
		{"^a{0}b+", "b", Match},
		{"^a{1001}$", strings.Repeat("a", 1001), Match},
		{"^a{1001}$", strings.Repeat("a", 1000), NoMatch},

		{"^(a+)+$", strings.Repeat("a", 5000) + "!", NoMatch},
		{"^(?=a)(a+)+$", strings.Repeat("a", 40) + "!", Undecided},
	} {
		p, verdict := Compile(test.pattern)
		if verdict != Usable {
			t.Errorf("Compile(%q): %v", test.pattern, verdict)
			continue
		}
		if got := p.Search(test.subject); got != test.want {
			t.Errorf("%q in %.20q: %v, want %v", test.pattern, test.subject, got, test.want)
		}
	}
}

// FuzzMachine compares the backtracking machine with Go's engine where a
// pattern means the same to both, and with the plain matcher of the oracle where
// it does not need to.
func FuzzMachine(f *testing.F) {
	for _, pattern := range []string{
		"", "^", "$", "^$", "^ab", "b$", "^a.$", "^[^b]b", "a|b*", "^(a+)+$", "[^a-c]x", "(?i)aB", "(?m)^b$", "(?s)a.c", "x{2,3}?y", "\\d+\\s\\w", "\\bfoo\\b", "(a*)*b", "(a|b|)+c",
		"(?=a)a", "(?!a)b", "(?<=a)b", "(?<!a)b", "(a)\\1", "(?>a+)b", "a++", "((a)|b)*\\2", "(?i)(a)\\1", "\\pL\\P{Lu}",
	} {
		for _, subject := range []string{"", "aab", "xxxy", "foo bar", "a\nb\n", "1 a", "AB", "äÄ"} {
			f.Add(pattern, subject)
		}
	}
	f.Fuzz(func(t *testing.T, pattern, subject string) {
		if len(pattern) > 60 || len(subject) > 60 || !utf8.ValidString(subject) {
			return
		}
		tree, groups, verdict := parse(pattern)
		if verdict != Usable {
			return
		}
		prog := assemble(tree, groups)
		if prog == nil {
			return
		}
		got := prog.search(subject)
		if got == Undecided {
			return
		}
		if simple := sequenceOf(tree); simple != nil && simple.search(subject) != (got == Match) {
			t.Fatalf("%q in %q: the machine says %v, a plain comparison disagrees", pattern, subject, got)
		}
		if begins := openingOf(tree); begins != nil && begins.refuses(subject) && got == Match {
			t.Fatalf("%q in %q: the machine finds what cannot begin there", pattern, subject)
		}
		traits := traitsOf(tree)
		if !traits.fancy && (!traits.unicode || isASCII(subject)) {
			want, err := regexp.Compile(goSyntax(tree))
			if err == nil && want.MatchString(subject) != (got == Match) {
				t.Fatalf("%q in %q: %v, Go's engine disagrees (as %q)", pattern, subject, got, goSyntax(tree))
			}
			return
		}
		if found, known := oracle.SearchPattern(pattern, subject); known && found != (got == Match) {
			t.Fatalf("%q in %q: %v, a plain matcher disagrees", pattern, subject, got)
		}
	})
}
