package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"vscan/cmd/vscan/internal/cli"
	"vscan/engine/image/imagetest"
)

// Where memory is that cannot be read is told by what its offset is one of: of the file only where
// the file has the bytes as they are.
func TestUnreadablePlaces(t *testing.T) {
	k := imagetest.Kdump{Version: 6, Machine: "x86_64", How: "zlib", Pages: map[uint64]string{}}
	for i := range uint64(3) {
		k.Pages[i+1] = imagetest.Padded(fmt.Sprint("needle ", i), 4096)
	}
	dump := k.Build()
	at := bytes.LastIndex(dump, []byte("\x78\x9c")) // the last page, as zlib packs it
	dump[at+4] ^= 0xff
	if got := bytes.Count(dump[at:], []byte("\x78\x9c")); at < 0 || got != 1 {
		t.Fatalf("a stream of zlib at %#x, %d in all", at, got)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write(dump)
	w.Close()
	record := imagetest.Record(0x1000, 0x1005, "needle")
	var cut bytes.Buffer
	w = gzip.NewWriter(&cut)
	w.Write([]byte(record + imagetest.Record(0x2000, 0x2005, "nee")))
	w.Close()
	for name, c := range map[string]struct {
		file string
		want []string
		not  string
		hits string
	}{
		"packed":              {string(dump), []string{"4.0 KiB could not be read, in 1 range, the first 0x3000..0x3fff (4096 bytes)", fmt.Sprintf(", in the block at file offset %#x of ", at)}, "unpacked", "0x1000 0x2000"},
		"packed in gzip":      {packed.String(), []string{"the first 0x3000..0x3fff (4096 bytes)", fmt.Sprintf(", in the block at unpacked offset %#x of ", at)}, "file offset", "0x1000 0x2000"},
		"notes of one packed": {cut.String(), []string{"record 1 at unpacked offset 0x26"}, "file offset", "0x1000"},
	} {
		path := imagetest.TempFile(t, "dump", c.file)
		code, out, complaints := runVscan(t, "find", "needle", path)
		checkTold(t, name, code, cli.ExitIncomplete, complaints, c.want...)
		if strings.Contains(complaints, c.not) {
			t.Errorf("%s: %s", name, complaints)
		}
		if got := hitsIn(out); got != c.hits {
			t.Errorf("%s: hits at %s, want %s", name, got, c.hits)
		}
	}
}
