//go:build unix && !linux

package outfile

import "testing"

func fullDisk(t *testing.T) string {
	t.Skip("no small disk can be made")
	return ""
}
