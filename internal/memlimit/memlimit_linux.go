package memlimit

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Machine returns how many bytes of memory the machine has.
func Machine() uint64 {
	var i syscall.Sysinfo_t
	if syscall.Sysinfo(&i) != nil {
		return None
	}
	return uint64(i.Totalram) * max(uint64(i.Unit), 1)
}

// field returns the number behind a word that begins a line.
func field(text []byte, word string) (uint64, bool) {
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) >= 2 && string(f[0]) == word {
			n, err := strconv.ParseUint(string(f[1]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// AddressSpace returns the limit on the size of the process's address space: what is mapped
// or reserved counts, whether it is used or not. Source: getrlimit(2), RLIMIT_AS; proc(5),
// /proc/pid/statm.
func AddressSpace() Limit {
	l := Limit{Left: None, Of: None, What: "the limit on the address space (ulimit -v)"}
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &r) != nil || r.Cur == ^uint64(0) {
		return l
	}
	l.Of, l.Left = r.Cur, r.Cur
	l.Left -= min(l.Left, statm(0))
	return l
}

// Threads returns how many threads the process has, 0 where that cannot be read. Source:
// proc(5), /proc/pid/status.
func Threads() int {
	text, _ := os.ReadFile("/proc/self/status")
	n, _ := field(text, "Threads:")
	return int(n)
}

// Held returns how many bytes of memory the process holds that is its own: without what it
// has mapped of files. Source: proc(5), /proc/pid/statm.
func Held() uint64 {
	resident, shared := statm(1), statm(2)
	return resident - min(resident, shared)
}

// statm returns a field of /proc/self/statm in bytes, 0 where it cannot be read.
func statm(field int) uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	f := bytes.Fields(text)
	if err != nil || len(f) <= field {
		return 0
	}
	pages, _ := strconv.ParseUint(string(f[field]), 10, 64)
	return pages * uint64(os.Getpagesize())
}

// Groups returns the tightest of the limits of the control groups that the process is in,
// of version 1 and 2, those of the groups around them included, as far as they show here.
// Memory that the group has from files does not count: the system takes it back.
// Source: linux Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst.
func Groups() Limit {
	own, _ := os.ReadFile("/proc/self/cgroup")
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	return groups("/", string(own), string(mounts))
}

// groups is Groups of a system whose files are below root.
func groups(root, own, mounts string) Limit {
	tightest := Limit{Left: None, Of: None}
	for line := range strings.Lines(own) { // ID:CONTROLLERS:PATH
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		v2 := f[0] == "0" && f[1] == ""
		if !v2 && !hasWord(f[1], "memory") {
			continue
		}
		mount, below, ok := hierarchy(mounts, v2, f[2])
		if !ok {
			continue
		}
		for dir := path.Clean("/" + below); ; dir = path.Dir(dir) {
			if l := groupLimit(filepath.Join(root, mount, dir), v2); l.Left < tightest.Left {
				tightest = l
			}
			if dir == "/" {
				break
			}
		}
	}
	return tightest
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ",") {
		if w == word {
			return true
		}
	}
	return false
}

// hierarchy returns where the groups of a hierarchy are mounted, and the path of a group
// below that. The mount may show a part of the hierarchy only, as in a container.
func hierarchy(mounts string, v2 bool, group string) (mount, below string, ok bool) {
	for line := range strings.Lines(mounts) { // ID PARENT DEV ROOT MOUNT OPTIONS … - TYPE SOURCE OPTIONS
		front, back, found := strings.Cut(line, " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if !found || len(f) < 5 || len(b) < 3 {
			continue
		}
		if v2 && b[0] != "cgroup2" || !v2 && (b[0] != "cgroup" || !hasWord(b[2], "memory")) {
			continue
		}
		below, within := strings.CutPrefix(group, strings.TrimSuffix(unescape(f[3]), "/"))
		if !within { // the group is one that this mount does not show: what shows is around it
			below = "/"
		}
		return unescape(f[4]), below, true
	}
	return "", "", false
}

// unescape undoes the octal escapes of mountinfo.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// groupLimit returns the limit of one group.
func groupLimit(dir string, v2 bool) Limit {
	l := Limit{Left: None, Of: None, What: "the memory limit of the control group " + dir}
	name, held := "memory.limit_in_bytes", "total_rss"
	if v2 {
		name, held = "memory.max", "anon"
	}
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return l
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n >= 1<<62 { // max, or what version 1 has for it
		return l
	}
	l.Of, l.Left = n, n
	stat, _ := os.ReadFile(filepath.Join(dir, "memory.stat"))
	if used, ok := field(stat, held); ok {
		l.Left -= min(l.Left, used)
	}
	return l
}
