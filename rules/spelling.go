package rules

import (
	"strings"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// comparesTexts are the operators that compare a number by its text.
var comparesTexts = map[string]bool{
	"": true, "exact": true, "is_not": true, "regex": true, "not_regex": true,
	"icontains": true, "not_icontains": true, "icontains_multi": true, "not_icontains_multi": true,
	"starts_with": true, "not_starts_with": true, "ends_with": true, "not_ends_with": true,
}

// spellings are the texts that a number has to older servers and to newer ones,
// as JSON strings, if they differ: from 1e16 up, see appendFloat.
func spellings(o operand) (older, newer flagdef.Value, differ bool) {
	if o.kind != float {
		return nil, nil, false
	}
	older, settled := appendFloat([]byte{'"'}, o.float())
	if settled {
		return nil, nil, false
	}
	older = append(older, '"')
	return older, flagdef.Value(strings.Replace(string(older), "e", "e+", 1)), true
}

// spelled is the matcher of a filter value whose text servers disagree about:
// what it compares has to come out the same for all of them.
type spelled struct{ older, newer matcher }

func (m spelled) match(o operand, now time.Time) Truth {
	toOlder, toNewer := o, o
	if older, newer, ok := spellings(o); ok {
		toOlder, toNewer = valueOperand(older), valueOperand(newer)
	}
	return agreed(m.older.match(toOlder, now), m.newer.match(toNewer, now))
}
