package formats_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"vscan/engine/image"
	"vscan/engine/image/formats"
	"vscan/engine/image/imagetest"
	"vscan/engine/image/layer"
	"vscan/internal/testenv"
)

func fromHex(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// vhdFooter returns the footer of a fixed disk, with its sum.
func vhdFooter() string {
	b := []byte(imagetest.Padded("conectix\x00\x00\x00\x02\x00\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", 512))
	var sum uint32
	for _, c := range b {
		sum += uint32(c)
	}
	binary.BigEndian.PutUint32(b[64:], ^sum)
	return string(b)
}

func udifTrailer() string { return imagetest.Padded("koly\x00\x00\x00\x04\x00\x00\x02\x00", 512) }

// arjHeader returns a main header with its CRC.
func arjHeader() string {
	h := imagetest.Padded("\x1e\x0b\x01\x00\x10\x00\x02", 40)
	b := binary.LittleEndian.AppendUint16([]byte("\x60\xea"), uint16(len(h)))
	return string(binary.LittleEndian.AppendUint32(append(b, h...), crc32.ChecksumIEEE([]byte(h))))
}

// oldTar returns a header as tar wrote it before ustar.
func oldTar() string {
	h := imagetest.Padded("a", 100) + "0000644\x000000000\x000000000\x0000000000005\x0000000000000\x00        "
	h = imagetest.Padded(h, 512)
	sum := 0
	for _, c := range []byte(h) {
		sum += int(c)
	}
	octal := []byte{byte('0' + sum>>12&7), byte('0' + sum>>9&7), byte('0' + sum>>6&7), byte('0' + sum>>3&7), byte('0' + sum&7)}
	return h[:148] + "0" + string(octal) + "\x00 " + h[156:]
}

// moreHeads has an example of every format that is newer than those in heads.
// Where Debian has a program that writes the format, TestMade has its files.
var moreHeads = []struct{ head, want string }{
	{"ZDMP\x00\x01\x00\x00", "DumpIt zdmp"},
	{"ProblemType: Crash\nArchitecture: amd64\nDate: Mon Jan  1 00:00:00 2024\nCoreDump: base64\n H4sICAAAAAAC/0NvcmVEdW1wAA==\n", "Apport report"},
	{"ProblemType: KernelCrash\nVmCore: base64\n", "Apport report"},
	{"ProblemType: \x00\x01", ""},
	{strings.Repeat("*** ", 15) + "***\nBuild fingerprint: 'google/x'\n", "Android tombstone"},
	{"=erl_crash_dump:0.5\nMon Jan  1 00:00:00 2024\n", "Erlang crash dump"},
	{"\xed\xc8\xfe\xde\x0a\x00\x00\x00\x0b\x00\x02\x00\x40\x00\x00\x00", "Solaris crash dump"},
	{"\xde\xfe\xc8\xed\x00\x00\x00\x09\x00\x02\x00\x03\x00\x00\x00\x20", "Solaris crash dump"},
	{"\xed\xc8\xfe\xde\x0a\x00\x00\x00\x0b\x00\x02\x00\x41\x00\x00\x00", ""},
	{"minidump FreeBSD/amd64\x00", "FreeBSD minidump"},
	{"FreeBSD Kernel Dump\x00amd64", "FreeBSD dump device"},
	{"\x00\x64\x8f\xca\x10\x00\x18\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x64\x8f\xac", "BSD kernel core"},
	{"\x00\x06\x8f\xca\x00\x0c\x00\x10\x00\x00\x00\x02\x01\x06\x8f\xac", "BSD kernel core"},
	{"\x00\x64\x8f\xca\x10\x00\x18\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\x64\x8f\xad", ""},
	{"Boss Mac\x02\x00\x00\x00", "macOS kernel core"},
	{"Rad Mac\x00", "macOS kernel core"},
	{"CrshDump", "IRIX dump"},
	{"\xde\xad\xad\xb0\x00\x00\x00\x01", "IRIX dump"},
	{"\x0b\x00\x00\x01\x0f\xee\xdd\xb2", "AIX core"},
	{"Core\x01\x00", "Digital UNIX core"},
	{"Xen saved domain, xl format\n \x00 \r", "Xen save"},
	{"LinuxGuestRecord", "Xen save"},
	{"\xff\xff\xff\xff\xff\xff\xff\xffXENF\x00\x00\x00\x03", "Xen save"},
	{strings.Repeat("\xff", 16), ""},
	{"libvirt-xml\n \x00 \r", "libvirt Xen save"},
	{imagetest.Padded("\x14\x20\x28\x01", 4096) + "\x14\x20\x28\x01", "Hyper-V saved state"},
	{"DMTCP_CHECKPOINT_IMAGE_v2.0\n", "DMTCP checkpoint"},
	{"C\x00\x00\x00R\x00\x00\x00", "BLCR checkpoint"},
	{"JAVA PROFILE 1.0.2\x00\x00\x00\x00\x08", "Java HPROF"},
	{"\x00\x12portable heap dump\x00\x00\x00\x06", "OpenJ9 heap dump"},
	{"go1.7 heap dump\n", "Go heap dump"},
	{"go1.21 is a release\n", ""},
	{imagetest.Zeros(8192-10) + "LINHIB0001", "Linux hibernation image"},
	{imagetest.Zeros(65536-10) + "S1SUSPEND\x00", "Linux hibernation image"},
	{"LiME\x00\x00\x00\x01", "LiME"},
	{zlibBytes("LiME\x00\x00\x00\x01" + strings.Repeat("abc", 10000)), "zlib-compressed LiME"},

	{"\x27\xb5\x2f\xfd", "zstd before 0.8"},
	{"\x03\x21\x4c\x18", "lz4, oldest"},
	{"BZ3v1", "bzip3"},
	{zlibBytes(strings.Repeat("some page of memory", 100000)), "zlib"},
	{zlibBytes("one") + zlibBytes("after another"), "zlib"},
	{zlibBytes("one in memory") + imagetest.Zeros(1000), ""},
	{zlibBytes(strings.Repeat("one that is long", 10000)) + "and a pointer", ""},
	{zlibBytes("one") + zlibBytes("after another") + "\x78\x9d", ""},
	{"LZIP\x01\x0c", "lzip"},
	{"LZIPPER", ""},
	{fromHex("5d00008000 ffffffffffffffff 00 349949eb"), "lzma"},
	{fromHex("5d00008000 ffffffffffffffff 01 349949eb"), ""},
	{fromHex("5d00008100 ffffffffffffffff 00 349949eb"), ""},
	{fromHex("5d00000000 0000000000000000 00 00000000"), ""},
	{fromHex("1f9d90 61 c4 8c 19 43 06"), "compress"},
	{fromHex("1f9d90 0000000000000000"), ""}, // zeros would be compressed
	{fromHex("1f9d90 ff01"), ""},
	{fromHex("1f9d08 61 c4 8c 19 43 06"), ""},
	{fromHex("1f1e 00000004 01 00 61 08"), "pack"},
	{fromHex("1f1e 00000004 01 00 61 62"), ""}, // as gzip has it
	{fromHex("1f1e 00000004 01 05 61 62"), ""},
	{fromHex("1f1e 322a3721 01 00 00 2e c9 52"), ""},
	{fromHex("1f1e 00000004 01 00 61 00"), ""},
	{fromHex("1f1e 00000010 01 00 61 00 00 80"), "pack"},
	{fromHex("1f1e 60eb0200 02 01 00 00 83 29fe1d2b"), ""},                // ends too early
	{fromHex("1f1e 00000004 02 01 00 61 62 6c"), ""},                      // 0 is inner, 1 a leaf
	{fromHex("1f1e 00000003 02 01 00 61 62 8c"), ""},                      // a b: ends after two
	{fromHex("1f1e 00000002 02 01 00 61 62 88"), "pack"},                  // a b, and the end
	{fromHex("1f1e 00000002 02 01 00 61 61 88"), ""},                      // a value twice
	{fromHex("1f1e 00000002 02 01 00 61 62 88") + "behind it", ""},        // no end of the file
	{fromHex("785e 88 587f a780 88ffff") + strings.Repeat("p", 1000), ""}, // a stored block does not begin so
	{fromHex("785e 00 587f a780 88ffff") + strings.Repeat("p", 1000), "zlib"},
	{fromHex("7801 fa31 0000 6e00 00 00ff ff00 00 0900 0000 93e3 4505 a600 0000") + strings.Repeat("\x06K\x00\x00s\x00\x00\x00", 200), ""}, // stored behind few, and no noise
	{fromHex("789c 4a04 00 00f0 ff0f") + strings.Repeat("\x06K\x00\x00s\x00\x00\x00", 200), ""},
	{fromHex("7801 4a04 00 0000 ffff 00 00f0 ff0f") + strings.Repeat("a text that would be compressed", 100), ""},
	{"LRZI\x00\x08", "lrzip"},
	{"RZIP\x02\x01", "rzip"},
	{"7kSt\xa01\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ\x02\x01", "zpaq"},
	{"zPQ\x01\x01", "zpaq"},
	{"bvx2\x00\x00\x01\x00", "lzfse"},
	{"pbzx\x00\x00\x00\x00\x01\x00\x00\x00", "pbzx"},
	{"qpress10", "qpress"},
	{"SZDD\x88\xf0\x27\x33A", "SZDD"},
	{"PK00PK\x03\x04", "zip"},
	{"RE\x7e\x5e", "rar"},
	{oldTar(), "tar"},
	{"b" + oldTar()[1:], ""},
	{"070707" + strings.Repeat("000001", 12) + "0000", "cpio"},
	{"070701" + strings.Repeat("0000000A", 13), "cpio"},
	{"070702" + strings.Repeat("0000000a", 13), "cpio"},
	{"070701 and text" + strings.Repeat(" ", 200), ""},
	{fromHex("c771 0100 0200 a481 0000 0000 0100 0000 0000 0000 0200 0000 0000 6100"), "cpio"},
	{fromHex("71c7 0001 0002 81a4 0000 0000 0001 0000 0000 0000 0002 0000 0000 6100"), "cpio"},
	{fromHex("c771 0100 0200 a481 0000 0000 0100 0000 0000 0000 0200 0000 0000 6162"), ""},
	{fromHex("c771 0100 0200 ed41 0000 0000 0200 0000 0000 0000 0200 0000 0000 6400") + fromHex("c771 0100 0300 a481 0000 0000 0100 0000 0000 0000 0200 0000 0000 0a00"), "cpio"},
	{fromHex("c771 0100 0200 ed41 0000 0000 0200 0000 0000 0000 0200 0000 0000 6400") + imagetest.Zeros(100), ""}, // no second file
	{fromHex("c771 0100 0200 a481 0000 0000 0100 0000 0000 0000 0200 0100 0000 6100") + imagetest.Zeros(100), "cpio"},
	{fromHex("c771 0100 0200 a481 0000 0000 0000 0000 0000 0000 0200 0100 0000 6100") + imagetest.Zeros(100), ""}, // no link
	{fromHex("c771 bf00 0000 bd43 0000 7f3f 1a53 eb28 7409 854c 0200 3c00 0000 0900 0000 eae3 0000 e006 0000"), ""},
	{fromHex("c771 0000 0000 0000 0000 0000 0100 0000 0000 0000 0b00 0000 0000") + "TRAILER!!!\x00\x00", "cpio"},
	{fromHex("c771 0000 0000 0000 0000 0000 0100 0000 0000 0000 0b00 0000 0000") + "TRAILERS!!\x00\x00", ""},
	{"!<arch>\ndebian-binary   ", "deb"},
	{"!<arch>\n/               ", "ar"},
	{"\xed\xab\xee\xdb\x03\x00", "rpm"},
	{"MSCF\x00\x00\x00\x00", "cab"},
	{"ISc(\x0c\x60\x00\x01", "InstallShield cabinet"},
	{"MSWIM\x00\x00\x00\xd0", "wim"},
	{"xar!\x00\x1c\x00\x01", "xar"},
	{arjHeader(), "arj"},
	{"\x60\xea\x22\x00" + imagetest.Zeros(100), ""},
	{"\x16\x64-lh5-" + imagetest.Zeros(13) + "\x01\x00" + imagetest.Zeros(4), "lha"},
	{"\x1a\x00-lh7-" + imagetest.Zeros(13) + "\x02\x00", "lha"},
	{fromHex("1eac 2d6c68352d 671b0000 ac460000 0000213c 20 01 05 67706c2d32 3aa3 55 ff7f") + imagetest.Zeros(7000), ""},        // the size of a part is wrong
	{fromHex("3300 2d6c68372d b01a0000 ac460000 003b3d4b 20 02 3aa3 55 0500 00d4e70500") + imagetest.Zeros(7000), ""},           // parts do not end with the header
	{fromHex("2000 2d6c68352d 01000000 01000000 003b3d4b 20 02 3aa3 55 0600 01 612e62 0000") + "x\x00", "lha"},                  // without a CRC
	{fromHex("2000 2d6c68352d 01000000 01000000 003b3d4b 20 02 3aa3 55 0600 01 612e62 0000") + "xyz", ""},                       // no next header
	{fromHex("2000 2d6c68352d 01000000 01000000 003b3d4b 20 02 3aa3 55 0600 41 612e62 0000") + "x\x00", ""},                     // no name
	{fromHex("0400 2d6c68302d 01000000 01000000 003b3d4b 20 03 3aa3 55 28000000 08000000 01 612e62 00000000") + "x\x00", "lha"}, // level 3
	{fromHex("0400 2d6c68302d 02000000 01000000 003b3d4b 20 03 3aa3 55 28000000 08000000 01 612e62 00000000") + "xy\x00", ""},   // more than there was
	{fromHex("1a00 2d6c68372d db010000 71ce0500 1d740100 3d 02 00 0061 00 0000 f226f600 8e710400") + imagetest.Zeros(1000), ""}, // no parts
	{fromHex("1a00 2d6c68372d 20ae0600 d0f23900 85222b00 21 01 00 0000 00 0000 d8c4 381b967035") + imagetest.Zeros(1000), ""},   // level 1: no part is the name
	{"\x16\x65-lh5-" + imagetest.Zeros(13) + "\x01\x00" + imagetest.Zeros(4), ""},
	{"\x1a\x00-abc-" + imagetest.Zeros(13) + "\x02\x00", ""},
	{"ZOO 2.10 Archive.\x1a\x00\x00\xdc\xa7\xc4\xfd", "zoo"},
	{"\x37\x9e\x31\x00\x00\x00\x90**ACE**", "ace"},
	{"SIT!\x00\x01\x00\x00\x00\x00rLau", "StuffIt"},
	{"ANDROID BACKUP\n5\n1\nnone\n", "Android backup"},
	{"ANDROID!\x00\x00\x80\x00", "Android boot image"},
	{imagetest.Zeros(510) + "\x55\xaaHdrS", "Linux kernel"},
	{imagetest.Zeros(510) + "\x55\xaa", ""}, // a boot sector
	{"\x27\x05\x19\x56" + imagetest.Zeros(27) + "\x01", "uImage"},
	{"\x27\x05\x19\x56" + imagetest.Zeros(28), ""}, // not compressed

	{"LVF\x09\x0d\x0a\xff\x00", "EWF"},
	{"EVF2\x0d\x0a\x81\x00\x02\x01", "EWF2"},
	{"AFF10\x0d\x0a\x00", "AFF"},
	{"ADSEGMENTEDFILE\x00", "AD1"},
	{"QFI\xfb\x00\x00\x00\x03", "qcow2"},
	{"QED\x00\x00\x00\x01\x00", "qed"},
	{"OOOM\x00\x00\x00\x02", "cow"},
	{"KDMV\x01\x00\x00\x00", "vmdk"},
	{"COWD\x01\x00\x00\x00", "vmdk"},
	{fromHex("bebafeca 00000000 01000000 02000000"), "vmdk"},
	{"# Disk DescriptorFile\nversion=1\n", "vmdk descriptor"},
	{"vhdxfileQ\x00E\x00", "vhdx"},
	{vhdFooter() + imagetest.Zeros(512), "vhd"},
	{strings.Replace(vhdFooter(), "\xff\xff\xff\xff", "\xff\xff\xff\xfe", 1) + imagetest.Zeros(512), ""},
	{imagetest.Padded("<<< QEMU VM Virtual Disk Image >>>\n", 0x40) + "\x7f\x10\xda\xbe", "vdi"},
	{"WithoutFreeSpace\x02\x00\x00\x00", "Parallels disk"},
	{"Bochs Virtual HD Image\x00", "Bochs disk"},
	{"#!/bin/sh\n#V2.0 Format\nmodprobe cloop", "cloop"},
	{"sprs\x00\x00\x00\x03", "sparseimage"},
	{"\x3a\xff\x26\xed\x01\x00\x00\x00", "Android sparse image"},
	{"VMA\x00\x00\x00\x00\x01", "vma"},
	{"partclone-image0001", "partclone"},
	{"\x00ntfsclone-image", "ntfsclone"},
	{"PaRtImAgE-VoLuMe", "partimage"},
	{"\xfe\xef\x01\x03", "Norton Ghost"},
	{"\xce\x24\xb9\xa2\x20\x00\x00\x00", "Acronis"},
	{imagetest.Padded("hsqs", 28) + "\x04\x00" + imagetest.Zeros(66), "squashfs"},
	{imagetest.Padded("sqsh", 28) + "\x00\x03" + imagetest.Zeros(66), "squashfs"},
	{imagetest.Padded("hsqs", 96), ""},
	{"\x45\x3d\xcd\x28" + imagetest.Zeros(12) + "Compressed ROMFS", "cramfs"},
	{imagetest.Zeros(1024) + imagetest.Padded("\xe2\xe1\xf5\xe0", 80) + "\x01", "erofs"},
	{imagetest.Zeros(1024) + imagetest.Padded("\xe2\xe1\xf5\xe0", 81), ""}, // not compressed: raw sectors
	{"LUKS\xba\xbe\x00\x02", "LUKS"},
	{imagetest.Padded("\xeb\x58\x90-FVE-FS-", 510) + "\x55\xaa", "BitLocker"},
	{"encrcdsa\x00\x00\x00\x02", "encrypted dmg"},
	{"age-encryption.org/v1\n-> X25519 x\n", "age"},
	{"Salted__12345678", "OpenSSL enc"},
	{"scrypt\x00\x11", "scrypt"},
	{"-----BEGIN PGP MESSAGE-----\n\nhQ\n", "OpenPGP message"},
	{fromHex("8c0d 04090302d7640f9cd719bd5cff d2ed0150ea5121a7ec"), "OpenPGP message"},
	{fromHex("c30d 04090308d7640f9cd719bd5cff d23901 50ea5121a7ec"), "OpenPGP message"},
	{fromHex("840c 03 0102030405060708 01 ffff 8c0d 04090302d7640f9cd719bd5cff d43901 50ea5121a7ec"), "OpenPGP message"},
	{fromHex("8403 030102") + imagetest.Zeros(20), ""},
	{fromHex("8c0d 04090302d7640f9cd719bd5cff 000000000000000000"), ""},
	{fromHex("d23901 50ea5121a7ec"), ""}, // no key
	{fromHex("8f 04090302d7640f9cd719bd5cff d2ed0150ea5121a7ec"), ""},
	{fromHex("8e ffffffff 04090302d7640f9cd719bd5cff d2ed0150"), ""},
	{"PK\x07\x08PK\x03\x04", "zip"},
	{"PK\x07\x08\x68\xf5\x74\xcd\xe5\x02\x00\x00", ""}, // what is behind a member
	{"\xd0\xbe\xd0\xbe \xd0\xb7\xd1\x8d\xd1\x80\xd1\x8d", ""},
	{"\xd2\xbe\xd2\xbe\x08\x00\x00\x00\x00\x00\x00\x00", ""},
	{"\xd2\xbe\xd2\xbe\x08\x00\x00\x00\x02\x00\x00\x00", "VMware state"},
}

// tails has what only the last bytes tell.
var tails = []struct{ tail, want string }{
	{udifTrailer(), "dmg"},
	{udifTrailer() + "x", ""},
	{strings.Replace(udifTrailer(), "\x04", "\x05", 1), ""},
	{vhdFooter(), "vhd"},
	{vhdFooter()[:511], "vhd"},
	{strings.Replace(vhdFooter(), "\x02", "\x03", 1), ""},
	{imagetest.Zeros(100) + "cdsaencr", "encrypted dmg"},
}

func TestTails(t *testing.T) {
	for _, c := range tails {
		path := imagetest.TempFile(t, "disk.img", imagetest.Zeros(70000)+c.tail)
		if got := openedAs(t, path); got != c.want {
			t.Errorf("%.20q: %q, want %q", c.tail, got, c.want)
		}
		layer, err := layer.Open(t.Context(), nil, image.LayerSpec{Path: path}, image.Options{})
		if (err == nil) != (c.want == "") {
			t.Errorf("%.20q as a layer: %v", c.tail, err)
		}
		if err == nil {
			layer.Close()
		}
	}
	// The first bytes count more: a core stays a core whatever is behind it.
	core := imagetest.Record(0x1000, 0x1003, "abcd") + udifTrailer()
	if k := formats.Recognize([]byte(core), []byte(core)); k == nil || k.Name != "LiME" {
		t.Errorf("%+v", k)
	}
}

// openedAs returns the format as which a file is refused, or "" where it is opened.
func openedAs(t *testing.T, path string) string {
	t.Helper()
	img, err := formats.Open(t.Context(), path, image.Options{})
	if err == nil {
		img.Close()
		return ""
	}
	var un *image.UnsupportedError
	if !errors.As(err, &un) {
		t.Error(err)
		return "an error"
	}
	if un.Advice == "" || strings.Contains(un.Advice, "FILE") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: advice %q", un.Format, un.Advice)
	}
	return un.Format
}

