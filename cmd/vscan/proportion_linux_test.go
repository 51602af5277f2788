package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"vscan/cmd/vscan/internal/cli"
)

// overlappingCore returns an ELF core of so many segments, each of which shows the same
// bytes of the file.
func overlappingCore(segments int, data []byte) []byte {
	le := binary.LittleEndian
	out := append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9)...)
	out = le.AppendUint32(le.AppendUint16(le.AppendUint16(out, 4), 62), 1)
	out = le.AppendUint64(le.AppendUint64(le.AppendUint64(out, 0), 64), 0)
	out = le.AppendUint32(out, 0)
	for _, v := range []int{64, 56, segments, 0, 0, 0} {
		out = le.AppendUint16(out, uint16(v))
	}
	behind := uint64(64 + 56*segments)
	for i := range segments {
		out = le.AppendUint32(le.AppendUint32(out, 1), 4)
		size := uint64(len(data))
		for _, v := range []uint64{behind, 0x10000 + uint64(i)*(size+0x1000), 0, size, size, 1} {
			out = le.AppendUint64(out, v)
		}
	}
	return append(out, data...)
}

// What is out of proportion to what the image takes on disk is told before it begins, and
// --max-bytes bounds it.
func TestWorkOutOfProportion(t *testing.T) {
	dir := t.TempDir()
	core, sparse, under := filepath.Join(dir, "core"), filepath.Join(dir, "sparse"), filepath.Join(dir, "under")
	data := bytes.Repeat([]byte("needle.."), 1<<17)
	for path, b := range map[string][]byte{core: overlappingCore(2000, data), under: data, sparse: []byte("needle")} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(sparse, 2<<30); err != nil {
		t.Fatal(err)
	}
	// 1.1 GiB in frames that are unpacked one by one.
	w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(dir, "packed.zst")
	if err := os.WriteFile(packed, bytes.Repeat(w.EncodeAll(data, nil), 1100), 0o600); err != nil {
		t.Fatal(err)
	}
	layers := []string{"find", "-m", "1", "needle", under + "@0"}
	for i := range 1100 {
		layers = append(layers, "--under", fmt.Sprintf("%s@%#x", under, 1<<40+i<<20))
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"find", "-m", "1", "needle", core}, " 2.0 GiB will be searched, of files that take 1.1 MiB on disk: the same bytes show at many addresses; --max-bytes SIZE bounds it"},
		{[]string{"find", "-m", "1", "--image-format", "raw", "needle", sparse}, ""}, // nothing matches zeros: the hole is passed over
		{[]string{"find", "-m", "1", "--image-format", "raw", "-e", "needle", "-e", "u64le:0", sparse}, " 2.0 GiB will be searched, of files that take 4.0 KiB on disk: they have holes, which read as zeros, or they or what they hold are compressed"},
		{[]string{"find", "-m", "1", "needle", packed}, "they or what they hold are compressed"},
		{[]string{"graph", "build", core, "-o", filepath.Join(dir, "graph"), "--max-bytes", "1M"}, ""},
		{[]string{"find", "-m", "1", "--range", "0..0xfffff", "needle", core}, ""},
		{[]string{"find", "-c", "--max-bytes", "1M", "needle", core}, ""},
		{layers, " 1.1 GiB will be searched, of files that take 1.0 MiB on disk: the same bytes show at many addresses"},
	} {
		var out, complaints bytes.Buffer
		code := run(c.args, strings.NewReader(""), &out, &complaints)
		told := strings.Contains(complaints.String(), "will be searched, of files")
		bounded := strings.Contains(strings.Join(c.args, " "), "--max-bytes")
		if code != map[bool]int{false: cli.ExitFound, true: cli.ExitIncomplete}[bounded] || told != (c.want != "") || !strings.Contains(complaints.String(), c.want) {
			t.Errorf("%.200q: exit code %d, want a line with %q: %.600s", c.args, code, c.want, complaints.String())
		}
	}
}
