package relay

import (
	"sync"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/hogflags/hogflags/rules"
)

// texts remembers how the answers of one document are written. Whoever is asked
// about, a flag has few answers, so nearly all of them are copied.
type texts struct {
	write func(b []byte, a *rules.Answer) []byte
	flags []atomic.Pointer[text] // by the flag's place: its first text, as a rule the most common one

	adding sync.Mutex
	bytes  int // of all texts; guarded by adding
}

// text is a decided answer and how it is written. Nothing of it changes but that
// another one comes after it.
type text struct {
	value     int32
	condition int32
	reason    rules.Reason
	written   string
	sum       uint64               // of what is written
	next      atomic.Pointer[text] // of the same flag
}

// maxTexts bounds the texts of a flag, and maxTextBytes those of a document.
// What is beyond that is written each time.
const (
	maxTexts     = 32
	maxTextBytes = 4 << 20
)

func newTexts(set *rules.Set, write func(b []byte, a *rules.Answer) []byte) *texts {
	return &texts{write: write, flags: make([]atomic.Pointer[text], set.Len())}
}

// append appends how a decided answer of the document is written, and returns the
// sum of it, too.
func (t *texts) append(b []byte, a *rules.Answer) ([]byte, uint64) {
	flag, value := a.Place()
	for k := t.flags[flag].Load(); k != nil; k = k.next.Load() {
		if int(k.value) == value && k.reason == a.Reason && int(k.condition) == a.ConditionIndex {
			return append(b, k.written...), k.sum
		}
	}
	begin := len(b)
	b = t.write(b, a)
	sum := xxhash.Sum64(b[begin:])
	t.add(flag, &text{value: int32(value), condition: int32(a.ConditionIndex), reason: a.Reason, sum: sum}, b[begin:])
	return b, sum
}

// add remembers a text, if nobody else is adding one.
func (t *texts) add(flag int, k *text, written []byte) {
	if !t.adding.TryLock() {
		return // it will come again
	}
	defer t.adding.Unlock()
	end, number := &t.flags[flag], 1
	for former := end.Load(); former != nil; former = end.Load() {
		end = &former.next
		number++
	}
	if number > maxTexts || t.bytes+len(written) > maxTextBytes {
		return
	}
	t.bytes += len(written)
	k.written = string(written)
	end.Store(k)
}
