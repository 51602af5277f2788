// Package refused has the formats that are recognised and not read: dumps of memory, and
// what may hold one in a form that a search of its bytes would miss. Each has its magic
// with the source of that, and advice. It is for the engine and may change.
package refused

import (
	"bytes"

	"vscan/engine/image"
	"vscan/engine/image/magic"
)

// CrashDumps are formats of memory that are not read, as what handles crashes
// writes them. One of them is text, which may begin as dumps of other formats do. The
// comments name the source of a magic.
var CrashDumps = []magic.Format{
	// Breakpad client/linux/microdump_writer: a log, not memory.
	{Name: "microdump", What: "the text of a Breakpad microdump", Match: isMicrodump,
		Advice: "it is a log with little memory in it: Breakpad's microdump_stackwalk reads it", RawHelps: magic.ScanText},
}

// Dumps are the other formats that hold memory and are not read. Magics at the
// start of a file come before those further in.
var Dumps = []magic.Format{
	// Apple mach-o/loader.h: the magic of each class and byte order; cores are read.
	{Name: "Mach-O", What: "a Mach-O program or library, not a dump", Match: isMachO, Holds: image.HoldsProgram,
		Advice: magic.PlaceAdvice, RawHelps: magic.ScanBytes},
	// VirtualBox SSM.cpp, SSMFILEHDR_MAGIC_BASE.
	{Name: "VirtualBox saved state", What: "a VirtualBox saved state", Match: magic.At(0, "\x7fVirtualBox SavedState "),
		Advice: "it is not read: resume the machine and dump its memory (VBoxManage debugvm NAME dumpvmcore --filename=OUT)"},
	// QEMU migration/savevm.c, QEMU_VM_FILE_MAGIC.
	{Name: "QEMU savevm", What: "a saved QEMU machine (savevm, migrate)", Match: magic.At(0, "QEVM"),
		Advice: "it is not read: Volatility 3 reads it; or resume the machine and use dump-guest-memory"},
	// libvirt qemu_saveimage.h, QEMU_SAVE_MAGIC and QEMU_SAVE_PARTIAL.
	{Name: "libvirt save", What: "a libvirt save file", Match: magic.At(0, "LibvirtQemudSave", "LibvirtQemudPart"),
		Advice: "it is not read: restore the machine (virsh restore) and dump its memory (virsh dump --memory-only)"},
	// Windows PO_MEMORY_IMAGE: the states of hiberfil.sys, and its own size.
	{Name: "Windows hibernation file", What: "a Windows hibernation file", Match: isWindowsHibernation,
		Advice: "it is not read: MemProcFS decompresses it (memprocfs -device FILE)"},
	// Linux kernel/power/swap.c, HIBERNATE_SIG, at the end of the first page, and
	// those of uswsusp and TuxOnIce, as file(1) has them (Magdir/linux).
	{Name: "Linux hibernation image", What: "a Linux hibernation image in a swap area", Match: isLinuxHibernation,
		Advice: "it is not read, for its pages are compressed: resume the machine and take a dump with AVML or LiME", RawHelps: "scan the bytes as they are"},
	// crash sadump.h: alone, or behind the header of a media backup.
	{Name: "SADUMP", What: "a SADUMP dump", Match: magic.Either(magic.At(0, "sadump\x00\x00"), magic.At(4096, "sadump\x00\x00")),
		Advice: "it is not read: use crash"},
	// crash lkcd_vmdump.h, LKCD_DUMP_MAGIC_NUMBER in both byte orders.
	{Name: "LKCD", What: "an LKCD dump", Match: magic.At(0, "\xed\x23\x8f\x61\x73\x01\x19\xa8", "\xa8\x19\x01\x73\x61\x8f\x23\xed", "\xcd\x23\x8f\x61\x73\x01\x19\xa8", "\xa8\x19\x01\x73\x61\x8f\x23\xcd"),
		Advice: "it is not read: use crash"},
	// s390-tools zgetdump, df_s390.h.
	{Name: "s390 dump", What: "an s390 stand-alone dump", Match: magic.At(0, "\xa8\x19\x01\x73\x61\x8f\x23\xfd"),
		Advice: "convert it to an ELF file first (zgetdump -f elf FILE > OUT)"},
	// Xen xenctrl.h, XC_CORE_MAGIC and XC_CORE_MAGIC_HVM.
	{Name: "Xen core", What: "an old Xen domain core", Match: magic.At(0, "\xed\xeb\x0f\xf0", "\xee\xeb\x0f\xf0", "\xf0\x0f\xeb\xed", "\xf0\x0f\xeb\xee"),
		Advice: "it is not read: use crash"},
	// HBGary FDPro; Volatility 2 plugins/addrspaces/hpak.py.
	{Name: "HPAK", What: "an HPAK dump (FDPro)", Match: magic.At(0, "HPAK"),
		Advice: "extract the memory first (Volatility 2, hpakextract)"},
	// Apport problem_report.py: the memory is in a field, gzip in base64.
	{Name: "Apport report", What: "an Apport crash report", Match: magic.Text("ProblemType: "),
		Advice: "unpack it first (apport-unpack FILE OUT); the core dump is then OUT/CoreDump, that of a kernel OUT/VmCore"},
	// AOSP debuggerd tombstone.cpp: registers and memory as hexadecimal digits.
	{Name: "Android tombstone", What: "the text of an Android tombstone", Match: magic.Text("*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***\n"),
		Advice: "it is a log with little memory in it, as hexadecimal digits: read it as text", RawHelps: magic.ScanText},
	// OTP erts/emulator/beam/erl_process_dump.c; "Crash Dump" in its documentation.
	{Name: "Erlang crash dump", What: "the text of an Erlang crash dump", Match: magic.Text("=erl_crash_dump:"),
		Advice: "its heaps are written as text: read it with crashdump_viewer", RawHelps: magic.ScanText},
	// illumos sys/dumphdr.h, DUMP_MAGIC in both byte orders.
	{Name: "Solaris crash dump", What: "a Solaris or illumos crash dump", Match: isSolarisDump,
		Advice: "it is not read: uncompress a vmdump.N first (savecore -f FILE), then use mdb on the unix.N and vmcore.N that come of it"},
	// FreeBSD sys/kerneldump.h and the minidump.h of each machine.
	{Name: "FreeBSD minidump", What: "a FreeBSD kernel minidump", Match: magic.At(0, "minidump FreeBSD/"),
		Advice: "it is not read: use kgdb (kgdb KERNEL FILE)"},
	{Name: "FreeBSD dump device", What: "a FreeBSD kernel dump as it lies on the dump device", Match: magic.At(0, "FreeBSD Kernel Dump\x00"),
		Advice: "it is not read: take the dump off the device with savecore, which decompresses and decrypts it too"},
	// NetBSD and OpenBSD sys/kcore.h, KCORE_MAGIC and KCORESEG_MAGIC.
	{Name: "BSD kernel core", What: "a NetBSD or OpenBSD kernel core", Match: isKcore,
		Advice: "it is not read: use gdb (target kvm FILE) or crash(8) of that system"},
	// Apple xnu osfmk/mach_debug/mach_debug_types.h, MACH_CORE_FILEHEADER_SIGNATURE.
	{Name: "macOS kernel core", What: "a file of macOS kernel cores, each compressed", Match: magic.At(0, "Rad Mac\x00", "Boss Mac"),
		Advice: "it is not read: take the cores out of it, decompress them and use lldb (memory find)"},
	// SGI sys/dump.h and core.out.h, as file(1) has them (Magdir/sgi).
	{Name: "IRIX dump", What: "an IRIX crash or core dump", Match: magic.At(0, "CrshDump", "\xde\xad\xad\xb0\x00\x00\x00\x01", "\xde\xad\xad\x40\x00\x00\x00\x01", "\xba\xbe\xc0\xbb\x00\x00\x00\x01"),
		Advice: "it is not read: use icrash or dbx of that system", RawHelps: magic.ScanBytes},
	// AIX sys/core.h, CORE_DUMPX_VERSION and CORE_DUMPXX_VERSION.
	{Name: "AIX core", What: "an AIX core", Match: magic.At(4, "\x0f\xee\xdd\xb1", "\x0f\xee\xdd\xb2"),
		Advice: "it is not read: use dbx of that system", RawHelps: magic.ScanBytes},
	// Digital UNIX core.h, as file(1) has it (Magdir/digital).
	{Name: "Digital UNIX core", What: "a core of Digital UNIX", Match: magic.At(0, "Core\x01\x00", "Core\x02\x00"),
		Advice: "it is not read: use dbx of that system", RawHelps: magic.ScanBytes},
	// Xen tools/xl/xl.h, savefileheader_magic; tools/libs/guest xg_save_restore.h
	// (the legacy format) and xg_sr_stream_format.h, IHDR_MARKER and IHDR_ID.
	{Name: "Xen save", What: "a saved Xen domain", Match: magic.At(0, "Xen saved domain, xl format\n \x00 \r", "LinuxGuestRecord", "\xff\xff\xff\xff\xff\xff\xff\xffXENF"),
		Advice: "it is not read: restore the domain (xl restore FILE) and dump its memory (xl dump-core NAME OUT) for crash"},
	// libvirt libxl_conf.h, LIBXL_SAVE_MAGIC.
	{Name: "libvirt Xen save", What: "a Xen domain saved by libvirt", Match: magic.At(0, "libvirt-xml\n \x00 \r"),
		Advice: "it is not read: restore the domain (virsh restore FILE) and dump its memory (virsh dump NAME OUT) for crash"},
	// Hyper-V storage, as Fox-IT's dissect.hypervisor describes it (c_hyperv.py).
	{Name: "Hyper-V saved state", What: "a Hyper-V state or configuration file (vmrs, vmcx)", Match: magic.Both(magic.At(0, "\x14\x20\x28\x01"), magic.At(4096, "\x14\x20\x28\x01")),
		Advice: "it is not read: its memory is compressed; VmSavedStateDumpProvider of the Windows SDK, or MemProcFS (memprocfs -device hvsavedstate://FILE), reads it"},
	// DMTCP ckptserializer.cpp, DMTCP_FILE_HEADER.
	{Name: "DMTCP checkpoint", What: "a DMTCP checkpoint", Match: magic.At(0, "DMTCP_CHECKPOINT_IMAGE"),
		Advice: "it is not read: restart the process (dmtcp_restart FILE) and scan that", RawHelps: magic.ScanBytes, Live: true},
	// Berkeley Lab Checkpoint/Restart, as file(1) has it (Magdir/blcr).
	{Name: "BLCR checkpoint", What: "a BLCR checkpoint", Match: magic.At(0, "C\x00\x00\x00R\x00\x00\x00", "\x00\x00\x00C\x00\x00\x00R"),
		Advice: "it is not read: restart the process (cr_restart FILE) and scan that", RawHelps: magic.ScanBytes, Live: true},
	// OpenJDK heapDumper.cpp: the records of a Java heap, big-endian.
	{Name: "Java HPROF", What: "a Java heap dump (HPROF)", Match: magic.At(0, "JAVA PROFILE 1.0."),
		Advice: "it has objects, not memory at its addresses: use a heap analyser (Eclipse MAT, VisualVM), or take a core (gcore PID)", RawHelps: magic.ScanBytes},
	// Eclipse OpenJ9 runtime/rasdump/heapdump.cpp.
	{Name: "OpenJ9 heap dump", What: "a heap dump of OpenJ9 (phd)", Match: magic.At(0, "\x00\x12portable heap dump"),
		Advice: "it has no content of objects: take a system dump (-Xdump:system, jcmd PID Dump.system), which is a core"},
	// Go runtime/heapdump.go.
	{Name: "Go heap dump", What: "a Go heap dump", Match: isGoHeapDump,
		Advice: "it is not read: take a core (gcore PID, or GOTRACEBACK=crash) and scan that", RawHelps: magic.ScanBytes},
}

// isMicrodump looks for the log tag in the first line and for text throughout:
// a dump of memory that happens to hold the tag is none.
func isMicrodump(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.Contains(line, []byte("google-breakpad")) && magic.IsText(head)
}

var isMachO = magic.At(0, "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe")
