package input

import (
	"fmt"
	"io/fs"
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
	id.times = timesOf(file)
	id.disk, id.onDisk = uint64(max(s.Blocks, 0))*512, id.times.why == "" // servers tell what they like
	if id.times.grain == usualGrain && s.Mtim.Nsec == 0 && s.Ctim.Nsec == 0 {
		id.times.grain = time.Second // ext3, and others whose times are whole seconds
	}
}

// statusOf returns what else is compared of a file: when its status last changed, and its
// mode, owner, group and number of links.
func statusOf(info fs.FileInfo) (ctime time.Time, attrs string) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ctime, attrs
	}
	return time.Unix(s.Ctim.Unix()), fmt.Sprintf("mode %v, owner %d, group %d, %d links", info.Mode(), s.Uid, s.Gid, s.Nlink)
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
	for _, f := range fileSystems {
		if f.magic == magic {
			f.grain = max(f.grain, usualGrain)
			return f.fileTimes
		}
	}
	return fileTimes{why: fmt.Sprintf("it lies on a file system of type %#x, of which is not known what its times are worth", magic)}
}

// fileSystems has what the times of file systems are worth, those first that are met
// most.
// Source: linux include/uapi/linux/magic.h, and statfs(2) for those that are not there.
var fileSystems = [...]struct {
	magic uint32
	fileTimes
}{
	{0xef53, fileTimes{name: "ext4"}},
	{0x58465342, fileTimes{name: "xfs"}},
	{0x9123683e, fileTimes{name: "btrfs"}},
	{0x01021994, fileTimes{name: "tmpfs"}},
	{0x858458f6, fileTimes{name: "ramfs"}},
	{0x958458f6, fileTimes{name: "hugetlbfs"}},
	{0xf2f52010, fileTimes{name: "f2fs"}},
	{0x2fc12fc1, fileTimes{name: "zfs", lateHoles: true}}, // github.com/openzfs/zfs/issues/11900, 15526, 15933
	{0xca451a4e, fileTimes{name: "bcachefs"}},
	{0x794c7630, fileTimes{name: "overlayfs", lateHoles: true}}, // its files may lie on ZFS
	{0xf15f, fileTimes{name: "ecryptfs", lateHoles: true}},      // likewise
	{0x3434, fileTimes{name: "nilfs2"}},
	{0x3153464a, fileTimes{name: "jfs"}},
	{0x52654973, fileTimes{name: "reiserfs"}},
	{0x24051905, fileTimes{name: "ubifs"}},
	{0x7366746e, fileTimes{name: "ntfs3"}},
	{0x5346544e, fileTimes{name: "ntfs"}},
	{0x9660, fileTimes{name: "iso9660"}},
	{0x15013346, fileTimes{name: "udf"}},
	{0x73717368, fileTimes{name: "squashfs"}},
	{0xe0f5e1e2, fileTimes{name: "erofs"}},
	{0x2011bab0, fileTimes{name: "exfat"}},
	{0x4d44, fileTimes{name: "FAT", grain: 2 * time.Second}},
	{0x482b, fileTimes{name: "HFS+", grain: time.Second}},
	{0x4244, fileTimes{name: "HFS", grain: time.Second}},

	{0x65735546, fileTimes{name: "FUSE", why: "it lies on FUSE, whose program tells the times that it likes", remote: true}},
	{0x6969, fileTimes{name: "NFS", why: "it lies on NFS, whose server keeps the times and tells them late", remote: true}},
	{0xff534d42, fileTimes{name: "CIFS", why: "it lies on CIFS, whose server keeps the times and tells them late", remote: true}},
	{0xfe534d42, fileTimes{name: "SMB", why: "it lies on SMB, whose server keeps the times and tells them late", remote: true}},
	{0x517b, fileTimes{name: "SMB", why: "it lies on SMB, whose server keeps the times and tells them late", remote: true}},
	{0x01021997, fileTimes{name: "9p", why: "it lies on 9p, whose server keeps the times and tells them late", remote: true}},
	{0x00c36400, fileTimes{name: "Ceph", why: "it lies on Ceph, whose servers keep the times and tell them late", remote: true}},
	{0x5346414f, fileTimes{name: "AFS", why: "it lies on AFS, whose server keeps the times and tells them late", remote: true}},
	{0x6b414653, fileTimes{name: "AFS", why: "it lies on AFS, whose server keeps the times and tells them late", remote: true}},
	{0x0bd00bd0, fileTimes{name: "Lustre", why: "it lies on Lustre, whose servers keep the times and tell them late", remote: true}},
}
