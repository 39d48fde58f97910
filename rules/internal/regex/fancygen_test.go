package regex

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// generateFancyCases makes short patterns of everything that the dialect has,
// and what no dialect has, and patterns that backtrack long.
func generateFancyCases() (cases []fancyCase) {
	g := generator{Rand: rand.New(rand.NewPCG(13, 20))}
	for range 3000 {
		g.groups, g.names = 0, 0
		c := fancyCase{Pattern: strings.ToValidUTF8(g.short(), "")}
		for range 6 {
			c.Subjects = append(c.Subjects, g.subject(g.IntN(9)))
		}
		cases = append(cases, c)
	}
	for range 600 {
		c := fancyCase{Pattern: g.pick("^", "", "") + g.backtracking(3) + g.pick("", "$", "c", "(?=c)", "(?!a)$", `\b`)}
		for range 3 {
			c.Subjects = append(c.Subjects, strings.Repeat(g.pick("a", "ab", "aab"), g.IntN(30))+g.pick("a", "aa", "b")+g.pick("", "c", "!"))
		}
		cases = append(cases, c)
	}
	return cases
}

type generator struct {
	*rand.Rand
	groups, names int
}

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// rarely is mostly a letter.
func (g *generator) rarely(from ...string) string {
	if g.IntN(20) == 0 {
		return g.pick(from...)
	}
	return g.pick("a", "b", "1")
}