// What memory begins with is not taken for a container: zeros, vectors,
// pointers, code, text, and anything at random behind the short magics.
func TestMemoryIsNoContainer(t *testing.T) {
	for name, head := range memoryHeads(t) {
		if got := formats.Identify(head); got != "" {
			t.Errorf("%s is taken for %s", name, got)
		}
	}
	r := testenv.Seeded(t, 1, 1)
	short := []string{"", "", "\x1f\x9d\x90", "\x1f\x9d", "\x1f\x1e", "\x78\x9c", "\x78\x01", "\x78\x5e", "\x78\xda", "\x48\x89", "\x68\x81", "\xc7\x71", "\x71\xc7",
		"\x5d\x00\x00", "\x5d\x00\x00\x80\x00", "\x60\xea", "\x00\x00\x8f\xca", "070707", "x^", "x\x01", "\x1e\x00-lh5-",
		"\x1a\x00-lh7-", "\x04\x00-lh6-", "\x20\x40-lhd-", "\x19\x80-lh5-", "\x30\x00-lh5-", "\x20\x00-lh0-", "\x16\x00-lz5-",
		"\x1f\x9d\x8c", "\x1f\x1e\x00\x00", "\xd4\x0d", "\x5d\x00\x00\x01\x00", "070701", "BZh9",
		"\x8c\x0d\x04\x09", "\x84", "\x85\x02\x0c\x03", "\xc1", "\xc3\x0d\x04"}
	for i := range 200 * len(short) {
		head := append([]byte(short[i%len(short)]), randomMemory(r)...)
		if got := formats.Identify(head); got != "" {
			t.Errorf("head %d is taken for %s: % x…", i, got, head[:64])
		}
	}
}

