package packed_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine"
	"vscan/engine/budget"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/internal/testenv"
)

// memory returns bytes as memory has them: zeros, text, and noise.
func memory(t *testing.T, n int) string {
	rnd := testenv.Rand(t)
	var b strings.Builder
	for b.Len() < n {
		switch rnd.IntN(3) {
		case 0:
			b.WriteString(imagetest.Zeros(rnd.IntN(min(n, 200_000))))
		case 1:
			b.WriteString(strings.Repeat(fmt.Sprint("some text ", rnd.IntN(100)), rnd.IntN(2000)))
		case 2:
			for range rnd.IntN(20_000) {
				b.WriteByte(byte(rnd.Uint32()))
			}
		}
	}
	return b.String()[:n]
}

// gzipped returns one gzip stream.
func gzipped(data string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(data))
	z.Close()
	return b.String()
}

// bgzipped returns data as bgzip writes it: SAM specification, 4.1.
func bgzipped(data string) string {
	var out strings.Builder
	for i := 0; ; i += 0xff00 {
		part := data[min(i, len(data)):min(i+0xff00, len(data))]
		var b bytes.Buffer
		z, _ := flate.NewWriter(&b, 6)
		z.Write([]byte(part))
		z.Close()
		le := binary.LittleEndian
		head := le.AppendUint16([]byte("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00"), uint16(18+b.Len()+8-1))
		out.Write(append(head, b.Bytes()...))
		out.Write(le.AppendUint32(le.AppendUint32(nil, crc32.ChecksumIEEE([]byte(part))), uint32(len(part))))
		if part == "" {
			return out.String()
		}
	}
}

// archive returns a ZIP archive; each file is a name, a method and bytes.
func archive(files ...any) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 3 {
		w, _ := z.CreateHeader(&zip.FileHeader{Name: files[i].(string), Method: files[i+1].(uint16)})
		w.Write([]byte(files[i+2].(string)))
	}
	z.Close()
	return b.String()
}

// made returns what a script makes of a file in, on its standard output, or skips the test.
func made(t *testing.T, data, tool, script string) string {
	t.Helper()
	imagetest.Needs(t, tool)
	dir := filepath.Dir(imagetest.TempFile(t, "in", data))
	cmd := exec.Command("sh", "-e", "-c", script)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return string(out)
}

// open opens bytes as a file.
func open(t *testing.T, file string, o image.Options) (*image.Image, error) {
	t.Helper()
	img, err := formats.Open(t.Context(), imagetest.TempFile(t, "x", file), o)
	if err == nil {
		t.Cleanup(func() { img.Close() })
	}
	return img, err
}

// bytesOf returns the bytes that an image of one raw mapping has, up to the first that cannot be read, and
// how many cannot be read.
func bytesOf(t *testing.T, img *image.Image) (string, int) {
	t.Helper()
	m := img.Mappings[0]
	var all []byte
	lost := 0
	for off := uint64(0); off < m.Size(); {
		n := min(70_001, m.Size()-off)
		got, err := m.Source.View(make([]byte, n), m.Offset+off, int(n))
		all = append(all, got...)
		off += uint64(len(got))
		if uint64(len(got)) < n {
			if err == nil {
				t.Fatal("fewer bytes without an error")
			}
			skip := min(4096-off%4096, m.Size()-off)
			all = append(all, make([]byte, skip)...)
			off += skip
			lost += int(skip)
		}
	}
	return string(all), lost
}

