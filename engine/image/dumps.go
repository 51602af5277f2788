package image

import (
	"bytes"
	"encoding/binary"
)

// crashDumps are formats of memory that are not read, as what handles crashes
// writes them. One of them is text, which may begin as dumps of other formats do. The
// comments name the source of a magic.
var crashDumps = []known{
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
		advice: "it is a log with little memory in it: Breakpad's microdump_stackwalk reads it", raw: scanText},
}

// dumps are the other formats that hold memory and are not read. Magics at the
// start of a file come before those further in.
var dumps = []known{
	// LiME deflate.c: the whole file is one zlib stream.
	{name: "zlib-compressed LiME", what: "a LiME dump compressed with zlib", match: isZlibLiME,
		advice: "decompress it first (zlib-flate -uncompress < FILE > OUT)", raw: scanCompressed},
	// AVML image.rs, V2_MAGIC.
	{name: "AVML", what: "a compressed AVML dump", match: at(0, "AVML"),
		advice: "it is not read yet: convert it to LiME first (avml-convert FILE OUT.lime)"},
	// Apple mach-o/loader.h: the magic of each class and byte order, and filetype MH_CORE.
	{name: "Mach-O core", what: "a Mach-O core", match: func(h []byte) bool { return isMachO(h) && machOType(h) == 4 },
		advice: "it is not read yet: use lldb (memory find)"},
	{name: "Mach-O", what: "a Mach-O program or library, not a dump", match: isMachO, holds: HoldsProgram,
		advice: programAdvice, raw: scanBytes},
	// VMware: open-vm-tools and crash vmware_vmss.h.
	{name: "VMware state", what: "a VMware state file (vmss, vmsn)", match: isVMwareState,
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
	// Windows PO_MEMORY_IMAGE: the states of hiberfil.sys, and its own size.
	{name: "Windows hibernation file", what: "a Windows hibernation file", match: isWindowsHibernation,
		advice: "it is not read: MemProcFS decompresses it (memprocfs -device FILE)"},
	// Linux kernel/power/swap.c, HIBERNATE_SIG, at the end of the first page, and
	// those of uswsusp and TuxOnIce, as file(1) has them (Magdir/linux).
	{name: "Linux hibernation image", what: "a Linux hibernation image in a swap area", match: isLinuxHibernation,
		advice: "it is not read, for its pages are compressed: resume the machine and take a dump with AVML or LiME", raw: "scan the bytes as they are"},
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
	// DumpIt's container round a crash dump; volatility3 layers/zdmp.py.
	{name: "DumpIt zdmp", what: "a compressed crash dump of DumpIt (zdmp)", match: at(0, "ZDMP"),
		advice: "uncompress it first (Z2Dmp FILE OUT.dmp, of the Comae toolkit)"},
	// Apport problem_report.py: the memory is in a field, gzip in base64.
	{name: "Apport report", what: "an Apport crash report", match: text("ProblemType: "),
		advice: "unpack it first (apport-unpack FILE OUT); the core dump is then OUT/CoreDump, that of a kernel OUT/VmCore"},
	// AOSP debuggerd tombstone.cpp: registers and memory as hexadecimal digits.
	{name: "Android tombstone", what: "the text of an Android tombstone", match: text("*** *** *** *** *** *** *** *** *** *** *** *** *** *** *** ***\n"),
		advice: "it is a log with little memory in it, as hexadecimal digits: read it as text", raw: scanText},
	// OTP erts/emulator/beam/erl_process_dump.c; "Crash Dump" in its documentation.
	{name: "Erlang crash dump", what: "the text of an Erlang crash dump", match: text("=erl_crash_dump:"),
		advice: "its heaps are written as text: read it with crashdump_viewer", raw: scanText},
	// illumos sys/dumphdr.h, DUMP_MAGIC in both byte orders.
	{name: "Solaris crash dump", what: "a Solaris or illumos crash dump", match: isSolarisDump,
		advice: "it is not read: uncompress a vmdump.N first (savecore -f FILE), then use mdb on the unix.N and vmcore.N that come of it"},
	// FreeBSD sys/kerneldump.h and the minidump.h of each machine.
	{name: "FreeBSD minidump", what: "a FreeBSD kernel minidump", match: at(0, "minidump FreeBSD/"),
		advice: "it is not read: use kgdb (kgdb KERNEL FILE)"},
	{name: "FreeBSD dump device", what: "a FreeBSD kernel dump as it lies on the dump device", match: at(0, "FreeBSD Kernel Dump\x00"),
		advice: "it is not read: take the dump off the device with savecore, which decompresses and decrypts it too"},
	// NetBSD and OpenBSD sys/kcore.h, KCORE_MAGIC and KCORESEG_MAGIC.
	{name: "BSD kernel core", what: "a NetBSD or OpenBSD kernel core", match: isKcore,
		advice: "it is not read: use gdb (target kvm FILE) or crash(8) of that system"},
	// Apple xnu osfmk/mach_debug/mach_debug_types.h, MACH_CORE_FILEHEADER_SIGNATURE.
	{name: "macOS kernel core", what: "a file of macOS kernel cores, each compressed", match: at(0, "Rad Mac\x00", "Boss Mac"),
		advice: "it is not read: take the cores out of it, decompress them and use lldb (memory find)"},
	// SGI sys/dump.h and core.out.h, as file(1) has them (Magdir/sgi).
	{name: "IRIX dump", what: "an IRIX crash or core dump", match: at(0, "CrshDump", "\xde\xad\xad\xb0\x00\x00\x00\x01", "\xde\xad\xad\x40\x00\x00\x00\x01", "\xba\xbe\xc0\xbb\x00\x00\x00\x01"),
		advice: "it is not read: use icrash or dbx of that system", raw: scanBytes},
	// AIX sys/core.h, CORE_DUMPX_VERSION and CORE_DUMPXX_VERSION.
	{name: "AIX core", what: "an AIX core", match: at(4, "\x0f\xee\xdd\xb1", "\x0f\xee\xdd\xb2"),
		advice: "it is not read: use dbx of that system", raw: scanBytes},
	// Digital UNIX core.h, as file(1) has it (Magdir/digital).
	{name: "Digital UNIX core", what: "a core of Digital UNIX", match: at(0, "Core\x01\x00", "Core\x02\x00"),
		advice: "it is not read: use dbx of that system", raw: scanBytes},
	// Xen tools/xl/xl.h, savefileheader_magic; tools/libs/guest xg_save_restore.h
	// (the legacy format) and xg_sr_stream_format.h, IHDR_MARKER and IHDR_ID.
	{name: "Xen save", what: "a saved Xen domain", match: at(0, "Xen saved domain, xl format\n \x00 \r", "LinuxGuestRecord", "\xff\xff\xff\xff\xff\xff\xff\xffXENF"),
		advice: "it is not read: restore the domain (xl restore FILE) and dump its memory (xl dump-core NAME OUT) for crash"},
	// libvirt libxl_conf.h, LIBXL_SAVE_MAGIC.
	{name: "libvirt Xen save", what: "a Xen domain saved by libvirt", match: at(0, "libvirt-xml\n \x00 \r"),
		advice: "it is not read: restore the domain (virsh restore FILE) and dump its memory (virsh dump NAME OUT) for crash"},
	// Hyper-V storage, as Fox-IT's dissect.hypervisor describes it (c_hyperv.py).
	{name: "Hyper-V saved state", what: "a Hyper-V state or configuration file (vmrs, vmcx)", match: both(at(0, "\x14\x20\x28\x01"), at(4096, "\x14\x20\x28\x01")),
		advice: "it is not read: its memory is compressed; VmSavedStateDumpProvider of the Windows SDK, or MemProcFS (memprocfs -device hvsavedstate://FILE), reads it"},
	// DMTCP ckptserializer.cpp, DMTCP_FILE_HEADER.
	{name: "DMTCP checkpoint", what: "a DMTCP checkpoint", match: at(0, "DMTCP_CHECKPOINT_IMAGE"),
		advice: "it is not read: restart the process (dmtcp_restart FILE) and scan that", raw: scanBytes, live: true},
	// Berkeley Lab Checkpoint/Restart, as file(1) has it (Magdir/blcr).
	{name: "BLCR checkpoint", what: "a BLCR checkpoint", match: at(0, "C\x00\x00\x00R\x00\x00\x00", "\x00\x00\x00C\x00\x00\x00R"),
		advice: "it is not read: restart the process (cr_restart FILE) and scan that", raw: scanBytes, live: true},
	// OpenJDK heapDumper.cpp: the records of a Java heap, big-endian.
	{name: "Java HPROF", what: "a Java heap dump (HPROF)", match: at(0, "JAVA PROFILE 1.0."),
		advice: "it has objects, not memory at its addresses: use a heap analyser (Eclipse MAT, VisualVM), or take a core (gcore PID)", raw: scanBytes},
	// Eclipse OpenJ9 runtime/rasdump/heapdump.cpp.
	{name: "OpenJ9 heap dump", what: "a heap dump of OpenJ9 (phd)", match: at(0, "\x00\x12portable heap dump"),
		advice: "it has no content of objects: take a system dump (-Xdump:system, jcmd PID Dump.system), which is a core"},
	// Go runtime/heapdump.go.
	{name: "Go heap dump", what: "a Go heap dump", match: isGoHeapDump,
		advice: "it is not read: take a core (gcore PID, or GOTRACEBACK=crash) and scan that", raw: scanBytes},
}

// isMicrodump looks for the log tag in the first line and for text throughout:
// a dump of memory that happens to hold the tag is none.
func isMicrodump(head []byte) bool {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return bytes.Contains(line, []byte("google-breakpad")) && isText(head)
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
