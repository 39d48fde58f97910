package rediscache

import (
	"strings"
	"testing"
)

// A revision is read from the one text that stands for it: the scripts compare
// texts.
func TestRevisionHasOneSpelling(t *testing.T) {
	good := strings.Repeat("0a", 32)
	for text, want := range map[string]bool{
		"": true, good: true,
		good + "0a": false, good[1:]: false, good[2:]: false, strings.ToUpper(good): false, strings.Repeat("0", 64): false,
	} {
		d := decoder{}
		got := d.revision(text)
		if d.bad == want || want && got.String() != text {
			t.Errorf("%q: read as %v, bad: %v", text, got, d.bad)
		}
	}
}
