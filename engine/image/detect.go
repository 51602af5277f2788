package image

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
	"strings"
)

// headSize is how many of a file's first bytes detection looks at.
const headSize = 8192

// UnsupportedError says that a file is of a known format that is not read, or
// not the way it was asked for.
type UnsupportedError struct {
	Path   string
	Format string // as Identify names it
	What   string // what the file is, to follow "is": "gzip-compressed"
	Advice string // what to do about it
}

func (e *UnsupportedError) Error() string { return e.Path + " is " + e.What + ": " + e.Advice }

// known is a format that is recognised by a file's first bytes.
type known struct {
	name    string                               // as Identify gives it
	what    string                               // to follow "is"
	match   func(head []byte) bool               // of up to headSize bytes
	flag    string                               // as Options.Format names it, where it is read
	open    func(input, Options) (*Image, error) // nil: not read
	program bool                                 // not a dump: bytes that are laid at an address as they are
	advice  string                               // where it is not read; FILE stands for the path
}

// advise fills the path into the advice.
func (k *known) advise(path string) string {
	return strings.ReplaceAll(k.advice, "FILE", shellWord(path))
}

// at matches any of the strings at an offset.
func at(off int, magics ...string) func([]byte) bool {
	return func(head []byte) bool {
		for _, m := range magics {
			if len(head) >= off && bytes.HasPrefix(head[off:], []byte(m)) {
				return true
			}
		}
		return false
	}
}

// anyCase is at(0, magic), whatever the case of its letters.
func anyCase(magics ...string) func([]byte) bool {
	return func(head []byte) bool {
		for _, m := range magics {
			if len(head) >= len(m) && strings.EqualFold(string(head[:len(m)]), m) {
				return true
			}
		}
		return false
	}
}

// either matches where one of the two does.
func either(a, b func([]byte) bool) func([]byte) bool {
	return func(head []byte) bool { return a(head) || b(head) }
}

// orRaw ends the advice about containers.
const orRaw = ", or scan the compressed bytes with --image-format raw"

