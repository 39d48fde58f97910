package relay

import (
	"testing"
	"testing/synctest"
	"time"
)

// A revision that came and went while a request waited for it is not waited for
// any longer.
func TestAwaitRevisionThatWasReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &feed{ended: make(chan struct{})}
		a := &document{revisionText: "a", replaced: make(chan struct{})}
		c := &document{revisionText: "c", former: []string{"a", "b"}, replaced: make(chan struct{})}
		f.served.Store(a)
		got := make(chan *document)
		began := time.Now()
		go func() { got <- f.awaitRevision(t.Context(), "b", refetchPatience) }()
		synctest.Wait()
		f.served.Store(c)
		close(a.replaced)
		if d := <-got; d != c || time.Since(began) != 0 {
			t.Errorf("got %s after %v, want c at once", d.revisionText, time.Since(began))
		}
	})
}
