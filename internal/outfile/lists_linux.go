package outfile

import (
	"encoding/binary"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// accessList is the name of the attribute that has the access list of a file (POSIX ACL): a
// version of 4 bytes, then entries of 8 bytes, tag, permissions and whose they are, all
// little-endian.
const accessList = "system.posix_acl_access"

// Tags of entries.
const (
	tagUser  = 0x02 // a user that is named
	tagOwner = 0x04 // the group that the file is of
	tagGroup = 0x08 // a group that is named
	tagMask  = 0x10 // what all of these have at most
)

// removeList removes the access list that a new file has from its folder, and reports
// whether it has none now.
func removeList(file *os.File) bool {
	for {
		switch unix.Fremovexattr(int(file.Fd()), accessList) {
		case unix.EINTR:
			continue
		case nil, unix.ENODATA, unix.EOPNOTSUPP, unix.ENOSYS:
			return true
		}
		return false
	}
}

// listedMode returns a mode that permits nobody what the access list of an open file does not.
func listedMode(file *os.File, mode fs.FileMode) fs.FileMode {
	return modeOfList(mode, func(list []byte) (int, error) { return unix.Fgetxattr(int(file.Fd()), accessList, list) })
}

// listedModeAt is listedMode for a path that is no link. The file need not be readable.
func listedModeAt(path string, mode fs.FileMode) fs.FileMode {
	return modeOfList(mode, func(list []byte) (int, error) { return unix.Lgetxattr(path, accessList, list) })
}

// modeOfList returns what is left of a mode by the access list that get reads. Whoever is
// named there may be anybody of the group or of the others.
func modeOfList(mode fs.FileMode, get func([]byte) (int, error)) fs.FileMode {
	n, err := get(nil) // most files have none
	var list []byte
	for err == unix.EINTR || err == nil && list == nil {
		if err == nil {
			list = make([]byte, 64<<10) // as long as an attribute can be
		}
		n, err = get(list)
	}
	switch {
	case err == unix.ENODATA, err == unix.EOPNOTSUPP, err == unix.ENOSYS:
		return mode
	case err != nil, n < 4:
		return mode &^ 0o077
	}
	group, mask := fs.FileMode(0), fs.FileMode(0o7)
	var named []fs.FileMode
	for e := list[4:n]; len(e) >= 8; e = e[8:] {
		may := fs.FileMode(binary.LittleEndian.Uint16(e[2:]) & 0o7)
		switch binary.LittleEndian.Uint16(e) {
		case tagUser, tagGroup:
			named = append(named, may)
		case tagOwner:
			group = may
		case tagMask:
			mask = may
		}
	}
	group, others := group&mask, mode&0o007
	for _, may := range named {
		group, others = group&may&mask, others&may&mask
	}
	return mode&^0o077 | group<<3 | others
}
