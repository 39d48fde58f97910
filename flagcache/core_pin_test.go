package flagcache

import (
	"testing"
	"time"

	"github.com/hogflags/hogflags/flagdef"
)

// TestPinAndALateAnswer: an answer from before a decision does not undo it; one
// to a question that was asked afterwards does: then the store went back.
func TestPinAndALateAnswer(t *testing.T) {
	first := Pin{Number: 5, Revision: flagdef.Revision{1}}
	second := Pin{Number: 6}
	at := func(d time.Duration) time.Time { return simStart.Add(d) }
	type view struct {
		sent, came time.Duration
		pin, want  Pin
	}
	for name, test := range map[string]struct {
		signed bool
		views  []view
	}{
		"late": {false, []view{
			{1, 2, first, first},
			{1, 3, Pin{}, first},
			{4, 5, second, second},
			{3, 6, first, second},
		}},
		"newer, though asked for before": {false, []view{
			{2, 3, first, first},
			{1, 4, second, second},
		}},
		"the store went back": {false, []view{
			{1, 2, second, second},
			{3, 4, first, first},
			{3, 5, second, first},
			{6, 7, second, second},
			{8, 9, Pin{}, Pin{}},
		}},
		"signed: a replay, a deletion, the last one again": {true, []view{
			{1, 2, second, second},
			{3, 4, first, Pin{}},
			{5, 6, Pin{}, Pin{}},
			{7, 8, first, Pin{}},
			{9, 10, second, second},
		}},
	} {
		c := newTestCore(name)
		c.signed = test.signed
		for i, v := range test.views {
			sent, came := at(v.sent*time.Second), at(v.came*time.Second)
			c.handle(came, result{task: task{kind: taskLook, sent: sent}, record: Record{Now: came, Pin: v.pin}})
			got := c.pin.heeded
			if !c.pinned() && got.Exists() {
				got = Pin{} // it was refused
			}
			if got != v.want {
				t.Errorf("%s: after view %d the decision is %d, want %d", name, i, got.Number, v.want.Number)
			}
		}
		if refused := c.n.OlderSeen > 0; refused != test.signed {
			t.Errorf("%s: %d replays counted", name, c.n.OlderSeen)
		}
	}
}
