package regex

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"testing"

	"github.com/hogflags/hogflags/rules/internal/oracle"
)

var update = flag.Bool("update", false, "generate testdata/fancy.jsonl.gz anew (needs cargo)")

const fancyFile = "testdata/fancy.jsonl.gz"

// fancyCase is a pattern and what fancy_regex, the engine of PostHog's server,
// makes of it, with the server's limit on backtracking. There is a result for
// each of several versions: E for a pattern that is an error, or a character
// for each subject: 0, 1, L where the limit was reached, P for a panic.
type fancyCase struct {
	Pattern  string   `json:"pattern"`
	Subjects []string `json:"subjects"`
	Results  []string `json:"results"`
}

// TestFancyRegex holds every verdict and every result against the engine of
// the server itself, in its versions 0.13, 0.14, 0.16, 0.17 and 0.20, which
// the program in testdata/fancy asked.
func TestFancyRegex(t *testing.T) {
	if *update {
		writeFancyCases(t)
	}
	usable, searches, undecided := 0, 0, 0
	for _, c := range readFancyCases(t) {
		checkOracle(t, c)
		p, verdict := Compile(c.Pattern)
		switch verdict {
		case Broken:
			for _, r := range c.Results {
				if r != "E" {
					t.Errorf("%q is not broken: %q", c.Pattern, c.Results)
				}
			}
			continue
		case Unjudged:
			continue
		}
		usable++
		for i, subject := range c.Subjects {
			got := p.Search(subject)
			searches++
			if got == Undecided {
				undecided++
				continue
			}
			for _, r := range c.Results {
				if r == "E" || r[i] != "01"[got] {
					t.Errorf("%q in %q: %v, want %q", c.Pattern, subject, got, c.Results)
					break
				}
			}
		}
	}
	t.Logf("%d patterns, %d searches, %d of them undecided", usable, searches, undecided)
	if usable < 1500 || undecided > searches/10 {
		t.Errorf("%d patterns are usable, and %d of %d searches are undecided: too little is compared", usable, undecided, searches)
	}
}

// checkOracle holds the matcher that others are tested with against the same.
func checkOracle(t *testing.T, c fancyCase) {
	t.Helper()
	for i, subject := range c.Subjects {
		found, known := oracle.SearchPattern(c.Pattern, subject)
		for _, r := range c.Results {
			if known && (r == "E" || (r[i] == '1') != found) {
				t.Errorf("%q in %q: %v by the oracle, want %q", c.Pattern, subject, found, c.Results)
				break
			}
		}
	}
}

func readFancyCases(t *testing.T) (cases []fancyCase) {
	zipped, err := os.ReadFile(fancyFile)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(plain)
	for lines.Scan() {
		var c fancyCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

func writeFancyCases(t *testing.T) {
	var questions bytes.Buffer
	for _, c := range generateFancyCases() {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		questions.Write(append(line, '\n'))
	}
	program := exec.Command("cargo", "run", "--release", "--quiet", "--target-dir", t.TempDir())
	program.Dir = "testdata/fancy"
	program.Stdin = &questions
	program.Stderr = os.Stderr
	answers, err := program.Output()
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = w.Write(answers)
	_ = w.Close()
	if err := os.WriteFile(fancyFile, zipped.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
