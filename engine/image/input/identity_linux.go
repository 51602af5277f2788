package input

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// fillSystem adds what Linux tells of a file, and of the file system that it lies on.
func (id *identity) fillSystem(file *os.File) {
	s, ok := id.info.Sys().(*syscall.Stat_t)
	if !ok {
		id.times.why = "the system does not tell its times"
		return
	}
	id.ctime = time.Unix(s.Ctim.Unix())
	id.attrs = fmt.Sprintf("mode %v, owner %d, group %d, %d links", id.info.Mode(), s.Uid, s.Gid, s.Nlink)
	id.times = timesOf(file)
	id.disk, id.onDisk = uint64(max(s.Blocks, 0))*512, id.times.why == "" // servers tell what they like
	if id.times.grain == usualGrain && s.Mtim.Nsec == 0 && s.Ctim.Nsec == 0 {
		id.times.grain = time.Second // ext3, and others whose times are whole seconds
	}
}

// timesOf returns what the times of the file system are worth that a file lies on.
func timesOf(file *os.File) fileTimes {
	var s syscall.Statfs_t
	conn, err := file.SyscallConn()
	if err == nil {
		ctl := conn.Control(func(fd uintptr) { err = syscall.Fstatfs(int(fd), &s) })
		if err == nil {
			err = ctl
		}
	}
	if err != nil {
		return fileTimes{why: fmt.Sprintf("its file system cannot be asked: %v", err)}
	}
	magic := uint32(s.Type)
	if t, ok := fileSystems[magic]; ok {
		if t.grain == 0 {
			t.grain = usualGrain
		}
		return t
	}
	return fileTimes{why: fmt.Sprintf("it lies on a file system of type %#x, of which is not known what its times are worth", magic)}
}

// fileSystems has what the times of file systems are worth, by their magic numbers.
// Source: linux include/uapi/linux/magic.h, and statfs(2) for those that are not there.
var fileSystems = map[uint32]fileTimes{
	0xef53:     {name: "ext4"},
	0x58465342: {name: "xfs"},
	0x9123683e: {name: "btrfs"},
	0x01021994: {name: "tmpfs"},
	0x858458f6: {name: "ramfs"},
	0x958458f6: {name: "hugetlbfs"},
	0xf2f52010: {name: "f2fs"},
	0x2fc12fc1: {name: "zfs"},
	0xca451a4e: {name: "bcachefs"},
	0x794c7630: {name: "overlayfs"},
	0xf15f:     {name: "ecryptfs"},
	0x3434:     {name: "nilfs2"},
	0x3153464a: {name: "jfs"},
	0x52654973: {name: "reiserfs"},
	0x24051905: {name: "ubifs"},
	0x7366746e: {name: "ntfs3"},
	0x5346544e: {name: "ntfs"},
	0x9660:     {name: "iso9660"},
	0x15013346: {name: "udf"},
	0x73717368: {name: "squashfs"},
	0xe0f5e1e2: {name: "erofs"},
	0x2011bab0: {name: "exfat"},
	0x4d44:     {name: "FAT", grain: 2 * time.Second},
	0x482b:     {name: "HFS+", grain: time.Second},
	0x4244:     {name: "HFS", grain: time.Second},

	0x65735546: {name: "FUSE", why: "it lies on FUSE, whose program tells the times that it likes"},
	0x6969:     {name: "NFS", why: "it lies on NFS, whose server keeps the times and tells them late"},
	0xff534d42: {name: "CIFS", why: "it lies on CIFS, whose server keeps the times and tells them late"},
	0xfe534d42: {name: "SMB", why: "it lies on SMB, whose server keeps the times and tells them late"},
	0x517b:     {name: "SMB", why: "it lies on SMB, whose server keeps the times and tells them late"},
	0x01021997: {name: "9p", why: "it lies on 9p, whose server keeps the times and tells them late"},
	0x00c36400: {name: "Ceph", why: "it lies on Ceph, whose servers keep the times and tell them late"},
	0x5346414f: {name: "AFS", why: "it lies on AFS, whose server keeps the times and tells them late"},
	0x6b414653: {name: "AFS", why: "it lies on AFS, whose server keeps the times and tells them late"},
	0x0bd00bd0: {name: "Lustre", why: "it lies on Lustre, whose servers keep the times and tell them late"},
}
