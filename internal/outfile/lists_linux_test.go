package outfile

import (
	"encoding/binary"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// entry is one of an access list.
type entry struct {
	tag, may uint16
	who      uint32
}

// setList gives a file an access list, or skips the test where there are none.
func setList(t *testing.T, path, name string, entries ...entry) {
	t.Helper()
	list := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		list = binary.LittleEndian.AppendUint16(list, e.tag)
		list = binary.LittleEndian.AppendUint16(list, e.may)
		list = binary.LittleEndian.AppendUint32(list, e.who)
	}
	if err := unix.Setxattr(path, name, list, 0); err != nil {
		t.Skipf("no access lists here: %v", err)
	}
}

const nobody = ^uint32(0) // of entries that name no one

// told returns what Stat tells of a file.
func told(t *testing.T, path string) fs.FileInfo {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// An access list of the image permits less than the mode says: to one of the others, to its
// group, to one of a group. What is made of it permits nobody more.
func TestListsOfSources(t *testing.T) {
	user, group, mask, others := uint16(0x02), uint16(0x04), uint16(0x10), uint16(0x20)
	for _, c := range []struct {
		name string
		list []entry
		want fs.FileMode
	}{
		{"plain", nil, 0o644},
		{"one of the others may not", []entry{{1, 6, nobody}, {user, 0, 12345}, {group, 4, nobody}, {mask, 4, nobody}, {others, 4, nobody}}, 0o600},
		{"its group may not", []entry{{1, 6, nobody}, {user, 4, 12345}, {group, 0, nobody}, {mask, 4, nobody}, {others, 0, nobody}}, 0o600},
		{"a group may not", []entry{{1, 6, nobody}, {group, 0, nobody}, {0x08, 0, 12345}, {mask, 4, nobody}, {others, 4, nobody}}, 0o600},
		{"the mask", []entry{{1, 6, nobody}, {user, 7, 12345}, {group, 7, nobody}, {mask, 0, nobody}, {others, 4, nobody}}, 0o600},
		{"somebody may more", []entry{{1, 6, nobody}, {user, 6, 12345}, {group, 4, nobody}, {mask, 6, nobody}, {others, 0, nobody}}, 0o640},
	} {
		dir := t.TempDir()
		image := put(t, filepath.Join(dir, "image"), "memory", 0o644)
		if c.list != nil {
			setList(t, image, accessList, c.list...)
		}
		out, old := filepath.Join(dir, "out"), put(t, filepath.Join(dir, "old"), "old", 0o644)
		if c.list != nil {
			setList(t, old, accessList, c.list...)
		}
		info := told(t, image)
		withUmask(0, func() {
			if err := write(t, out, "new", Options{From: []fs.FileInfo{info}}); err != nil {
				t.Fatal(err)
			}
			if err := write(t, old, "new", Options{From: []fs.FileInfo{told(t, put(t, filepath.Join(dir, "open"), "x", 0o644))}}); err != nil {
				t.Fatal(err)
			}
		})
		for _, path := range []string{out, old} {
			if got := stat(t, path).Mode(); got != c.want {
				t.Errorf("%s: %s: %v, want %v", c.name, filepath.Base(path), got, c.want)
			}
		}
		if err := write(t, image, "x", Options{From: []fs.FileInfo{info}}); err == nil {
			t.Errorf("%s: written over what it is made of", c.name)
		}
	}
}

// A folder gives its new files an access list: nobody there reads what is made of a file
// that he cannot read.
func TestListOfFolder(t *testing.T) {
	for _, named := range []bool{false, true} {
		dir := t.TempDir()
		image := put(t, filepath.Join(dir, "image"), "memory", 0o640)
		setList(t, dir, "system.posix_acl_default", entry{1, 7, nobody}, entry{0x02, 7, 12345}, entry{0x04, 7, nobody}, entry{0x10, 7, nobody}, entry{0x20, 5, nobody})
		out := filepath.Join(dir, "out")
		f, err := Create(t.Context(), out, Options{From: []fs.FileInfo{stat(t, image)}})
		if err != nil {
			t.Fatal(err)
		}
		if named { // as where files without a name cannot be given one
			f.Write([]byte("new"))
			if err := f.setMode(); err != nil {
				t.Fatal(err)
			}
			if err := f.publishCopy(syscall.EPERM); err != nil {
				t.Fatal(err)
			}
		} else if err := f.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := stat(t, out).Mode().Perm(); got&^0o640 != 0 {
			t.Errorf("named %v: %v", named, got)
		}
		if n, err := unix.Getxattr(out, accessList, make([]byte, 1000)); err != unix.ENODATA {
			t.Errorf("named %v: an access list of %d bytes, %v", named, n, err)
		}
	}
}

// What cannot be replaced is refused at once, and nothing is left beside it.
func TestKept(t *testing.T) {
	chattr := func(how, path string) {
		t.Helper()
		if out, err := exec.Command("chattr", how, path).CombinedOutput(); err != nil {
			t.Skipf("chattr %s: %v, %s", how, err, out)
		}
		t.Cleanup(func() { exec.Command("chattr", "-ia", path).Run() })
	}
	for _, how := range []string{"+i", "+a"} {
		dir := t.TempDir()
		file := put(t, filepath.Join(dir, "file"), "old", 0o644)
		chattr(how, file)
		if _, err := Create(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), "protected") {
			t.Errorf("a file with %s: %v", how, err)
		}
		holds(t, dir, map[string]string{"file": "old"})
	}
	dir := t.TempDir()
	file := put(t, filepath.Join(dir, "file"), "old", 0o644)
	f, err := Create(t.Context(), file, Options{})
	if err != nil {
		t.Fatal(err)
	}
	chattr("+a", dir)
	if err := f.Commit(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be replaced") {
		t.Error(err)
	}
	if _, err := Create(t.Context(), file, Options{}); err == nil || !strings.Contains(err.Error(), "cannot be replaced") {
		t.Error(err)
	}
	if err := write(t, filepath.Join(dir, "new"), "new", Options{}); err != nil {
		t.Error(err)
	}
	holds(t, dir, map[string]string{"file": "old", "new": "new"})
}
