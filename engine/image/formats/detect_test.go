package formats_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"slices"
	"strings"
	"testing"

	"vscan/engine/addr"
	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
)

func zlibBytes(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func gzipBytes(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// heads has an example of every format.
var heads = []struct{ head, want string }{
	{"KDUMP   \x06\x00\x00\x00", "kdump"},
	{"DISKDUMP", "kdump"},
	{"makedumpfile\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "makedumpfile flattened"},
	{"PAGEDU64\x0f\x00\x00\x00", "Windows crash dump"},
	{"PAGEDUMP\x0f\x00\x00\x00", "Windows crash dump"},
	{"MDMP\x93\xa7\x00\x00", "minidump"},
	{"PMDM\x00\x00\xa7\x93", "minidump"},
	{"W/google-breakpad( 3745): -----BEGIN BREAKPAD MICRODUMP-----\nW/google", "microdump"},
	{"02-25 07:54:01.688 F/google-breakpad(13589): M F6F86000 00000000\n", "microdump"},
	{"google-breakpad\x00\x01\x02", ""},
	{"EMiL\x01\x00\x00\x00", "LiME"},
	{zlibBytes("EMiL\x01\x00\x00\x00" + strings.Repeat("abc", 10000))[:40], "zlib-compressed LiME"},
	{zlibBytes("some other thing"), "zlib"},
	{"\x78\x9c", ""},
	{"AVML\x02\x00\x00\x00", "AVML"},
	{string(imagetest.BuildELF(true, addr.Little, nil, nil)), "ELF core"},
	{string(imagetest.BuildELF(false, addr.Big, nil, nil)), "ELF core"},
	{string(imagetest.BuildELF(true, addr.Big, nil, func(h []byte) { h[17] = 2 })), "ELF"},
	{"\x7fELF", "ELF core"}, // cut
	{"\xcf\xfa\xed\xfe\x07\x00\x00\x01\x03\x00\x00\x00\x04\x00\x00\x00", "Mach-O core"},
	{"\xfe\xed\xfa\xce\x00\x00\x00\x12\x00\x00\x00\x00\x00\x00\x00\x04", "Mach-O core"},
	{"\xce\xfa\xed\xfe\x07\x00\x00\x01\x03\x00\x00\x00\x02\x00\x00\x00", "Mach-O"},
	{"\xfe\xed\xfa\xcf", "Mach-O"},
	{"\xd0\xbe\xd2\xbe", "VMware state"},
	{"\xd2\xba\xd2\xba", "VMware state"},
	{"\x7fVirtualBox SavedState V2.0\n\x00\x00\x00", "VirtualBox saved state"},
	{"QEVM\x00\x00\x00\x03", "QEMU savevm"},
	{"LibvirtQemudSave\x02\x00", "libvirt save"},
	{"HIBR", "Windows hibernation file"},
	{"hibr", "Windows hibernation file"},
	{"wake", "Windows hibernation file"},
	{"WAKE", "Windows hibernation file"},
	{"RSTR", "Windows hibernation file"},
	{"rstr\x00\x00\x00\x00\x12\x34\x56\x78\x50\x03\x00\x00", "Windows hibernation file"},
	{"rsTrieBuilder26indexOfElement", ""},
	{"rString\x00Java_java_lang", ""},
	{"wake up, said the log", ""},
	{"WAKE" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00", ""},
	{strings.Repeat("\x00", 4086) + "S1SUSPEND\x00", "Linux hibernation image"},
	{strings.Repeat("\x00", 4086) + "SWAPSPACE2", ""},
	{"sadump\x00\x00", "SADUMP"},
	{strings.Repeat("\x00", 4096) + "sadump\x00\x00", "SADUMP"},
	{"\xed\x23\x8f\x61\x73\x01\x19\xa8", "LKCD"},
	{"\xa8\x19\x01\x73\x61\x8f\x23\xed", "LKCD"},
	{"\xa8\x19\x01\x73\x61\x8f\x23\xfd", "s390 dump"},
	{"\xed\xeb\x0f\xf0", "Xen core"},
	{"HPAK", "HPAK"},
	{gzipBytes("x"), "gzip"},
	{"\x1f\x8b\x07\x00", ""},
	{"\x28\xb5\x2f\xfd", "zstd"},
	{"\xfd7zXZ\x00", "xz"},
	{"BZh91AY&SY", "bzip2"},
	{"BZh9 is text", ""},
	{"\x04\x22\x4d\x18", "lz4"},
	{"\x02\x21\x4c\x18", "lz4"},
	{"\x5a\x2a\x4d\x18", "zstd or lz4"},
	{"\xff\x06\x00\x00sNaPpY", "snappy"},
	{"\x89LZO\x00\r\n\x1a\n", "lzop"},
	{"PK\x03\x04", "zip"},
	{"7z\xbc\xaf\x27\x1c", "7z"},
	{"Rar!\x1a\x07\x01\x00", "rar"},
	{strings.Repeat("x", 257) + "ustar\x0000", "tar"},
	{"EVF\x09\x0d\x0a\xff\x00", "EWF"},
	{"", ""},
	{"plain bytes", ""},
	{"MZ\x90\x00", ""},
	{strings.Repeat("\x00", 8192), ""},
}

func TestIdentify(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range tails {
		seen[c.want] = true
	}
	for _, h := range slices.Concat(heads, moreHeads) {
		if got := formats.Identify([]byte(h.head)); got != h.want {
			t.Errorf("%.40q: %q, want %q", h.head, got, h.want)
		}
		seen[h.want] = true
		for n := range min(len(h.head), 600) { // no prefix may panic
			formats.Identify([]byte(h.head[:n]))
		}
	}
	for _, k := range formats.Table {
		if !seen[k.Name] {
			t.Errorf("no example of %s", k.Name)
		}
		if k.What == "" || k.Match == nil || k.Open == nil && k.Advice == "" || (k.Open != nil) != (k.Option != "") {
			t.Errorf("%s: the entry is not complete", k.Name)
		}
	}
	if got := formats.Names(); !slices.Equal(got, []image.FormatName{"raw", "kdump", "flattened", "windows", "lime", "avml", "elf", "minidump", "macho", "vmware", "zdmp"}) {
		t.Errorf("formats %q", got)
	}
}

// What is recognised and not read is refused with advice, in every way of
// opening it but as raw bytes.
func TestRefused(t *testing.T) {
	for _, h := range slices.Concat(heads, moreHeads) {
		k := formats.Recognize([]byte(h.head), []byte(h.head))
		if k == nil || k.Open != nil || k.Unpack != nil {
			continue
		}
		path := imagetest.TempFile(t, "a dump.x", h.head)
		base := addr.Addr(0x1000)
		for _, o := range []image.Options{{}, {Base: &base}} {
			if (k.Holds == image.HoldsProgram) && o.Base != nil {
				continue
			}
			_, err := formats.Open(t.Context(), path, o)
			var un *image.UnsupportedError
			if !errors.As(err, &un) || un.Format != h.want || un.Advice == "" || strings.Contains(un.Advice, "FILE") {
				t.Errorf("%s: %v", h.want, err)
			}
			imagetest.CheckError(t, err, path+" is "+k.What+": ")
			checkRaw(t, err, k.RawHelps)
		}
		l, err := layer.Open(t.Context(), nil, image.LayerSpec{Path: path}, image.Options{})
		if (k.Holds == image.HoldsProgram) != (err == nil) {
			t.Errorf("%s as a layer: %v", h.want, err)
		}
		if err == nil {
			l.Close()
		}
		img, err := formats.Open(t.Context(), path, image.Options{Format: "raw"})
		if err != nil || img.Format != "raw" || len(img.Mappings) != 1 || img.Mappings[0].Size() != uint64(len(h.head)) {
			t.Errorf("%s as raw bytes: %+v, %v", h.want, img, err)
		}
		for _, format := range []image.FormatName{"elf", "lime"} {
			_, err := formats.Open(t.Context(), path, image.Options{Format: format})
			imagetest.CheckError(t, err, "does not have the format \""+string(format)+"\": it is "+k.What)
		}
	}
	_, err := formats.Open(t.Context(), imagetest.TempFile(t, "x.lz", "LZIP\x01\x0c"), image.Options{})
	imagetest.CheckError(t, err, "x.lz is lzip-compressed: decompress it first (lzip -dc < ")
	imagetest.CheckError(t, err, "x.lz > OUT)")
	checkRaw(t, err, "scan the compressed bytes")
}
