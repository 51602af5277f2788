package image

import "slices"

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

// containers are asked after the dumps.
var containers = holdingAnything(slices.Concat(compressors, archives, evidence, disks, encrypted))

// holdingAnything returns formats with what containers hold.
func holdingAnything(all []known) []known {
	for i := range all {
		all[i].holds = HoldsAnything
	}
	return all
}

var compressors = []known{
	// RFC 1952: method 8, no reserved flag.
	{name: "gzip", what: "gzip-compressed", match: func(h []byte) bool { return at(0, "\x1f\x8b\x08")(h) && len(h) > 3 && h[3]&0xe0 == 0 },
		advice: "decompress it first (gzip -dc < FILE > OUT)", raw: scanCompressed},
	// RFC 8878; versions before 0.8: zstd lib/legacy.
	{name: "zstd", what: "zstd-compressed", match: at(0, "\x28\xb5\x2f\xfd", "\x27\xb5\x2f\xfd", "\x26\xb5\x2f\xfd", "\x25\xb5\x2f\xfd", "\x24\xb5\x2f\xfd", "\x23\xb5\x2f\xfd", "\x22\xb5\x2f\xfd"),
		advice: "decompress it first (zstd -dc --long=31 < FILE > OUT)", raw: scanCompressed},
	// xz file-format.txt, 2.1.1.1.
	{name: "xz", what: "xz-compressed", match: at(0, "\xfd7zXZ\x00"),
		advice: "decompress it first (xz -dc < FILE > OUT)", raw: scanCompressed},
	// bzip2: "BZh", the level, then the magic of a block or of the end.
	{name: "bzip2", what: "bzip2-compressed", match: isBzip2,
		advice: "decompress it first (bzip2 -dc < FILE > OUT)", raw: scanCompressed},
	// bzip3 src/main.c.
	{name: "bzip3", what: "bzip3-compressed", match: at(0, "BZ3v1"),
		advice: "decompress it first (bzip3 -dc < FILE > OUT)", raw: scanCompressed},
	// lz4_Frame_format.md: the frame, the legacy frame, that before it.
	{name: "lz4", what: "lz4-compressed", match: at(0, "\x04\x22\x4d\x18", "\x02\x21\x4c\x18", "\x03\x21\x4c\x18"),
		advice: "decompress it first (lz4 -dc < FILE > OUT)", raw: scanCompressed},
	// RFC 8878, 3.1.2; lz4 has the same skippable frames.
	{name: "zstd or lz4", what: "compressed with zstd or lz4 (it begins with a skippable frame)", match: func(h []byte) bool { return len(h) > 3 && h[0]&0xf0 == 0x50 && at(1, "\x2a\x4d\x18")(h) },
		advice: "decompress it first (zstd -dc --long=31 < FILE > OUT, or lz4 -dc < FILE > OUT)", raw: scanCompressed},
	// snappy framing_format.txt.
	{name: "snappy", what: "snappy-compressed (framed)", match: at(0, "\xff\x06\x00\x00sNaPpY"),
		advice: "decompress it first (snzip -dc < FILE > OUT)", raw: scanCompressed},
	// lzop.
	{name: "lzop", what: "lzop-compressed", match: at(0, "\x89LZO\x00\r\n\x1a\n"),
		advice: "decompress it first (lzop -dc < FILE > OUT)", raw: scanCompressed},
	// RFC 1950.
	{name: "zlib", what: "a zlib stream", match: isZlib,
		advice: "decompress it first (zlib-flate -uncompress < FILE > OUT)", raw: scanCompressed},
	// lzip manual, "File format": versions 0 and 1.
	{name: "lzip", what: "lzip-compressed", match: at(0, "LZIP\x00", "LZIP\x01"),
		advice: "decompress it first (lzip -dc < FILE > OUT)", raw: scanCompressed},
	// LZMA SDK lzma-specification.txt, the .lzma file format.
	{name: "lzma", what: "lzma-compressed", match: isLZMA,
		advice: "decompress it first (xz --format=lzma -dc < FILE > OUT)", raw: scanCompressed},
	// ncompress compress.c.
	{name: "compress", what: "compressed with compress (.Z)", match: isCompress,
		advice: "decompress it first (gzip -dc < FILE > OUT)", raw: scanCompressed},
	// gzip unpack.c, of the pack of System V.
	{name: "pack", what: "compressed with pack (.z)", match: isPack,
		advice: "decompress it first (gzip -dc < FILE > OUT)", raw: scanCompressed},
	// lrzip magic header, doc/magic.header.txt.
	{name: "lrzip", what: "lrzip-compressed", match: at(0, "LRZI\x00"),
		advice: "decompress it first (lrzip -d -o OUT FILE)", raw: scanCompressed},
	// rzip runzip.c.
	{name: "rzip", what: "rzip-compressed", match: at(0, "RZIP\x02"),
		advice: "decompress it first (rzip -dk -o OUT FILE)", raw: scanCompressed},
	// zpaq specification: the locator tag, and a block without it.
	{name: "zpaq", what: "a zpaq archive", match: at(0, "7kSt\xa01\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ", "zPQ\x01", "zPQ\x02"),
		advice: "unpack it first (ln -s FILE m.zpaq && zpaq x m.zpaq)", raw: scanCompressed},
	// Apple lzfse_internal.h: the magics of its blocks.
	{name: "lzfse", what: "lzfse-compressed", match: at(0, "bvx-", "bvx1", "bvx2", "bvxn"),
		advice: "decompress it first (lzfse -decode -i FILE -o OUT)", raw: scanCompressed},
	// Apple's chunked xz, in update packages.
	{name: "pbzx", what: "a pbzx stream (Apple)", match: at(0, "pbzx\x00\x00"),
		advice: "decompress it first (pbzx FILE)", raw: scanCompressed},
	// QuickLZ qpress.
	{name: "qpress", what: "qpress-compressed", match: at(0, "qpress10"),
		advice: "decompress it first (qpress -d FILE OUT)", raw: scanCompressed},
	// Microsoft COMPRESS.EXE, as libmspack describes it (szdd.h, kwaj.h).
	{name: "SZDD", what: "compressed with Microsoft COMPRESS", match: at(0, "SZDD\x88\xf0\x27\x33", "KWAJ\x88\xf0\x27\xd1", "SZ \x88\xf0\x27\x33"),
		advice: "decompress it first (7z x FILE, or 7zz x FILE)", raw: scanCompressed},
}