// fact returns what an image tells of a name.
func fact(img *image.Image, name string) string {
	for _, f := range img.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// containers are forms that a container can have, with the script that makes it of the file in.
var containers = []struct{ name, is, tool, script string }{
	{"gzip", "gzip", "gzip", "gzip -c in"},
	{"gzip of two", "gzip", "gzip", "head -c 100000 in | gzip -c; tail -c +100001 in | gzip -9 -c"},
	{"gzip, stored", "gzip", "python3", "python3 -c 'import gzip,sys; sys.stdout.buffer.write(gzip.compress(open(\"in\",\"rb\").read(), 0))'"},
	{"bgzip", "gzip", "bgzip", "bgzip -c in"},
	{"pigz", "gzip", "pigz", "pigz -c in"},
	{"zstd", "zstd", "zstd", "zstd -qc in"},
	{"zstd from a pipe", "zstd", "zstd", "cat in | zstd -qc"},
	{"zstd of two", "zstd", "zstd", "head -c 100000 in | zstd -qc; tail -c +100001 in | zstd -qc -1 --no-check"},
	{"zstd, long", "zstd", "zstd", "zstd -qc --long=31 in"},
	{"pzstd", "zstd or lz4", "pzstd", "pzstd -q -p 3 -c in"},
	{"xz", "xz", "xz", "xz -0 -c in"},
	{"xz of two", "xz", "xz", "head -c 100000 in | xz -0 -c; head -c 8 /dev/zero; tail -c +100001 in | xz -1 -c -C crc32; head -c 12 /dev/zero"},
	{"xz of blocks", "xz", "xz", "xz -0 -c --block-size=100000 in"},
	{"xz of blocks, two", "xz", "xz", "xz -0 -c --block-size=100000 -C sha256 in > a; head -c 100000 in | xz -0 -c --block-size=100000 -C none; tail -c +100001 in | xz -0 -c --block-size=70000 -C crc32"},
	{"xz, x86", "xz", "xz", "xz --x86 --lzma2=preset=0 -c in"},
	{"bzip2", "bzip2", "bzip2", "bzip2 -1 -c in"},
	{"bzip2 of two", "bzip2", "bzip2", "head -c 100000 in | bzip2 -1 -c; tail -c +100001 in | bzip2 -1 -c"},
	{"lz4", "lz4", "lz4", "lz4 -qc in"},
	{"lz4 of linked blocks", "lz4", "lz4", "lz4 -qc -BD -B4 in"},
	{"lz4 of two", "lz4", "lz4", "head -c 100000 in | lz4 -qc; tail -c +100001 in | lz4 -qc --no-frame-crc -BX --content-size"},
	{"lz4, legacy", "lz4", "lz4", "lz4 -qc -l in"},
	{"zip", "zip", "zip", "zip -q - in"},
	{"zip, stored", "zip", "zip", "zip -q -0 - in"},
	{"zip from a pipe", "zip", "zip", "cat in | zip -q - -"},
	{"zip with notes", "zip", "zip", "echo note > a; mkdir b; zip -q - a in b"},
}

// Whatever other programs pack is what it was.
func TestContainers(t *testing.T) {
	want := memory(t, 300_000)
	for _, c := range containers {
		t.Run(c.name, func(t *testing.T) {
			file := made(t, want, c.tool, c.script)
			img, err := open(t, file, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got, lost := bytesOf(t, img); got != want || lost > 0 {
				t.Errorf("%d bytes, want %d; %d lost", len(got), len(want), lost)
			}
			if img.Missing != 0 || img.Format != "raw" || fact(img, "container") != c.is || fact(img, "packed_size") != fmt.Sprint(len(file)) || fact(img, "unpacked_size") != fmt.Sprint(len(want)) || img.FileSize != uint64(len(file)) || img.CanGrow() || len(img.Hints) > 0 {
				t.Errorf("%+v", img)
			}
			if notes := len(img.Notes); notes != 1 && c.name != "zip with notes" {
				t.Errorf("notes %q", img.Notes)
			}
			if changes := img.Changed(); len(changes) > 0 {
				t.Error(changes)
			}
		})
	}
}

// A dump in a container is a dump, and a program in one is none.
func TestInside(t *testing.T) {
	record := imagetest.Record(0x1000, 0x1003, "abcd")
	img, err := open(t, gzipped(record), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	imagetest.CheckMappings(t, img, "0x1000..0x1003 present +0x20 record[0]\n")
	if img.Format != "LiME" || !strings.HasSuffix(img.Detail, "4 bytes, gzip-compressed") {
		t.Errorf("%+v", img)
	}
	if _, err := open(t, gzipped(record), image.Options{Format: "elf"}); err == nil || !strings.Contains(err.Error(), `does not have the format "elf": it is a LiME dump`) {
		t.Error(err)
	}
	if img, err := open(t, gzipped(record), image.Options{Format: "raw"}); err != nil || img.Mappings[0].Size() != uint64(len(gzipped(record))) {
		t.Error(err)
	}
	for name, c := range map[string]struct{ file, want string }{
		"gzip in gzip": {gzipped(gzipped("x")), "is gzip-compressed, and what it holds is gzip-compressed: decompress it first (gzip -dc < "},
		"advice":       {gzipped(gzipped("x")), " > OUT); then, of that: decompress it first (gzip -dc < OUT > OUT)"},
		"a tar":        {gzipped(imagetest.Zeros(257) + "ustar\x0000" + imagetest.Zeros(300)), "what it holds is a tar archive"},
		"a zip in zip": {archive("a.zip", zip.Store, archive("b", zip.Store, "x")), "what it holds is a zip archive"},
		"a dump":       {gzipped("QEVM\x00\x00\x00\x03"), "and what it holds is"},
		"nothing":      {gzipped(""), "is gzip-compressed, and holds nothing once it is unpacked: decompress"},
		"a program":    {gzipped(string(imagetest.BuildELF(true, 0, nil, func(h []byte) { h[16] = 2 }))), "not a dump"},
	} {
		_, err := open(t, c.file, image.Options{})
		if name == "a program" && err == nil {
			continue
		}
		imagetest.CheckError(t, err, c.want)
	}
}

// What cannot be unpacked is refused before memory is full, whatever the container says of its size.
func TestUnpackLimit(t *testing.T) {
	for name, file := range map[string]string{
		"gzip": gzipped(imagetest.Zeros(1 << 20)), "two": gzipped(imagetest.Zeros(600_000)) + gzipped(imagetest.Zeros(600_000)),
		"zip": archive("a", zip.Deflate, imagetest.Zeros(1<<20)), "large": gzipped(string(make([]byte, 10)) + memory(t, 1<<20)),
	} {
		_, err := open(t, file, image.Options{UnpackLimit: 1<<20 - 1})
		var refused *image.UnsupportedError
		if !errors.As(err, &refused) || refused.UnpackLimit != 1<<20-1 || !strings.Contains(err.Error(), "has more than the 1048575 bytes that are unpacked in memory at most") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "gzip" {
			if _, err := open(t, file, image.Options{UnpackLimit: 1 << 20}); err != nil {
				t.Error(err)
			}
		}
	}
	// What is read at random has no such limit.
	for _, file := range []string{bgzipped(imagetest.Zeros(1 << 20)), archive("a", zip.Store, imagetest.Zeros(1<<20))} {
		if _, err := open(t, file, image.Options{UnpackLimit: 1000}); err != nil {
			t.Error(err)
		}
	}
	var short *budget.Error
	if _, err := open(t, gzipped(memory(t, 4<<20)), image.Options{Budget: budget.New(100_000)}); !errors.As(err, &short) {
		t.Error(err)
	}
}

// Of a file that is cut anywhere, what came is searched and the rest is told.
func TestCut(t *testing.T) {
	want := memory(t, 3000)
	for name, whole := range map[string]string{"gzip": gzipped(want), "bgzip": bgzipped(want), "zip": archive("a", zip.Store, want)} {
		for n := 0; n < len(whole); n += 1 + n/6 {
			img, err := open(t, whole[:n], image.Options{})
			if err != nil {
				if n > 30 && name == "bgzip" && !strings.Contains(err.Error(), "not a byte") {
					t.Errorf("%s, %d bytes: %v", name, n, err)
				}
				continue
			}
			got, lost := bytesOf(t, img)
			told := img.Missing > 0 || len(img.Notes) > 0 && fact(img, "container") == ""
			if fact(img, "container") != "" && (!strings.HasPrefix(want, got) || lost > 0) || !told && !(got == want && name != "zip") {
				t.Errorf("%s, %d of %d bytes: %d bytes, %d missing, notes %q", name, n, len(whole), len(got), img.Missing, img.Notes)
			}
		}
	}
	for _, c := range containers {
		if c.is == "zip" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			want := memory(t, 150_000)
			whole := made(t, want, c.tool, c.script)
			rnd := testenv.Rand(t)
			for range testenv.Rounds(1, 2, 300) {
				n := 1 + rnd.IntN(len(whole)-1)
				img, err := open(t, whole[:n], image.Options{})
				if err != nil {
					continue
				}
				if fact(img, "container") == "" {
					continue // too little to be recognised
				}
				got, lost := bytesOf(t, img)
				if len(got) < len(want) && lost == 0 && img.Missing == 0 && !(strings.Contains(c.name, "two") || c.name == "lz4, legacy") {
					t.Errorf("cut at %d of %d: %d bytes of %d, and nothing is missing", n, len(whole), len(got), len(want))
				}
				if lost == 0 && !strings.HasPrefix(want, got) {
					t.Errorf("cut at %d of %d: other bytes", n, len(whole))
				}
			}
		})
	}
}

// A damaged bit costs something that is told, or nothing.
func TestDamaged(t *testing.T) {
	for _, c := range containers {
		if strings.Contains(c.name, "stored") && c.is == "zip" {
			continue // nobody compares its sum, which would take to read all
		}
		t.Run(c.name, func(t *testing.T) {
			want := memory(t, 150_000)
			whole := made(t, want, c.tool, c.script)
			rnd := testenv.Rand(t)
			for range testenv.Rounds(1, 2, 300) {
				b := []byte(whole)
				at := rnd.IntN(len(b))
				b[at] ^= byte(1 << rnd.IntN(8))
				img, err := open(t, string(b), image.Options{})
				if err != nil || fact(img, "container") == "" {
					continue
				}
				got, lost := bytesOf(t, img)
				if got != want && lost == 0 && img.Missing == 0 && !strings.Contains(c.script, "no-") && !strings.Contains(c.script, "-C none") && c.name != "lz4, legacy" && c.is != "zip" {
					t.Errorf("byte %d of %d: %d bytes of %d, other ones, and nothing is missing; notes %q", at, len(b), len(got), len(want), img.Notes)
				}
			}
		})
	}
}

// What follows a container is told, unless it is zeros; and so is a sum that is wrong.
func TestTrailing(t *testing.T) {
	want := memory(t, 100_000)
	wrong := []byte(gzipped(want))
	wrong[len(wrong)-8] ^= 1
	for name, c := range map[string]struct {
		file, got string
		missing   uint64
		note      string
	}{
		"zeros":         {gzipped(want) + imagetest.Zeros(1000), want, 0, ""},
		"bytes":         {gzipped(want) + "some bytes", want, 10, "the 10 bytes from file offset"},
		"zeros, bytes":  {gzipped(want) + imagetest.Zeros(1000) + "x", want, 1001, "the 1001 bytes from file offset"},
		"sum":           {string(wrong), want, 1, "some of the bytes up to 0x186a0, unpacked, are wrong"},
		"sum, and more": {string(wrong) + gzipped("more"), want + "more", 1, "some of the bytes up to 0x186a0, unpacked, are wrong"},
		"bgzip, bytes":  {bgzipped(want) + "some bytes", want, 10, "the 10 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			img, err := open(t, c.file, image.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got, lost := bytesOf(t, img); got != c.got || lost > 0 || img.Missing != c.missing {
				t.Errorf("%d bytes, %d lost, %d missing", len(got), lost, img.Missing)
			}
			if c.note == "" {
				imagetest.CheckNotes(t, img, "raw bytes")
			} else {
				imagetest.CheckNotes(t, img, "raw bytes", c.note)
			}
		})
	}
}

