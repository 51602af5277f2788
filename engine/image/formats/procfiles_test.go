package formats_test

import (
	"os"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

func TestOpenProcFiles(t *testing.T) {
	for path, want := range map[string]string{
		"/proc/self/mem": "open the process itself",
		"/proc/1/mem":    "open the process itself",
		"/proc/kcore":    "is the running kernel's memory: it is not read yet",
		"/proc/cpuinfo":  "is empty",
	} {
		if _, err := os.Stat(path); err != nil {
			t.Logf("%s: %v", path, err)
			continue
		}
		_, err := formats.Open(t.Context(), path, image.Options{})
		imagetest.CheckError(t, err, want)
	}
}