var archives = []known{
	// APPNOTE.TXT: a local file header, an empty archive, a spanned one.
	{name: "zip", what: "a zip archive", match: at(0, "PK\x03\x04", "PK\x05\x06", "PK\x07\x08PK\x03\x04", "PK00PK\x03\x04"),
		advice: "unpack it first (unzip FILE)", raw: scanCompressed},
	// 7zFormat.txt.
	{name: "7z", what: "a 7z archive", match: at(0, "7z\xbc\xaf\x27\x1c"),
		advice: "unpack it first (7z x FILE, or 7zz x FILE)", raw: scanCompressed},
	// RAR 1.5 to 5, and before.
	{name: "rar", what: "a rar archive", match: at(0, "Rar!\x1a\x07", "RE\x7e\x5e"),
		advice: "unpack it first (unrar x FILE)", raw: scanCompressed},
	// POSIX ustar, GNU tar; before them: the checksum of a header.
	{name: "tar", what: "a tar archive", match: either(at(257, "ustar\x0000", "ustar  \x00"), isOldTar),
		advice: "unpack it first (tar -xf FILE)", raw: scanBytes},
	// cpio(5) of libarchive: binary in both byte orders, odc, newc, crc.
	{name: "cpio", what: "a cpio archive", match: isCpio,
		advice: "unpack it first (cpio -idm < FILE)", raw: scanBytes},
	// ar(5); a Debian package is one of a first member debian-binary.
	{name: "deb", what: "a Debian package", match: at(0, "!<arch>\ndebian"),
		advice: "unpack it first (dpkg-deb -x FILE OUT)", raw: scanCompressed},
	{name: "ar", what: "an ar archive", match: at(0, "!<arch>\n"),
		advice: "unpack it first (ar x FILE)", raw: scanBytes},
	// rpm lib/rpmlead.c.
	{name: "rpm", what: "an rpm package", match: at(0, "\xed\xab\xee\xdb"),
		advice: "unpack it first (rpm2cpio FILE | cpio -idm)", raw: scanCompressed},
	// [MS-CAB] 2.1; InstallShield, as unshield has it.
	{name: "cab", what: "a cabinet archive", match: at(0, "MSCF\x00\x00\x00\x00"),
		advice: "unpack it first (cabextract FILE)", raw: scanCompressed},
	{name: "InstallShield cabinet", what: "an InstallShield cabinet", match: at(0, "ISc("),
		advice: "unpack it first (unshield x FILE)", raw: scanCompressed},
	// wimlib header.h; the second is its own, for pipes.
	{name: "wim", what: "a Windows image (wim, esd)", match: at(0, "MSWIM\x00\x00\x00", "WLPWM\x00\x00\x00"),
		advice: "unpack it first (wimapply FILE 1 OUT)", raw: scanCompressed},
	// xar include/xar.h.in.
	{name: "xar", what: "a xar archive", match: at(0, "xar!\x00"),
		advice: "unpack it first (7z x FILE, or 7zz x FILE)", raw: scanCompressed},
	// ARJ TECHNOTE.TXT: the main header and its CRC.
	{name: "arj", what: "an arj archive", match: isArj,
		advice: "unpack it first (7z x FILE, or 7zz x FILE)", raw: scanCompressed},
	// LHA header.doc.
	{name: "lha", what: "an lha archive", match: isLHA,
		advice: "unpack it first (lhasa x FILE)", raw: scanCompressed},
	// zoo.h, ZOO_TAG.
	{name: "zoo", what: "a zoo archive", match: at(20, "\xdc\xa7\xc4\xfd"),
		advice: "unpack it first (unar FILE)", raw: scanCompressed},
	// ACE, as file(1) has it (Magdir/archive).
	{name: "ace", what: "an ace archive", match: at(7, "**ACE**"),
		advice: "unpack it first (unace x FILE)", raw: scanCompressed},
	// StuffIt, as The Unarchiver has it.
	{name: "StuffIt", what: "a StuffIt archive", match: either(both(at(0, "SIT!"), at(10, "rLau")), at(0, "StuffIt (c)1997-")),
		advice: "unpack it first (unar FILE)", raw: scanCompressed},
	// AOSP BackupManagerService: zlib, perhaps encrypted.
	{name: "Android backup", what: "an Android backup", match: at(0, "ANDROID BACKUP\n"),
		advice: "unpack it first (abe unpack FILE OUT.tar)", raw: scanCompressed},
	// mkbootimg bootimg.h: a kernel and a ram disk, both compressed.
	{name: "Android boot image", what: "an Android boot image", match: at(0, "ANDROID!", "VNDRBOOT"),
		advice: "unpack it first (unpack_bootimg --boot_img FILE --out OUT)", raw: scanCompressed},
	// Linux Documentation/arch/x86/boot.rst, HdrS behind the boot sector's end.
	{name: "Linux kernel", what: "a compressed Linux kernel (bzImage, vmlinuz)", match: at(510, "\x55\xaaHdrS"),
		advice: "decompress it first (scripts/extract-vmlinux of the kernel's source: extract-vmlinux FILE > OUT)", raw: scanCompressed},
	// U-Boot include/image.h, IH_MAGIC; ih_comp is 0 where it is not compressed.
	{name: "uImage", what: "a compressed U-Boot image", match: func(h []byte) bool {
		return at(0, "\x27\x05\x19\x56")(h) && len(h) > 31 && h[31] >= 1 && h[31] <= 6
	}, advice: "unpack it first (dumpimage -o OUT FILE, then decompress OUT)", raw: scanCompressed},
}