// formats is what detection knows, asked in this order. What is not here is
// raw memory. Dumps come before containers, magics at the start of a file
// before those further in. The comments name the source of a magic.
var formats = []known{
	// makedumpfile diskdump_mod.h; QEMU include/sysemu/dump.h.
	{name: "kdump", what: "a compressed kdump (makedumpfile or diskdump)", match: at(0, "KDUMP   ", "DISKDUMP"),
		advice: "it is not read yet: search it with crash or drgn, or take the dump as an ELF file (makedumpfile -E on /proc/vmcore, dump-guest-memory without a compression in QEMU)"},
	// makedumpfile makedumpfile.h, MAKEDUMPFILE_SIGNATURE.
	{name: "makedumpfile flattened", what: "a flattened makedumpfile dump", match: at(0, "makedumpfile\x00\x00\x00\x00"),
		advice: "it is not read yet: unflatten it first (makedumpfile -R OUT < FILE); an ELF dump that comes out of it can be scanned, for a compressed kdump use crash or drgn"},
	// PAGE and DUMP or DU64: Microsoft DUMP_HEADER.
	{name: "Windows crash dump", what: "a Windows crash dump", match: at(0, "PAGEDU64", "PAGEDUMP"),
		advice: "it is not read yet: open it with WinDbg, MemProcFS or Volatility 3"},
	// Microsoft minidumpapiset.h, MINIDUMP_HEADER; PMDM has the other byte order.
	{name: "minidump", what: "a minidump", match: at(0, "MDMP", "PMDM"),
		advice: "it is not read yet: for one of a Linux process, Breakpad's minidump-2-core makes an ELF core of it; else use a debugger (WinDbg, lldb)"},
	// Breakpad client/linux/microdump_writer: a log, not memory.
	{name: "microdump", what: "the text of a Breakpad microdump", match: isMicrodump,
		advice: "it is a log with little memory in it: Breakpad's microdump_stackwalk reads it; --image-format raw scans the text"},
	// LiME docs: "LiME Memory Range Header Version 1 Specification".
	{name: "LiME", what: "a LiME dump", match: at(0, "EMiL"), flag: "lime", open: openLiME},
	// LiME deflate.c: the whole file is one zlib stream.
	{name: "zlib-compressed LiME", what: "a LiME dump compressed with zlib", match: isZlibLiME,
		advice: "decompress it first (zlib-flate -uncompress < FILE > OUT)" + orRaw},
	// AVML image.rs, V2_MAGIC.
	{name: "AVML", what: "a compressed AVML dump", match: at(0, "AVML"),
		advice: "it is not read yet: convert it to LiME first (avml-convert FILE OUT.lime)"},
	{name: "ELF core", what: "an ELF core", match: isELFCore, flag: "elf", open: openELF},
	{name: "ELF", what: "an ELF file", match: at(0, "\x7fELF"), flag: "elf", open: openELF, program: true},
	// Apple mach-o/loader.h: the magic of each class and byte order, and filetype MH_CORE.
	{name: "Mach-O core", what: "a Mach-O core", match: func(h []byte) bool { return isMachO(h) && machOType(h) == 4 },
		advice: "it is not read yet: use lldb (memory find)"},
	{name: "Mach-O", what: "a Mach-O program or library, not a dump", match: isMachO, program: true,
		advice: programAdvice},
	// VMware: open-vm-tools and crash vmware_vmss.h.
	{name: "VMware state", what: "a VMware state file (vmss, vmsn)", match: at(0, "\xd0\xbe\xd2\xbe", "\xd0\xbe\xd0\xbe", "\xd2\xbe\xd2\xbe", "\xd3\xbe\xd3\xbe", "\xd1\xba\xd1\xba", "\xd2\xba\xd2\xba"),
		advice: "it is not read yet: scan the .vmem file beside it, which holds the memory; where there is none, use Volatility 3"},
	// VirtualBox SSM.cpp, SSMFILEHDR_MAGIC_BASE.
	{name: "VirtualBox saved state", what: "a VirtualBox saved state", match: at(0, "\x7fVirtualBox SavedState "),
		advice: "it is not read: resume the machine and dump its memory (VBoxManage debugvm NAME dumpvmcore --filename=OUT)"},
	// QEMU migration/savevm.c, QEMU_VM_FILE_MAGIC.
	{name: "QEMU savevm", what: "a saved QEMU machine (savevm, migrate)", match: at(0, "QEVM"),
		advice: "it is not read: Volatility 3 reads it; or resume the machine and use dump-guest-memory"},
	// libvirt qemu_saveimage.h, QEMU_SAVE_MAGIC and QEMU_SAVE_PARTIAL.
	{name: "libvirt save", what: "a libvirt save file", match: at(0, "LibvirtQemudSave", "LibvirtQemudPart"),
		advice: "it is not read: restore the machine (virsh restore) and dump its memory (virsh dump --memory-only)"},
	// Windows PO_MEMORY_IMAGE: the states of hiberfil.sys.
	{name: "Windows hibernation file", what: "a Windows hibernation file", match: anyCase("HIBR", "WAKE", "RSTR"),
		advice: "it is not read: MemProcFS decompresses it (memprocfs -device FILE)"},
	// Linux kernel/power/swap.c, HIBERNATE_SIG, at the end of the first page.
	{name: "Linux hibernation image", what: "a Linux hibernation image in a swap area", match: at(4096-10, "S1SUSPEND\x00"),
		advice: "it is not read: its pages are compressed; --image-format raw scans the bytes as they are"},
	// crash sadump.h: alone, or behind the header of a media backup.
	{name: "SADUMP", what: "a SADUMP dump", match: either(at(0, "sadump\x00\x00"), at(4096, "sadump\x00\x00")),
		advice: "it is not read: use crash"},
	// crash lkcd_vmdump.h, LKCD_DUMP_MAGIC_NUMBER in both byte orders.
	{name: "LKCD", what: "an LKCD dump", match: at(0, "\xed\x23\x8f\x61\x73\x01\x19\xa8", "\xa8\x19\x01\x73\x61\x8f\x23\xed", "\xcd\x23\x8f\x61\x73\x01\x19\xa8", "\xa8\x19\x01\x73\x61\x8f\x23\xcd"),
		advice: "it is not read: use crash"},
	// s390-tools zgetdump, df_s390.h.
	{name: "s390 dump", what: "an s390 stand-alone dump", match: at(0, "\xa8\x19\x01\x73\x61\x8f\x23\xfd"),
		advice: "convert it to an ELF file first (zgetdump -f elf FILE > OUT)"},
	// Xen xenctrl.h, XC_CORE_MAGIC and XC_CORE_MAGIC_HVM.
	{name: "Xen core", what: "an old Xen domain core", match: at(0, "\xed\xeb\x0f\xf0", "\xee\xeb\x0f\xf0", "\xf0\x0f\xeb\xed", "\xf0\x0f\xeb\xee"),
		advice: "it is not read: use crash"},
	// HBGary FDPro; Volatility 2 plugins/addrspaces/hpak.py.
	{name: "HPAK", what: "an HPAK dump (FDPro)", match: at(0, "HPAK"),
		advice: "extract the memory first (Volatility 2, hpakextract)"},

	// RFC 1952: method 8, no reserved flag.
	{name: "gzip", what: "gzip-compressed", match: func(h []byte) bool { return at(0, "\x1f\x8b\x08")(h) && len(h) > 3 && h[3]&0xe0 == 0 },
		advice: "decompress it first (gzip -dk FILE)" + orRaw},
	// RFC 8878.
	{name: "zstd", what: "zstd-compressed", match: at(0, "\x28\xb5\x2f\xfd"),
		advice: "decompress it first (zstd -dk FILE)" + orRaw},
	// xz file-format.txt, 2.1.1.1.
	{name: "xz", what: "xz-compressed", match: at(0, "\xfd7zXZ\x00"),
		advice: "decompress it first (xz -dk FILE)" + orRaw},
	// bzip2: "BZh", the level, then the magic of a block or of the end.
	{name: "bzip2", what: "bzip2-compressed", match: isBzip2,
		advice: "decompress it first (bzip2 -dk FILE)" + orRaw},
	// lz4_Frame_format.md: the frame, the legacy frame.
	{name: "lz4", what: "lz4-compressed", match: at(0, "\x04\x22\x4d\x18", "\x02\x21\x4c\x18"),
		advice: "decompress it first (lz4 -dk FILE)" + orRaw},
	// RFC 8878, 3.1.2; lz4 has the same skippable frames.
	{name: "zstd or lz4", what: "compressed with zstd or lz4 (it begins with a skippable frame)", match: func(h []byte) bool { return len(h) > 3 && h[0]&0xf0 == 0x50 && at(1, "\x2a\x4d\x18")(h) },
		advice: "decompress it first (zstd -dk FILE, or lz4 -dk FILE)" + orRaw},
	// snappy framing_format.txt.
	{name: "snappy", what: "snappy-compressed (framed)", match: at(0, "\xff\x06\x00\x00sNaPpY"),
		advice: "decompress it first (snzip -dk FILE)" + orRaw},
	// lzop.
	{name: "lzop", what: "lzop-compressed", match: at(0, "\x89LZO\x00\r\n\x1a\n"),
		advice: "decompress it first (lzop -d FILE)" + orRaw},
	// APPNOTE.TXT: a local file header, an empty archive, a spanned one.
	{name: "zip", what: "a zip archive", match: at(0, "PK\x03\x04", "PK\x05\x06", "PK\x07\x08"),
		advice: "unpack it first (unzip FILE)" + orRaw},
	// 7zFormat.txt.
	{name: "7z", what: "a 7z archive", match: at(0, "7z\xbc\xaf\x27\x1c"),
		advice: "unpack it first (7z x FILE)" + orRaw},
	// RAR 1.5 to 5.
	{name: "rar", what: "a rar archive", match: at(0, "Rar!\x1a\x07"),
		advice: "unpack it first (unrar x FILE)" + orRaw},
	// POSIX ustar, GNU tar.
	{name: "tar", what: "a tar archive", match: at(257, "ustar\x0000", "ustar  \x00"),
		advice: "unpack it first (tar -xf FILE), or scan its bytes with --image-format raw"},
	// libewf, Expert Witness Compression Format.
	{name: "EWF", what: "an Expert Witness (E01) image", match: at(0, "EVF\x09\x0d\x0a\xff\x00"),
		advice: "export the raw bytes first (ewfexport FILE)" + orRaw},
}

