//go:build !race

package relay_test

import (
	"net/http"
	"testing"
)

// What is left are the subject's properties, what net/http wants as headers, and
// a few that come once a request: none for a flag, so that a hundred cost what one
// does.
func TestAllocations(t *testing.T) {
	r, ofrep, flags := benchRelay(t)
	for _, tt := range []struct {
		name, path, body string
		most             float64
	}{
		{"OFREP, one flag", flagsPath + "/flag-7", ofrep, 20},
		{"OFREP, 100 flags", flagsPath, ofrep, 24},
		{"flags, 100", "/flags?v=2", flags, 36},
	} {
		t.Run(tt.name, func(t *testing.T) {
			request := newReused(tt.path, tt.body)
			got := testing.AllocsPerRun(200, func() { request.serve(r) })
			if request.status != http.StatusOK || request.length == 0 {
				t.Fatalf("status %d, %d bytes", request.status, request.length)
			}
			if got > tt.most {
				t.Errorf("%v allocations, want at most %v", got, tt.most)
			}
		})
	}
}