// Images of disks and memory as forensic programs make them.
var evidence = []known{
	// libewf, Expert Witness Compression Format: of disks, of files.
	{name: "EWF", what: "an Expert Witness (E01) image", match: at(0, "EVF\x09\x0d\x0a\xff\x00", "LVF\x09\x0d\x0a\xff\x00"),
		advice: "export the raw bytes first (ewfexport -u -t OUT FILE), which asks for the ending of the name, .E01 or .Ex01", raw: scanCompressed},
	// libewf, Expert Witness Compression Format 2.
	{name: "EWF2", what: "an Expert Witness (Ex01) image", match: at(0, "EVF2\x0d\x0a\x81\x00", "LEF2\x0d\x0a\x81\x00", "LVF2\x0d\x0a\x81\x00"),
		advice: "export the raw bytes first (ewfexport -u -t OUT FILE), which asks for the ending of the name, .E01 or .Ex01", raw: scanCompressed},
	// AFFLIB afflib_i.h, AF_HEADER.
	{name: "AFF", what: "an Advanced Forensic Format (AFF) image", match: at(0, "AFF10\x0d\x0a\x00"),
		advice: "export the raw bytes first (affconvert -r -e raw FILE)", raw: scanCompressed},
	// AccessData, as AD1-tools has it; the second is encrypted.
	{name: "AD1", what: "an AccessData (AD1) image", match: at(0, "ADSEGMENTEDFILE\x00", "ADCRYPT\x00"),
		advice: "export the files in it first (FTK Imager)", raw: scanCompressed},
}

