package formats_test

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// samples says what each sample is: the first line whose pattern, of path.Match, is that of
// the path or of its end counts. What is compressed is unpacked first, where tests are long. A format that
// begins with - is refused with advice, one that begins with ! as damaged.
var samples = []struct{ pattern, format string }{
	{"MANIFEST.md", "raw"},
	{"FILES.tsv", "raw"},
	{"*.md", "raw"},
	{"README", "raw"},
	{"microdump*.dmp", "-microdump"},
	{"invalid-range.dmp", "!holds no memory"},
	{"invalid-record-count.dmp", "!holds no memory"},
	{"*.dmp", "minidump"},
	{"elf-core/linux-arm.core", "!holds no memory"},
	{"libkdumpfile/tests/*", "raw"}, // text
	{"avml/test/*.txt", "raw"},
	{"db/dump/big-endian-dump", "raw"}, // the tape of a file system
	{"tests/testfile62.bz2", "ELF machine dump"},
	{"tests/*.bz2", "ELF process core"},
	{"resources/*.zst", "ELF process core"},
	{"testdata/core", "ELF process core"},
	{"misc/core*", "ELF process core"},
	{"ppc/coredump-ppc", "ELF process core"},
	{"*.elf", "ELF process core"},
	{"*.core", "ELF process core"},
}

// sampleFormat returns what a sample is, "" where the table has no line for it.
func sampleFormat(name string) string {
	for _, s := range samples {
		n := strings.Count(s.pattern, "/") + 1
		parts := strings.Split(name, "/")
		if ok, _ := path.Match(s.pattern, strings.Join(parts[max(0, len(parts)-n):], "/")); ok {
			return s.format
		}
	}
	return ""
}

// Every sample opens as what it is, or is refused. The guest in several containers has
// TestSampleGuest.
func TestSamples(t *testing.T) {
	root := imagetest.Sample(t, ".")
	count := map[string]int{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil || strings.HasPrefix(rel, "qemu-bios16m") {
			return err
		}
		want := sampleFormat(filepath.ToSlash(rel))
		if want == "" {
			t.Errorf("%s: the table has no line for it", rel)
			return nil
		}
		if ext := filepath.Ext(name); ext == ".bz2" || ext == ".zst" {
			if !testenv.Long() {
				return nil // some have 100 MB unpacked
			}
			b, err := imagetest.Unpack(name)
			if err != nil {
				t.Logf("%s: not unpacked: %v", rel, err)
				return nil
			}
			name = imagetest.TempFile(t, "unpacked", string(b))
		}
		count[want]++
		checkSample(t, rel, name, want)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(count)
}

// checkSample opens a sample as what the table says that it is.
func checkSample(t *testing.T, rel, name, want string) {
	img, err := formats.Open(t.Context(), name, image.Options{})
	if err == nil {
		defer img.Close()
		if imagetest.CheckImage(t, img, img.FileSize); img.Format != want {
			t.Errorf("%s: %s, want %s", rel, img.Format, want)
		}
		return
	}
	var un *image.UnsupportedError
	refused := errors.As(err, &un)
	switch {
	case strings.HasPrefix(want, "-"):
		if !refused || un.Format != want[1:] || un.Advice == "" {
			t.Errorf("%s: %v, want it refused as %s", rel, err, want[1:])
		}
	case strings.HasPrefix(want, "!"):
		imagetest.CheckError(t, err, want[1:])
	default:
		t.Errorf("%s: %v, want %s", rel, err, want)
	}
}