// Of what is read at random a damaged block costs itself alone.
func TestDamagedBlock(t *testing.T) {
	rnd := testenv.Seeded(t, 9, 9)
	noise := make([]byte, 1_100_000) // all blocks are of about the same size, so that the damage is not in the first one
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	want := string(noise)
	check := func(t *testing.T, file string, at int) {
		b := []byte(file)
		b[at] ^= 0x10
		img, err := open(t, string(b), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := image.PlaceIn(img.Mappings[0].Source, 0x1234); got != "at unpacked offset 0x1234" {
			t.Errorf("an offset in what is unpacked is told as %q", got)
		}
		got, lost := bytesOf(t, img)
		if lost == 0 || lost > 110_000 || len(got) != len(want) {
			t.Fatalf("%d bytes lost, %d there", lost, len(got))
		}
		differ := 0
		for i := range got {
			if got[i] != want[i] {
				differ++
			}
		}
		if differ > lost {
			t.Errorf("%d bytes differ, and %d are told", differ, lost)
		}
	}
	t.Run("bgzip", func(t *testing.T) { file := bgzipped(want); check(t, file, len(file)/2) })
	t.Run("xz", func(t *testing.T) {
		file := made(t, want, "xz", "xz -0 -c --block-size=100000 in")
		check(t, file, len(file)/2)
	})
	t.Run("zstd", func(t *testing.T) {
		file := made(t, want, "zstd", "for i in 0 1 2 3 4 5 6 7 8 9 10; do dd if=in bs=100000 skip=$i count=1 status=none > part; zstd -qc part; done")
		check(t, file, len(file)/2)
	})
}

// An archive is read where it has one file, and nothing of note beside it.
func TestZip(t *testing.T) {
	want := memory(t, 50_000)
	for name, c := range map[string]struct {
		file string
		want string // of the error; "" where it opens
	}{
		"stored":   {archive("a", zip.Store, want), ""},
		"deflated": {archive("a", zip.Deflate, want), ""},
		"folder":   {archive("d/", zip.Store, "", "d/a", zip.Deflate, want), ""},
		"notes":    {archive("readme", zip.Store, "text", "a", zip.Store, want, "sums", zip.Deflate, strings.Repeat("x", 3000)), ""},
		"two":      {archive("a", zip.Store, want, "b", zip.Store, want[:5000]), "of 2 files"},
		"none":     {archive("d/", zip.Store, ""), "without a file"},
		"AFF4":     {archive("information.turtle", zip.Store, "x", "aff4:1/data/0", zip.Store, want), "AFF4"},
		"cut":      {archive("a", zip.Store, want)[:40_000], "the directory cannot be read"},
	} {
		img, err := open(t, c.file, image.Options{})
		if c.want != "" {
			imagetest.CheckError(t, err, c.want)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, lost := bytesOf(t, img); got != want || lost > 0 || img.Missing > 0 {
			t.Errorf("%s: %d bytes", name, len(got))
		}
		if name == "notes" {
			imagetest.CheckNotes(t, img, "raw bytes", `"a" is read, and 2 files of 3004 bytes in all beside it not`)
		}
	}
	t.Run("encrypted", func(t *testing.T) {
		_, err := open(t, made(t, want, "zip", "zip -q -P secret - in"), image.Options{})
		imagetest.CheckError(t, err, "is encrypted")
	})
	t.Run("bzip2", func(t *testing.T) {
		img, err := open(t, made(t, want, "zip", "zip -q -Z bzip2 - in"), image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, lost := bytesOf(t, img); got != want || lost > 0 || img.Missing > 0 {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// Opening ends with its context, and tells how far it is.
func TestInterrupted(t *testing.T) {
	path := imagetest.TempFile(t, "x", gzipped(imagetest.Zeros(17<<20)))
	var told []uint64
	all := &imagetest.Asked{Context: t.Context(), Left: 1 << 30}
	img, err := formats.Open(all, path, image.Options{Unpacking: func(read, size uint64) {
		told = append(told, read)
		if read > size {
			t.Errorf("%d of %d", read, size)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	img.Close()
	if len(told) < 4 || !slices.IsSorted(told) {
		t.Errorf("told %d", told)
	}
	for left := 0; left < all.Count; left += 1 + left/2 {
		_, err := formats.Open(&imagetest.Asked{Context: t.Context(), Left: left}, path, image.Options{})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("after %d questions of %d: %v", left, all.Count, err)
		}
	}
}

// Pages of zeros are holes of what was unpacked.
func TestZeroPages(t *testing.T) {
	img, err := open(t, gzipped("x"+imagetest.Zeros(1<<20)+"y"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	source := img.Mappings[0].Source.(engine.HoleSource)
	if first, behind := source.NextHole(0, source.Size(), 1<<16); first != 1<<16 || behind != 1<<20 {
		t.Errorf("%#x to %#x", first, behind)
	}
}

// Where only known formats are wanted, what a container holds is asked before all of it is unpacked.
func TestKnown(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want bool
	}{
		"a dump":   {imagetest.Record(0, 4<<20-1, memory(t, 4<<20)), true},
		"anything": {memory(t, 4<<20), false},
	} {
		for _, file := range []string{gzipped(c.data), bgzipped(c.data), archive("a", zip.Store, c.data), archive("a", zip.Deflate, c.data)} {
			unpacked := false
			img, err := open(t, file, image.Options{Known: true, Unpacking: func(_, _ uint64) { unpacked = true }})
			if known := !errors.Is(err, image.ErrUnknown); known != c.want || known && (err != nil || img.Format != "LiME") {
				t.Errorf("%s: %v", name, err)
			}
			if !c.want && unpacked {
				t.Errorf("%s: all of it was unpacked", name)
			}
			if img, err := open(t, file, image.Options{Known: true, Format: image.FormatRaw}); err != nil || img.Missing > 0 {
				t.Errorf("%s, raw: %v", name, err)
			}
		}
	}
	if img, err := open(t, memory(t, 5000), image.Options{Known: true}); err != nil || img.Format != "raw" {
		t.Errorf("no container: %v", err)
	}
}