// programAdvice is for programs and libraries.
const programAdvice = "lay it at the address where it was loaded (FILE@ADDR, or --map or --under with an image of the process), or scan its bytes with --image-format raw"

// Identify names the format or container of a file's first bytes (8 KiB of
// them are enough for every one), or "" where they are none that is known.
func Identify(head []byte) string {
	if k := identify(head); k != nil {
		return k.name
	}
	return ""
}

func identify(head []byte) *known {
	head = head[:min(len(head), headSize)]
	for i := range formats {
		if formats[i].match(head) {
			return &formats[i]
		}
	}
	return nil
}

// isMicrodump looks for the log tag in the first line and for text throughout:
// a dump of memory that happens to hold the tag is none.
func isMicrodump(head []byte) bool {
	head = head[:min(len(head), 512)]
	line, _, _ := bytes.Cut(head, []byte("\n"))
	if !bytes.Contains(line, []byte("google-breakpad")) {
		return false
	}
	for _, c := range head {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

// isZlibLiME decompresses the first few bytes: the two of a zlib header are
// too common to say anything alone.
func isZlibLiME(head []byte) bool {
	if len(head) < 2 || head[0] != 0x78 || binary.BigEndian.Uint16(head)%31 != 0 {
		return false
	}
	r, err := zlib.NewReader(bytes.NewReader(head))
	if err != nil {
		return false
	}
	var magic [4]byte
	_, err = io.ReadFull(r, magic[:])
	return err == nil && string(magic[:]) == "EMiL"
}

func isBzip2(head []byte) bool {
	return len(head) >= 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == "1AY&SY" || string(head[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

var isMachO = at(0, "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe")

// machOType is the filetype of a Mach-O file, 0 where the header is cut.
func machOType(head []byte) uint32 {
	switch {
	case len(head) < 16:
		return 0
	case head[0] == 0xfe:
		return binary.BigEndian.Uint32(head[12:])
	}
	return binary.LittleEndian.Uint32(head[12:])
}