var disks = []known{
	// QEMU docs/interop/qcow2.txt.
	{name: "qcow2", what: "a QEMU disk image (qcow2)", match: at(0, "QFI\xfb\x00\x00\x00"), advice: qemuConvert, raw: scanBytes},
	// QEMU block/qed.h; block/cow.c before 2.2.
	{name: "qed", what: "a QEMU disk image (qed)", match: at(0, "QED\x00"), advice: qemuConvert, raw: scanBytes},
	{name: "cow", what: "a QEMU disk image (cow)", match: at(0, "OOOM\x00\x00\x00\x02"),
		advice: "convert it to the disk's bytes first (qemu-img before 2.2: qemu-img convert -O raw FILE OUT)", raw: scanBytes},
	// VMware Virtual Disk Format 5.0; seSparse: QEMU block/vmdk.c.
	{name: "vmdk", what: "a VMware disk image (vmdk)", match: at(0, "KDMV\x01\x00", "KDMV\x02\x00", "KDMV\x03\x00", "COWD\x01\x00\x00\x00", "\xbe\xba\xfe\xca\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), advice: qemuConvert, raw: scanBytes},
	{name: "vmdk descriptor", what: "the description of a VMware disk image (vmdk)", match: at(0, "# Disk DescriptorFile\n", "# Disk DescriptorFile\r\n"),
		advice: "the disk is in the files that it names: convert them to the disk's bytes first (qemu-img convert -O raw FILE OUT)"},
	// [MS-VHDX] 2.2.1.
	{name: "vhdx", what: "a Hyper-V disk image (vhdx)", match: at(0, "vhdxfile"), advice: qemuConvert, raw: scanBytes},
	// Virtual Hard Disk Image Format Specification: the footer, which dynamic
	// disks have at the start as well.
	{name: "vhd", what: "a Virtual PC disk image (vhd)", match: isVHD, tail: isVHDTail,
		advice: "convert it to the disk's bytes first (qemu-img convert -f vpc -O raw FILE OUT)", raw: scanBytes},
	// VirtualBox VDICore.h, VDI_IMAGE_SIGNATURE.
	{name: "vdi", what: "a VirtualBox disk image (vdi)", match: at(0x40, "\x7f\x10\xda\xbe"), advice: qemuConvert, raw: scanBytes},
	// QEMU docs/interop/parallels.txt.
	{name: "Parallels disk", what: "a Parallels disk image", match: at(0, "WithoutFreeSpace", "WithouFreSpacExt"), advice: qemuConvert, raw: scanBytes},
	// Bochs iodev/hdimage/hdimage.h.
	{name: "Bochs disk", what: "a Bochs disk image", match: at(0, "Bochs Virtual HD Image\x00"), advice: qemuConvert, raw: scanBytes},
	// cloop: QEMU block/cloop.c.
	{name: "cloop", what: "a compressed loop image (cloop)", match: at(0, "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"), advice: qemuConvert, raw: scanBytes},
	// Apple's UDIF: the trailer; QEMU block/dmg.c.
	{name: "dmg", what: "an Apple disk image (dmg)", match: never, tail: isUDIFTail,
		advice: "convert it to the disk's bytes first (qemu-img convert -f dmg -O raw FILE OUT)", raw: scanBytes},
	// Apple's sparse image: libmodi, sparsedisk.
	{name: "sparseimage", what: "an Apple sparse disk image", match: at(0, "sprs\x00\x00\x00\x03"),
		advice: "convert it first (hdiutil convert FILE -format UDTO -o OUT)", raw: scanBytes},
	// AOSP libsparse sparse_format.h, major version 1.
	{name: "Android sparse image", what: "an Android sparse image", match: at(0, "\x3a\xff\x26\xed\x01\x00"),
		advice: "convert it to the disk's bytes first (simg2img FILE OUT)", raw: scanBytes},
	// Proxmox VE vma_spec.txt.
	{name: "vma", what: "a Proxmox backup of a machine (vma)", match: at(0, "VMA\x00\x00\x00\x00\x01"),
		advice: "unpack it first (vma extract FILE OUT)", raw: scanBytes},
	// Partclone IMAGE_FORMATS.md; ntfsclone.c; PartImage; fsarchiver.
	{name: "partclone", what: "a partclone image", match: at(0, "partclone-image"),
		advice: "restore it to a file first (partclone.restore -C -s FILE -O OUT)", raw: scanBytes},
	{name: "ntfsclone", what: "an ntfsclone image", match: at(0, "\x00ntfsclone-image"),
		advice: "restore it to a file first (ntfsclone --restore-image --overwrite OUT FILE)", raw: scanBytes},
	{name: "partimage", what: "a PartImage image", match: at(0, "PaRtImAgE-VoLuMe"),
		advice: "restore it to a partition first (partimage restore)", raw: scanCompressed},
	// Ghost and Acronis, as file(1) has them (Magdir/archive).
	{name: "Norton Ghost", what: "a Norton Ghost image", match: isGhost,
		advice: "restore it to a disk first (Ghost)", raw: scanCompressed},
	{name: "Acronis", what: "an Acronis True Image backup", match: at(0, "\xce\x24\xb9\xa2\x20\x00\x00\x00"),
		advice: "restore it to a disk first (Acronis True Image)", raw: scanCompressed},
	// Squashfs fs/squashfs/squashfs_fs.h, in both byte orders.
	{name: "squashfs", what: "a compressed file system (squashfs)", match: isSquashfs,
		advice: "unpack it first (unsquashfs -d OUT FILE)", raw: scanCompressed},
	// Linux include/uapi/linux/cramfs_fs.h: magic and signature.
	{name: "cramfs", what: "a compressed file system (cramfs)", match: both(at(0, "\x45\x3d\xcd\x28", "\x28\xcd\x3d\x45"), at(16, "Compressed ROMFS")),
		advice: "unpack it first (7z x FILE, or 7zz x FILE)", raw: scanCompressed},
	// Linux fs/erofs/erofs_fs.h: the features that compression needs. Without it
	// the file system is raw sectors.
	{name: "erofs", what: "a compressed file system (erofs)", match: func(h []byte) bool {
		return at(1024, "\xe2\xe1\xf5\xe0")(h) && len(h) > 1024+80 && h[1024+80]&3 != 0
	}, advice: "unpack it first (fsck.erofs --extract=OUT FILE)", raw: scanCompressed},
}

// Ciphertext has nothing in it to be found.
var encrypted = []known{
	// LUKS1 and LUKS2 On-Disk Format Specification.
	{name: "LUKS", what: "an encrypted volume (LUKS)", match: at(0, "LUKS\xba\xbe\x00\x01", "LUKS\xba\xbe\x00\x02"),
		advice: "unlock it and scan the device that appears (cryptsetup open FILE NAME, then /dev/mapper/NAME)", raw: scanBytes},
	// libbde: the boot sector of Windows 7 and later, of Vista; BitLocker To Go.
	{name: "BitLocker", what: "an encrypted volume (BitLocker)", match: either(both(at(3, "-FVE-FS-"), at(510, "\x55\xaa")), at(424, "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")),
		advice: "unlock it and scan the device that appears (cryptsetup open --type bitlk FILE NAME, then /dev/mapper/NAME)", raw: scanBytes},
	// Apple's encrypted disk images, version 2 and 1: vfdecrypt.c.
	{name: "encrypted dmg", what: "an encrypted Apple disk image", match: at(0, "encrcdsa\x00\x00\x00"), tail: isEncryptedDMGTail,
		advice: "attach it and scan the device that appears (hdiutil attach FILE)", raw: scanBytes},
	// age-encryption.org/v1; scrypt FORMAT; OpenSSL apps/enc.c.
	{name: "age", what: "encrypted with age", match: at(0, "age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----"),
		advice: "decrypt it first (age -d -o OUT FILE)", raw: scanBytes},
	{name: "OpenSSL enc", what: "encrypted with openssl enc", match: at(0, "Salted__"),
		advice: "decrypt it first (openssl enc -d -CIPHER -in FILE -out OUT)", raw: scanBytes},
	{name: "scrypt", what: "encrypted with scrypt", match: at(0, "scrypt\x00"),
		advice: "decrypt it first (scrypt dec FILE OUT)", raw: scanBytes},
	// RFC 9580, 6.2 (armor) and 10.3 (packets); RFC 4880 the same.
	{name: "OpenPGP message", what: "an OpenPGP message", match: either(text("-----BEGIN PGP MESSAGE-----"), isOpenPGP),
		advice: "decrypt it first (gpg -o OUT -d FILE)", raw: scanBytes},
}
