//go:build unix && !linux

package hosttest

import (
	"os"
	"testing"
)

func smallDisk(t *testing.T) string {
	t.Skip("no small disk can be mounted here")
	return ""
}

func readOnlyView(t *testing.T, dir string) (view string, protect func(bool)) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	return permit(t, dir)
}
