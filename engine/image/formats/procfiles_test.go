package formats_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
)

func TestOpenProcFiles(t *testing.T) {
	for path, want := range map[string]string{
		"/proc/self/mem": "open the process itself",
		"/proc/1/mem":    "open the process itself",
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

// The running kernel's memory opens, or says who may read it.
func TestOpenKcore(t *testing.T) {
	const path = "/proc/kcore"
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	base := addr.Addr(0)
	for _, o := range []image.Options{{Format: image.FormatRaw}, {Base: &base}} {
		_, err := formats.Open(t.Context(), path, o)
		if err == nil || os.Geteuid() == 0 && !strings.Contains(err.Error(), "is not read as raw bytes") {
			t.Errorf("%+v: %v", o, err)
		}
	}
	img, err := formats.Open(t.Context(), path, image.Options{})
	if errors.Is(err, fs.ErrPermission) {
		imagetest.CheckError(t, err, "by root alone (CAP_SYS_RAWIO)")
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if img.Format != "live kernel" || !img.Live || img.FileSize != 0 || img.Missing != 0 || img.Files() != nil {
		t.Errorf("%+v", img)
	}
	for _, m := range img.Mappings {
		if b, err := m.Source.View(make([]byte, 16), m.Offset, 16); err != nil || len(b) != 16 {
			t.Errorf("%v: %v", m.Range, err)
		}
	}
}
