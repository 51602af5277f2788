package minidump

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"vscan/engine/addr"
)

// What a minidump tells of the machine, the system and the process. Sources:
// minidumpapiset.h, MINIDUMP_SYSTEM_INFO, MINIDUMP_MISC_INFO, MINIDUMP_EXCEPTION_STREAM;
// winnt.h, PROCESSOR_ARCHITECTURE_*; Breakpad minidump_format.h, MDCPUArchitecture and
// MDOSPlatform.

// cpu is how the registers of a thread are laid out: see threads.go.
type cpu uint8

const (
	cpuOther cpu = iota
	cpuX86
	cpuAMD64
	cpuARM
	cpuARM64
)

// machine is a value of PROCESSOR_ARCHITECTURE.
type machine struct {
	name string
	word int // size of a pointer in bytes
	cpu  cpu
}

var machines = map[uint64]machine{
	0:      {"i386", 4, cpuX86},
	1:      {"MIPS", 4, cpuOther},
	2:      {"Alpha", 4, cpuOther},
	3:      {"PowerPC", 4, cpuOther},
	4:      {"SuperH", 4, cpuOther},
	5:      {"ARM", 4, cpuARM},
	6:      {"IA-64", 8, cpuOther},
	7:      {"Alpha", 8, cpuOther},
	9:      {"x86-64", 8, cpuAMD64},
	10:     {"i386", 4, cpuX86}, // on 64-bit Windows
	12:     {"AArch64", 8, cpuARM64},
	0x8001: {"SPARC", 4, cpuOther},
	0x8002: {"PowerPC64", 8, cpuOther},
	0x8003: {"AArch64", 8, cpuARM64}, // of Breakpad, before Windows had a number
	0x8004: {"MIPS", 8, cpuOther},
	0x8005: {"RISC-V", 4, cpuOther},
	0x8006: {"RISC-V", 8, cpuOther},
}

// platform is a value of PlatformId.
type platform uint64

const (
	windowsNT platform = 2
	macOS     platform = 0x8101
	iOS       platform = 0x8102
	linux     platform = 0x8201
	android   platform = 0x8203
)

var platforms = map[platform]string{
	0: "Windows (Win32s)", 1: "Windows 9x", windowsNT: "Windows", 3: "Windows CE",
	0x8000: "Unix", macOS: "macOS", iOS: "iOS", linux: "Linux", 0x8202: "Solaris", android: "Android",
	0x8204: "PlayStation 3", 0x8205: "NaCl", 0x8206: "Fuchsia",
}

// ofLinux reports whether modules and threads are those of Linux.
func (p platform) ofLinux() bool { return p == linux || p == android }

// ofWindows reports whether the numbers are those of Microsoft.
func (p platform) ofWindows() bool { return p < 0x8000 }

// system is what SystemInfo says.
type system struct {
	machine
	platform
	known   bool
	version string // of the system, "" where it is not told
}

// describe returns machine and system in words, where the numbers have a byte order.
func (s *system) describe(order addr.ByteOrder) string {
	if !s.known {
		return fmt.Sprintf("%s-endian, of an unknown machine", order)
	}
	bits := ""
	if s.word > 0 {
		bits = fmt.Sprintf("%d-bit ", 8*s.word)
	}
	return strings.TrimSpace(fmt.Sprintf("%s%s-endian %s, %s %s", bits, order, s.machine.name, s.osName(), s.version))
}

// osName returns the system in words.
func (s *system) osName() string {
	if name, ok := platforms[s.platform]; ok {
		return name
	}
	return fmt.Sprintf("platform %#x", uint64(s.platform))
}

// readSystem reads what is told of the machine, the system and the process.
func (d *reader) readSystem() error {
	f, ok, err := d.begin(systemInfo, 32)
	if err != nil {
		return err
	}
	if ok {
		s := system{machine: machines[f.U16(0)], platform: platform(f.U32(20)), known: true}
		if s.machine.name == "" {
			s.machine.name = fmt.Sprintf("machine %#x", f.U16(0))
			d.img.Note("SystemInfo at %v: processor architecture %#x is none that is known: the word size is not told", d.Place(d.streams[systemInfo].off), f.U16(0))
		}
		if major, minor := f.U32(8), f.U32(12); major|minor != 0 {
			s.version = fmt.Sprintf("%d.%d", major, minor)
		}
		d.system, d.img.WordSize = s, s.word
		d.img.Tell("machine", s.machine.name)
		d.img.Tell("os", s.osName())
		d.img.Tell("os_version", s.version)
		if build := f.U32(16); build != 0 {
			d.img.Tell("os_build", strconv.FormatUint(build, 10))
		}
		more, err := d.stringAt(f.U32(24))
		if err != nil {
			return err
		}
		d.img.Tell("os_release", strings.TrimSpace(more))
	}
	return d.readProcess()
}

// readProcess reads the number of the process, its command line, and why the minidump was
// written.
func (d *reader) readProcess() error {
	const pidKnown = 1 // MINIDUMP_MISC1_PROCESS_ID
	if f, ok, err := d.begin(miscInfo, 12); err != nil {
		return err
	} else if ok && f.U32(4)&pidKnown != 0 && f.U32(8) != 0 {
		d.img.Tell("pid", strconv.FormatUint(f.U32(8), 10))
	} else if _, status, err := d.textOf(linuxStatus); err != nil {
		return err
	} else if _, pid, ok := bytes.Cut(status, []byte("\nPid:\t")); ok {
		pid, _, _ = bytes.Cut(pid, []byte("\n"))
		d.img.Tell("pid", string(pid))
	}
	_, command, err := d.textOf(linuxCommand)
	if err != nil {
		return err
	}
	d.img.Tell("command", strings.ReplaceAll(strings.TrimRight(string(command), "\x00"), "\x00", " "))
	f, ok, err := d.begin(exceptionInfo, 32)
	if err == nil && ok {
		d.img.Tell("exception", fmt.Sprintf("%#x at address %v in thread %d", f.U32(8), addr.Addr(f.U64(24)), f.U32(0)))
	}
	return err
}

// tellTime tells when the minidump was written, in seconds since 1970; 0: that is not told.
func (d *reader) tellTime(seconds uint64) {
	if seconds != 0 {
		d.img.Tell("time", time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339))
	}
}

// maxText is how many bytes of a name or a text are read, but for that of maps.
const maxText = 64 << 10

// textOf returns the first bytes of a stream that is text, and where it lies.
func (d *reader) textOf(kind uint64) (off uint64, text []byte, err error) {
	s := d.streams[kind]
	text, err = d.take(s.off, min(s.size, maxText))
	return s.off, text, err
}

// take reads n bytes of text at a file offset, as many as the file has and as may still be
// read of text.
func (d *reader) take(off, n uint64) ([]byte, error) {
	if off >= d.Size {
		return nil, nil
	}
	n = min(n, d.text, d.Size-off)
	d.text -= n
	b := make([]byte, n)
	got, err := d.Fill(b, off)
	return b[:got], err
}

// stringAt reads a MINIDUMP_STRING: its size in bytes (4), and UTF-16. At file offset 0
// there is none.
func (d *reader) stringAt(off uint64) (string, error) {
	if off == 0 {
		return "", nil
	}
	head, err := d.take(off, 4)
	if err != nil || len(head) < 4 {
		return "", err
	}
	b, err := d.take(off+4, min(d.order.Uint(head), maxText))
	if err != nil {
		return "", err
	}
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		u := uint16(d.order.Uint(b[:2]))
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units)), nil
}
