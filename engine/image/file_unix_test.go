//go:build unix

package image

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A pipe that nobody writes to must not be waited for.
func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	_, err := Open(path, Options{})
	checkError(t, err, "is a pipe")
	_, err = OpenLayer(nil, LayerSpec{Path: path}, Options{Format: "raw"})
	checkError(t, err, "is a pipe")
	_, err = Open(os.DevNull, Options{})
	checkError(t, err, "is a character device")
}