// randomMemory is noise, text, small numbers, pointers or zeros.
func randomMemory(r *rand.Rand) []byte {
	b := make([]byte, 1024)
	switch kind := r.IntN(5); kind {
	case 0:
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	case 1:
		for i := range b {
			b[i] = byte(' ' + r.IntN(95))
		}
	case 2:
		for i := 0; i < len(b); i += 4 {
			binary.LittleEndian.PutUint32(b[i:], r.Uint32()>>r.IntN(32))
		}
	case 3:
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], 0xffff888000000000|uint64(r.Uint32())&^7)
		}
	}
	return b
}

// memoryHeads returns what raw memory typically begins with.
func memoryHeads(t *testing.T) map[string][]byte {
	ivt := make([]byte, 8192)
	for i := 0; i < 1024; i += 4 { // F000:xxxx, as a BIOS leaves it
		binary.LittleEndian.PutUint32(ivt[i:], 0xf000ff53-uint32(i)*7)
	}
	code := fromHex("554889e54883ec20897dec488975e08b45ec85c0740ab800000000e8000000005dc3")
	heads := map[string][]byte{
		"zeros":            make([]byte, 65536),
		"ones":             bytes.Repeat([]byte{0xff}, 65536),
		"interrupt table":  ivt,
		"x86-64 code":      bytes.Repeat([]byte(code), 200),
		"a boot sector":    []byte("\xfa\x31\xc0\x8e\xd8\x8e\xc0\x8e\xd0\xbc\x00\x7c" + imagetest.Zeros(498) + "\x55\xaa" + imagetest.Zeros(512)),
		"int3":             bytes.Repeat([]byte{0xcc}, 8192),
		"freed memory":     bytes.Repeat([]byte{0x6b}, 8192),
		"a PE program":     []byte(imagetest.Padded("MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff", 0x80) + "PE\x00\x00\x64\x86" + imagetest.Zeros(4096)),
		"an SQLite file":   []byte(imagetest.Padded("SQLite format 3\x00\x10\x00", 4096)),
		"an ISO 9660 disk": []byte(imagetest.Zeros(32769) + "CD001\x01" + imagetest.Zeros(2048)),
		"a FAT disk":       []byte(imagetest.Padded("\xeb\x3c\x90mkfs.fat\x00\x02", 510) + "\x55\xaa" + imagetest.Zeros(512)),
		"text":             []byte(strings.Repeat("The quick brown fox jumps over the lazy dog.\n", 300)),
		"a page of UTF-16": bytes.Repeat([]byte("P\x00K\x00x\x00"), 1000),
	}
	// The text of a program that is here: this test's own.
	if exe, err := os.ReadFile("/proc/self/exe"); err == nil && len(exe) > 1<<20 {
		for off := 4096; off < len(exe)-65536; off += 4096 * 97 {
			heads[fmt.Sprintf("program text at %#x", off)] = exe[off : off+65536]
		}
	}
	return heads
}

// Of what a container holds, offsets are called unpacked; the words of a file's name stay.
func TestUnpackedOffsets(t *testing.T) {
	for _, name := range []string{"core.gz", "a file offset.gz", "kept at file offset 0x20", "file", "t"} {
		path := imagetest.TempFile(t, name, gzipBytes(imagetest.Record(0x1000, 0x1fff, "cut")))
		img, err := formats.Open(t.Context(), path, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		img.Close()
		if len(img.Notes) == 0 || !strings.Contains(img.Notes[0], "at unpacked offset 0x0") {
			t.Errorf("%s: %q", name, img.Notes)
		}
		path = imagetest.TempFile(t, name, gzipBytes(imagetest.Record(0x1000, 0x0fff, "abcd")))
		if _, err = formats.Open(t.Context(), path, image.Options{}); err == nil || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), "unpacked offset") {
			t.Errorf("%v", err)
		}
	}
}
