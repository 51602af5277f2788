//go:build unix

package formats_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
)

// A pipe that nobody writes to must not be waited for.
func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	_, err := formats.Open(t.Context(), path, image.Options{})
	imagetest.CheckError(t, err, "is a pipe")
	_, err = layer.Open(t.Context(), nil, image.LayerSpec{Path: path}, image.Options{Format: "raw"})
	imagetest.CheckError(t, err, "is a pipe")
	_, err = formats.Open(t.Context(), os.DevNull, image.Options{})
	imagetest.CheckError(t, err, "is a character device")
}