func (g *generator) short() string {
	p := g.pick("", "", "", "", "(?i)", "(?s)", "(?m)", "^", "^", "^") + g.concat(3) + g.pick("", "", "$")
	if g.IntN(25) == 0 {
		at := g.IntN(len(p) + 1)
		p = p[:at] + g.pick("(", ")", "[", "]", "{", "}", "*", "+", "?", "|", `\`, "^", "$", "&&", "-", "(?", "(?<", "a{1,", "[^]") + p[at:]
	}
	return p
}

func (g *generator) concat(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(4) {
		if depth > 0 && g.IntN(3) == 0 {
			b.WriteString(g.group(depth - 1))
		} else {
			b.WriteString(g.atom())
		}
	}
	return b.String()
}

func (g *generator) group(depth int) string {
	switch g.IntN(12) {
	case 0, 1:
		g.groups++
		return "(" + g.concat(depth) + ")" + g.repeat()
	case 2:
		g.groups++
		return "(" + g.concat(depth) + "|" + g.concat(depth) + ")" + g.repeat()
	case 3:
		return "(?:" + g.concat(depth) + "|" + g.pick("", g.concat(depth)) + ")" + g.repeat()
	case 4:
		return "(?>" + g.concat(depth) + ")" + g.repeat()
	case 5:
		g.groups++
		g.names++
		return "(" + g.pick("?P<", "?<") + "n" + strconv.Itoa(g.names) + ">" + g.concat(depth) + ")" + g.repeat()
	case 6:
		return "(?" + g.pick("i", "-i", "s", "m", "im", "i-s", "U") + ":" + g.concat(depth) + ")" + g.repeat()
	case 7:
		return g.rarely("(?#c)", "(?|a)", "(*FAIL)", "(?P=n1)", "(?1)", "(?i)", "(?x)", "(a(?i)b)c", `\g<1>`)
	default:
		return "(" + g.pick("?=", "?!", "?<=", "?<!") + g.concat(depth) + ")"
	}
}

func (g *generator) repeat() string {
	switch g.IntN(8) {
	case 0:
		return g.pick("*", "+", "?")
	case 1:
		return g.pick("*?", "+?", "??", "{1,2}?", "{2,}?")
	case 2:
		return g.pick("{2}", "{1,2}", "{0}", "{0,1}", "{2,}", "{1}", "{3,5}", g.rarely("{,2}", "{", "{a}"))
	case 3:
		return g.pick("", "*+", "++", "?+", g.rarely("{2}+", "**", "+*", "{2}{2}"))
	}
	return ""
}

func (g *generator) atom() string {
	switch g.IntN(12) {
	case 0:
		return g.pick("^", "$", `\b`, `\b`, `\B`, `\A`, `\z`, g.rarely(`\Z`, `\G`, `\K`, "^*", `\b+`))
	case 1:
		return g.class() + g.repeat()
	case 2:
		return g.pick(`\w`, `\d`, `\s`, `\W`, `\D`, `\S`) + g.repeat()
	case 3:
		return g.pick(".", ".", `\pL`, `\p{Lu}`, `\P{L}`, `\p{Greek}`, `\p{Nd}`, `\p{Zs}`, `\p{Mn}`, g.rarely(`\p{^L}`, `\p{Alphabetic}`, `\p{lu}`)) + g.repeat()
	case 4:
		if g.groups > 0 {
			return `\` + strconv.Itoa(1+g.IntN(g.groups)) + g.repeat()
		}
	case 5:
		if g.names > 0 {
			return `\k<n` + strconv.Itoa(1+g.IntN(g.names)) + ">" + g.repeat()
		}
	}
	return g.character() + g.repeat()
}

func (g *generator) character() string {
	switch g.IntN(10) {
	case 0:
		return g.unicode()
	case 1:
		return g.pick(`\.`, `\-`, `\/`, `\\`, `\+`, `\x41`, `\x{e9}`, `\t`, `\n`, `\v`, `\@`, `\:`, `\&`, `\~`, `\#`, g.rarely(`\0`, `\e`, `\R`, `\h`, `\ `, `\_`, `\<`))
	}
	return g.pick("a", "a", "b", "c", "A", "1", "0", "-", "_", " ", "@", ":", "/", ",", "=", "!", "<", ">", "]", "}", "%", "~", "#")
}

func (g *generator) unicode() string {
	return g.pick("é", "É", "ß", "ẞ", "İ", "ı", "ſ", "s", "K", "k", "\u212a", "µ", "μ", "Σ", "σ", "ς", "日", "٣", "\u00a0", "\u200d", "\u2028", "\v", "\n", "😀", "ǅ", "\u0345")
}

func (g *generator) class() string {
	var b strings.Builder
	b.WriteString(g.pick("[", "[", "[^", g.rarely("[]", "[-", "[^]-", "[]-")))
	if !strings.HasPrefix(b.String(), "[") {
		return b.String()
	}
	for range 1 + g.IntN(3) {
		switch g.IntN(8) {
		case 0:
			b.WriteString(g.pick("a-c", "0-9", "A-Z", "a-z", " -~", "α-ω", `\x41-\x43`, g.rarely("Z-a", "é-ß", "a-", "+--", `a-\d`, `\w-z`)))
		case 1:
			b.WriteString(g.pick(`\w`, `\d`, `\s`, `\W`, `\D`, `\S`, `\pL`, `\p{Lu}`, `\P{Greek}`, `\n`, `\]`, `\^`, `\-`, `\\`))
		case 2:
			b.WriteString(g.pick("[:alpha:]", "[:digit:]", "[:word:]", "[:punct:]", "[:upper:]", "[:space:]", g.rarely("[:foo:]", "[:^space:]", "&&", "--", "~~", "[a]")))
		default:
			b.WriteString(strings.ReplaceAll(g.character(), "]", "a"))
		}
	}
	return b.String() + "]"
}

func (g *generator) subject(length int) string {
	var b strings.Builder
	for range length {
		b.WriteString(g.pick("a", "a", "b", "b", "c", "A", "1", "0", "-", "_", " ", "@", "/", "=", "\n", "s", "k", g.unicode()))
	}
	return b.String()
}

func (g *generator) backtracking(depth int) string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		if depth > 0 && g.IntN(2) == 0 {
			b.WriteString(g.pick("(", "(?:", "(?:", "(?=", "(?!", "(?>", "(?<=a|b)(?:") + g.backtracking(depth-1) + g.pick("", "", "|"+g.backtracking(depth-1)) + ")")
		} else {
			b.WriteString(g.pick("a", "a", "b", ".", `\w`, "[ab]", "aa"))
		}
		b.WriteString(g.pick("", "*", "+", "?", "*?", "+?", "{1,3}", "{2,}"))
	}
	return b.String()
}
