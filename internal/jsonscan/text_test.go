package jsonscan_test

import (
	"encoding/json"
	"testing"

	"github.com/hogflags/hogflags/internal/jsonscan"
)

// Texts are read and written as encoding/json does.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		``, `a`, `\u00e4`, `\ud83d\ude00`, `\ud83d`, `\ud83dx`, `\ud83d\u0041`, `\ud83d\ud83d\ude00`, `\ude00\ud83d`, `\ud83d\n`,
		`\"\\\/\b\f\n\r\t`, "\xff", "a\xf0\x9f", "\u00e4\\u00E4\u20ac", `\uFFFD`, `\u0000`, "\x7f", "\u2028", `\uAbCd`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, inner string) {
		var want string
		literal := []byte(`"` + inner + `"`)
		if json.Unmarshal(literal, &want) == nil && json.Valid(literal) {
			if got := jsonscan.Unquote(literal); got != want {
				t.Errorf("%q is read as %q, want %q", literal, got, want)
			}
		}
		if json.Unmarshal([]byte(`"`+inner), &want) == nil {
			return // the text is more than one
		}
		written := jsonscan.AppendText(nil, inner)
		var got string
		if err := json.Unmarshal(written, &got); err != nil {
			t.Fatalf("%q is written as %q: %v", inner, written, err)
		}
		if want = string([]rune(inner)); got != want {
			t.Errorf("%q is written as %q, want %q", inner, got, want)
		}
	})
}
