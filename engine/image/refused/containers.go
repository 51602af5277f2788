package refused

import (
	"slices"

	"vscan/engine/image"
	"vscan/engine/image/magic"
)

// What is no dump, but holds one, or anything else, in a form in which a search
// of its bytes would find nothing, or find it at a wrong address: compressed,
// encoded, encrypted, or cut into pieces. Files whose bytes are what they hold
// are not here: programs, pictures, text, databases, and images of disks that
// are the disk's sectors one after another (dd, ISO 9660, most file systems).
//
// A magic of few bytes is not enough, since memory can begin with anything:
// where there is no more of it, the match looks at what follows (plausible.go).

// qemuConvert is the advice about disk images that qemu-img recognises.
const qemuConvert = "convert it to the disk's bytes first (qemu-img convert -O raw FILE OUT)"

// Containers are asked after the dumps.
var Containers = holdingAnything(slices.Concat(compressors, archives, evidence, disks, encrypted))

// holdingAnything returns formats with what containers hold.
func holdingAnything(all []magic.Format) []magic.Format {
	for i := range all {
		all[i].Holds = image.HoldsAnything
	}
	return all
}

var compressors = []magic.Format{
	// RFC 8878 has versions from 0.8 on; before: zstd lib/legacy.
	{Name: "zstd before 0.8", What: "zstd-compressed (by a version before 0.8)", Match: magic.At(0, "\x27\xb5\x2f\xfd", "\x26\xb5\x2f\xfd", "\x25\xb5\x2f\xfd", "\x24\xb5\x2f\xfd", "\x23\xb5\x2f\xfd", "\x22\xb5\x2f\xfd"),
		Advice: "decompress it first (zstd -dc --long=31 < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// bzip3 src/main.c.
	{Name: "bzip3", What: "bzip3-compressed", Match: magic.At(0, "BZ3v1"),
		Advice: "decompress it first (bzip3 -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// lz4 programs/lz4io.c: the frame before the legacy one.
	{Name: "lz4, oldest", What: "lz4-compressed (in its oldest form)", Match: magic.At(0, "\x03\x21\x4c\x18"),
		Advice: "decompress it first (lz4 -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// snappy framing_format.txt.
	{Name: "snappy", What: "snappy-compressed (framed)", Match: magic.At(0, "\xff\x06\x00\x00sNaPpY"),
		Advice: "decompress it first (snzip -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// lzop.
	{Name: "lzop", What: "lzop-compressed", Match: magic.At(0, "\x89LZO\x00\r\n\x1a\n"),
		Advice: "decompress it first (lzop -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// RFC 1950.
	{Name: "zlib", What: "a zlib stream", Match: isZlib,
		Advice: "decompress it first (zlib-flate -uncompress < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// lzip manual, "File format": versions 0 and 1.
	{Name: "lzip", What: "lzip-compressed", Match: magic.At(0, "LZIP\x00", "LZIP\x01"),
		Advice: "decompress it first (lzip -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// LZMA SDK lzma-specification.txt, the .lzma file format.
	{Name: "lzma", What: "lzma-compressed", Match: isLZMA,
		Advice: "decompress it first (xz --format=lzma -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// ncompress compress.c.
	{Name: "compress", What: "compressed with compress (.Z)", Match: isCompress,
		Advice: "decompress it first (gzip -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// gzip unpack.c, of the pack of System V.
	{Name: "pack", What: "compressed with pack (.z)", Match: isPack,
		Advice: "decompress it first (gzip -dc < FILE > OUT)", RawHelps: magic.ScanCompressed},
	// lrzip magic header, doc/magic.header.txt.
	{Name: "lrzip", What: "lrzip-compressed", Match: magic.At(0, "LRZI\x00"),
		Advice: "decompress it first (lrzip -d -o OUT FILE)", RawHelps: magic.ScanCompressed},
	// rzip runzip.c.
	{Name: "rzip", What: "rzip-compressed", Match: magic.At(0, "RZIP\x02"),
		Advice: "decompress it first (rzip -dk -o OUT FILE)", RawHelps: magic.ScanCompressed},
	// zpaq specification: the locator tag, and a block without it.
	{Name: "zpaq", What: "a zpaq archive", Match: magic.At(0, "7kSt\xa01\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ", "zPQ\x01", "zPQ\x02"),
		Advice: "unpack it first (ln -s FILE m.zpaq && zpaq x m.zpaq)", RawHelps: magic.ScanCompressed},
	// Apple lzfse_internal.h: the magics of its blocks.
	{Name: "lzfse", What: "lzfse-compressed", Match: magic.At(0, "bvx-", "bvx1", "bvx2", "bvxn"),
		Advice: "decompress it first (lzfse -decode -i FILE -o OUT)", RawHelps: magic.ScanCompressed},
	// Apple's chunked xz, in update packages.
	{Name: "pbzx", What: "a pbzx stream (Apple)", Match: magic.At(0, "pbzx\x00\x00"),
		Advice: "decompress it first (pbzx FILE)", RawHelps: magic.ScanCompressed},
	// QuickLZ qpress.
	{Name: "qpress", What: "qpress-compressed", Match: magic.At(0, "qpress10"),
		Advice: "decompress it first (qpress -d FILE OUT)", RawHelps: magic.ScanCompressed},
	// Microsoft COMPRESS.EXE, as libmspack describes it (szdd.h, kwaj.h).
	{Name: "SZDD", What: "compressed with Microsoft COMPRESS", Match: magic.At(0, "SZDD\x88\xf0\x27\x33", "KWAJ\x88\xf0\x27\xd1", "SZ \x88\xf0\x27\x33"),
		Advice: "decompress it first (7z x FILE, or 7zz x FILE)", RawHelps: magic.ScanCompressed},
}

var archives = []magic.Format{
	// 7zFormat.txt.
	{Name: "7z", What: "a 7z archive", Match: magic.At(0, "7z\xbc\xaf\x27\x1c"),
		Advice: "unpack it first (7z x FILE, or 7zz x FILE)", RawHelps: magic.ScanCompressed},
	// RAR 1.5 to 5, and before.
	{Name: "rar", What: "a rar archive", Match: magic.At(0, "Rar!\x1a\x07", "RE\x7e\x5e"),
		Advice: "unpack it first (unrar x FILE)", RawHelps: magic.ScanCompressed},
	// POSIX ustar, GNU tar; before them: the checksum of a header.
	{Name: "tar", What: "a tar archive", Match: magic.Either(magic.At(257, "ustar\x0000", "ustar  \x00"), isOldTar),
		Advice: "unpack it first (tar -xf FILE)", RawHelps: magic.ScanBytes},
	// cpio(5) of libarchive: binary in both byte orders, odc, newc, crc.
	{Name: "cpio", What: "a cpio archive", Match: isCpio,
		Advice: "unpack it first (cpio -idm < FILE)", RawHelps: magic.ScanBytes},
	// ar(5); a Debian package is one of a first member debian-binary.
	{Name: "deb", What: "a Debian package", Match: magic.At(0, "!<arch>\ndebian"),
		Advice: "unpack it first (dpkg-deb -x FILE OUT)", RawHelps: magic.ScanCompressed},
	{Name: "ar", What: "an ar archive", Match: magic.At(0, "!<arch>\n"),
		Advice: "unpack it first (ar x FILE)", RawHelps: magic.ScanBytes},
	// rpm lib/rpmlead.c.
	{Name: "rpm", What: "an rpm package", Match: magic.At(0, "\xed\xab\xee\xdb"),
		Advice: "unpack it first (rpm2cpio FILE | cpio -idm)", RawHelps: magic.ScanCompressed},
	// [MS-CAB] 2.1; InstallShield, as unshield has it.
	{Name: "cab", What: "a cabinet archive", Match: magic.At(0, "MSCF\x00\x00\x00\x00"),
		Advice: "unpack it first (cabextract FILE)", RawHelps: magic.ScanCompressed},
	{Name: "InstallShield cabinet", What: "an InstallShield cabinet", Match: magic.At(0, "ISc("),
		Advice: "unpack it first (unshield x FILE)", RawHelps: magic.ScanCompressed},
	// wimlib header.h; the second is its own, for pipes.
	{Name: "wim", What: "a Windows image (wim, esd)", Match: magic.At(0, "MSWIM\x00\x00\x00", "WLPWM\x00\x00\x00"),
		Advice: "unpack it first (wimapply FILE 1 OUT)", RawHelps: magic.ScanCompressed},
	// xar include/xar.h.in.
	{Name: "xar", What: "a xar archive", Match: magic.At(0, "xar!\x00"),
		Advice: "unpack it first (7z x FILE, or 7zz x FILE)", RawHelps: magic.ScanCompressed},
	// ARJ TECHNOTE.TXT: the main header and its CRC.
	{Name: "arj", What: "an arj archive", Match: isArj,
		Advice: "unpack it first (7z x FILE, or 7zz x FILE)", RawHelps: magic.ScanCompressed},
	// LHA header.doc.
	{Name: "lha", What: "an lha archive", Match: isLHA,
		Advice: "unpack it first (lhasa x FILE)", RawHelps: magic.ScanCompressed},
	// zoo.h, ZOO_TAG.
	{Name: "zoo", What: "a zoo archive", Match: magic.At(20, "\xdc\xa7\xc4\xfd"),
		Advice: "unpack it first (unar FILE)", RawHelps: magic.ScanCompressed},
	// ACE, as file(1) has it (Magdir/archive).
	{Name: "ace", What: "an ace archive", Match: magic.At(7, "**ACE**"),
		Advice: "unpack it first (unace x FILE)", RawHelps: magic.ScanCompressed},
	// StuffIt, as The Unarchiver has it.
	{Name: "StuffIt", What: "a StuffIt archive", Match: magic.Either(magic.Both(magic.At(0, "SIT!"), magic.At(10, "rLau")), magic.At(0, "StuffIt (c)1997-")),
		Advice: "unpack it first (unar FILE)", RawHelps: magic.ScanCompressed},
	// AOSP BackupManagerService: zlib, perhaps encrypted.
	{Name: "Android backup", What: "an Android backup", Match: magic.At(0, "ANDROID BACKUP\n"),
		Advice: "unpack it first (abe unpack FILE OUT.tar)", RawHelps: magic.ScanCompressed},
	// mkbootimg bootimg.h: a kernel and a ram disk, both compressed.
	{Name: "Android boot image", What: "an Android boot image", Match: magic.At(0, "ANDROID!", "VNDRBOOT"),
		Advice: "unpack it first (unpack_bootimg --boot_img FILE --out OUT)", RawHelps: magic.ScanCompressed},
	// Linux Documentation/arch/x86/boot.rst, HdrS behind the boot sector's end.
	{Name: "Linux kernel", What: "a compressed Linux kernel (bzImage, vmlinuz)", Match: magic.At(510, "\x55\xaaHdrS"),
		Advice: "decompress it first (scripts/extract-vmlinux of the kernel's source: extract-vmlinux FILE > OUT)", RawHelps: magic.ScanCompressed},
	// U-Boot include/image.h, IH_MAGIC; ih_comp is 0 where it is not compressed.
	{Name: "uImage", What: "a compressed U-Boot image", Match: func(h []byte) bool {
		return magic.At(0, "\x27\x05\x19\x56")(h) && len(h) > 31 && h[31] >= 1 && h[31] <= 6
	}, Advice: "unpack it first (dumpimage -o OUT FILE, then decompress OUT)", RawHelps: magic.ScanCompressed},
}

// Images of disks and memory as forensic programs make them.
var evidence = []magic.Format{
	// libewf, Expert Witness Compression Format: of disks, of files.
	{Name: "EWF", What: "an Expert Witness (E01) image", Match: magic.At(0, "EVF\x09\x0d\x0a\xff\x00", "LVF\x09\x0d\x0a\xff\x00"),
		Advice: "export the raw bytes first (ewfexport -u -t OUT FILE), which asks for the ending of the name, .E01 or .Ex01", RawHelps: magic.ScanCompressed},
	// libewf, Expert Witness Compression Format 2.
	{Name: "EWF2", What: "an Expert Witness (Ex01) image", Match: magic.At(0, "EVF2\x0d\x0a\x81\x00", "LEF2\x0d\x0a\x81\x00", "LVF2\x0d\x0a\x81\x00"),
		Advice: "export the raw bytes first (ewfexport -u -t OUT FILE), which asks for the ending of the name, .E01 or .Ex01", RawHelps: magic.ScanCompressed},
	// AFFLIB afflib_i.h, AF_HEADER.
	{Name: "AFF", What: "an Advanced Forensic Format (AFF) image", Match: magic.At(0, "AFF10\x0d\x0a\x00"),
		Advice: "export the raw bytes first (affconvert -r -e raw FILE)", RawHelps: magic.ScanCompressed},
	// AccessData, as AD1-tools has it; the second is encrypted.
	{Name: "AD1", What: "an AccessData (AD1) image", Match: magic.At(0, "ADSEGMENTEDFILE\x00", "ADCRYPT\x00"),
		Advice: "export the files in it first (FTK Imager)", RawHelps: magic.ScanCompressed},
}

var disks = []magic.Format{
	// QEMU docs/interop/qcow2.txt.
	{Name: "qcow2", What: "a QEMU disk image (qcow2)", Match: magic.At(0, "QFI\xfb\x00\x00\x00"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	// QEMU block/qed.h; block/cow.c before 2.2.
	{Name: "qed", What: "a QEMU disk image (qed)", Match: magic.At(0, "QED\x00"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	{Name: "cow", What: "a QEMU disk image (cow)", Match: magic.At(0, "OOOM\x00\x00\x00\x02"),
		Advice: "convert it to the disk's bytes first (qemu-img before 2.2: qemu-img convert -O raw FILE OUT)", RawHelps: magic.ScanBytes},
	// VMware Virtual Disk Format 5.0; seSparse: QEMU block/vmdk.c.
	{Name: "vmdk", What: "a VMware disk image (vmdk)", Match: magic.At(0, "KDMV\x01\x00", "KDMV\x02\x00", "KDMV\x03\x00", "COWD\x01\x00\x00\x00", "\xbe\xba\xfe\xca\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	{Name: "vmdk descriptor", What: "the description of a VMware disk image (vmdk)", Match: magic.At(0, "# Disk DescriptorFile\n", "# Disk DescriptorFile\r\n"),
		Advice: "the disk is in the files that it names: convert them to the disk's bytes first (qemu-img convert -O raw FILE OUT)"},
	// [MS-VHDX] 2.2.1.
	{Name: "vhdx", What: "a Hyper-V disk image (vhdx)", Match: magic.At(0, "vhdxfile"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	// Virtual Hard Disk Image Format Specification: the footer, which dynamic
	// disks have at the start as well.
	{Name: "vhd", What: "a Virtual PC disk image (vhd)", Match: isVHD, Tail: isVHDTail,
		Advice: "convert it to the disk's bytes first (qemu-img convert -f vpc -O raw FILE OUT)", RawHelps: magic.ScanBytes},
	// VirtualBox VDICore.h, VDI_IMAGE_SIGNATURE.
	{Name: "vdi", What: "a VirtualBox disk image (vdi)", Match: magic.At(0x40, "\x7f\x10\xda\xbe"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	// QEMU docs/interop/parallels.txt.
	{Name: "Parallels disk", What: "a Parallels disk image", Match: magic.At(0, "WithoutFreeSpace", "WithouFreSpacExt"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	// Bochs iodev/hdimage/hdimage.h.
	{Name: "Bochs disk", What: "a Bochs disk image", Match: magic.At(0, "Bochs Virtual HD Image\x00"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	// cloop: QEMU block/cloop.c.
	{Name: "cloop", What: "a compressed loop image (cloop)", Match: magic.At(0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"), Advice: qemuConvert, RawHelps: magic.ScanBytes},
	// Apple's UDIF: the trailer; QEMU block/dmg.c.
	{Name: "dmg", What: "an Apple disk image (dmg)", Match: magic.Never, Tail: isUDIFTail,
		Advice: "convert it to the disk's bytes first (qemu-img convert -f dmg -O raw FILE OUT)", RawHelps: magic.ScanBytes},
	// Apple's sparse image: libmodi, sparsedisk.
	{Name: "sparseimage", What: "an Apple sparse disk image", Match: magic.At(0, "sprs\x00\x00\x00\x03"),
		Advice: "convert it first (hdiutil convert FILE -format UDTO -o OUT)", RawHelps: magic.ScanBytes},
	// AOSP libsparse sparse_format.h, major version 1.
	{Name: "Android sparse image", What: "an Android sparse image", Match: magic.At(0, "\x3a\xff\x26\xed\x01\x00"),
		Advice: "convert it to the disk's bytes first (simg2img FILE OUT)", RawHelps: magic.ScanBytes},
	// Proxmox VE vma_spec.txt.
	{Name: "vma", What: "a Proxmox backup of a machine (vma)", Match: magic.At(0, "VMA\x00\x00\x00\x00\x01"),
		Advice: "unpack it first (vma extract FILE OUT)", RawHelps: magic.ScanBytes},
	// Partclone IMAGE_FORMATS.md; ntfsclone.c; PartImage; fsarchiver.
	{Name: "partclone", What: "a partclone image", Match: magic.At(0, "partclone-image"),
		Advice: "restore it to a file first (partclone.restore -C -s FILE -O OUT)", RawHelps: magic.ScanBytes},
	{Name: "ntfsclone", What: "an ntfsclone image", Match: magic.At(0, "\x00ntfsclone-image"),
		Advice: "restore it to a file first (ntfsclone --restore-image --overwrite OUT FILE)", RawHelps: magic.ScanBytes},
	{Name: "partimage", What: "a PartImage image", Match: magic.At(0, "PaRtImAgE-VoLuMe"),
		Advice: "restore it to a partition first (partimage restore)", RawHelps: magic.ScanCompressed},
	// Ghost and Acronis, as file(1) has them (Magdir/archive).
	{Name: "Norton Ghost", What: "a Norton Ghost image", Match: isGhost,
		Advice: "restore it to a disk first (Ghost)", RawHelps: magic.ScanCompressed},
	{Name: "Acronis", What: "an Acronis True Image backup", Match: magic.At(0, "\xce\x24\xb9\xa2\x20\x00\x00\x00"),
		Advice: "restore it to a disk first (Acronis True Image)", RawHelps: magic.ScanCompressed},
	// Squashfs fs/squashfs/squashfs_fs.h, in both byte orders.
	{Name: "squashfs", What: "a compressed file system (squashfs)", Match: isSquashfs,
		Advice: "unpack it first (unsquashfs -d OUT FILE)", RawHelps: magic.ScanCompressed},
	// Linux include/uapi/linux/cramfs_fs.h: magic and signature.
	{Name: "cramfs", What: "a compressed file system (cramfs)", Match: magic.Both(magic.At(0, "\x45\x3d\xcd\x28", "\x28\xcd\x3d\x45"), magic.At(16, "Compressed ROMFS")),
		Advice: "unpack it first (7z x FILE, or 7zz x FILE)", RawHelps: magic.ScanCompressed},
	// Linux fs/erofs/erofs_fs.h: the features that compression needs. Without it
	// the file system is raw sectors.
	{Name: "erofs", What: "a compressed file system (erofs)", Match: func(h []byte) bool {
		return magic.At(1024, "\xe2\xe1\xf5\xe0")(h) && len(h) > 1024+80 && h[1024+80]&3 != 0
	}, Advice: "unpack it first (fsck.erofs --extract=OUT FILE)", RawHelps: magic.ScanCompressed},
}

// Ciphertext has nothing in it to be found.
var encrypted = []magic.Format{
	// LUKS1 and LUKS2 On-Disk Format Specification.
	{Name: "LUKS", What: "an encrypted volume (LUKS)", Match: magic.At(0, "LUKS\xba\xbe\x00\x01", "LUKS\xba\xbe\x00\x02"),
		Advice: "unlock it and scan the device that appears (cryptsetup open FILE NAME, then /dev/mapper/NAME)", RawHelps: magic.ScanBytes},
	// libbde: the boot sector of Windows 7 and later, of Vista; BitLocker To Go.
	{Name: "BitLocker", What: "an encrypted volume (BitLocker)", Match: magic.Either(magic.Both(magic.At(3, "-FVE-FS-"), magic.At(510, "\x55\xaa")), magic.At(424, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")),
		Advice: "unlock it and scan the device that appears (cryptsetup open --type bitlk FILE NAME, then /dev/mapper/NAME)", RawHelps: magic.ScanBytes},
	// Apple's encrypted disk images, version 2 and 1: vfdecrypt.c.
	{Name: "encrypted dmg", What: "an encrypted Apple disk image", Match: magic.At(0, "encrcdsa\x00\x00\x00"), Tail: isEncryptedDMGTail,
		Advice: "attach it and scan the device that appears (hdiutil attach FILE)", RawHelps: magic.ScanBytes},
	// age-encryption.org/v1; scrypt FORMAT; OpenSSL apps/enc.c.
	{Name: "age", What: "encrypted with age", Match: magic.At(0, "age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----"),
		Advice: "decrypt it first (age -d -o OUT FILE)", RawHelps: magic.ScanBytes},
	{Name: "OpenSSL enc", What: "encrypted with openssl enc", Match: magic.At(0, "Salted__"),
		Advice: "decrypt it first (openssl enc -d -CIPHER -in FILE -out OUT)", RawHelps: magic.ScanBytes},
	{Name: "scrypt", What: "encrypted with scrypt", Match: magic.At(0, "scrypt\x00"),
		Advice: "decrypt it first (scrypt dec FILE OUT)", RawHelps: magic.ScanBytes},
	// RFC 9580, 6.2 (armor) and 10.3 (packets); RFC 4880 the same.
	{Name: "OpenPGP message", What: "an OpenPGP message", Match: magic.Either(magic.Text("-----BEGIN PGP MESSAGE-----"), isOpenPGP),
		Advice: "decrypt it first (gpg -o OUT -d FILE)", RawHelps: magic.ScanBytes},
}
