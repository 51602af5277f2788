package memlimit

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// write makes files below a folder.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGroups(t *testing.T) {
	const (
		v2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		v1 = "29 23 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n31 23 0:27 / /sys/fs/cgroup/memory rw,nosuid - cgroup cgroup rw,memory\n"
	)
	for name, c := range map[string]struct {
		own, mounts string
		files       map[string]string
		left, of    uint64
	}{
		"none": {"0::/a\n", v2, nil, None, None},
		"max":  {"0::/a\n", v2, map[string]string{"sys/fs/cgroup/a/memory.max": "max\n"}, None, None},
		"of the group": {"0::/a/b\n", v2, map[string]string{
			"sys/fs/cgroup/a/b/memory.max": "1000000\n", "sys/fs/cgroup/a/b/memory.stat": "anon 300000\nfile 600000\n",
		}, 700000, 1000000},
		"of the group around it": {"0::/a/b\n", v2, map[string]string{
			"sys/fs/cgroup/a/b/memory.max": "1000000\n", "sys/fs/cgroup/a/memory.max": "500000\n", "sys/fs/cgroup/a/memory.stat": "anon 100000\n",
		}, 400000, 500000},
		"in a container": {"0::/\n", v2, map[string]string{"sys/fs/cgroup/memory.max": "4096\n"}, 4096, 4096},
		"version 1": {"5:cpu:/x\n4:memory:/a/b\n0::/z\n", v1, map[string]string{
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "8000\n", "sys/fs/cgroup/memory/a/memory.stat": "rss 1\ntotal_rss 3000\n",
			"sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
		}, 5000, 8000},
		"a mount of a part": {"4:memory:/docker/abc/x\n", "31 23 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", map[string]string{
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9000\n",
		}, 9000, 9000},
		"a mount that does not show it": {"4:memory:/other\n", "31 23 0:27 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n", map[string]string{
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "7000\n",
		}, 7000, 7000},
		"more is held than allowed": {"0::/a\n", v2, map[string]string{
			"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.stat": "anon 5000\n",
		}, 0, 1000},
		"nonsense": {"\n:::\n0::/a\nx\n", "x\n" + v2 + " - cgroup2\n", map[string]string{"sys/fs/cgroup/a/memory.max": "-5\n"}, None, None},
	} {
		root := t.TempDir()
		write(t, root, c.files)
		if l := groups(root, c.own, c.mounts); l.Left != c.left || l.Of != c.of {
			t.Errorf("%s: %d of %d left: want %d of %d", name, l.Left, l.Of, c.left, c.of)
		}
	}
}

func TestOfThisSystem(t *testing.T) {
	if m := Machine(); m < 1<<20 {
		t.Errorf("the machine has %d bytes", m)
	}
	if l := AddressSpace(); l.Left > l.Of {
		t.Errorf("%d of %d are left of the address space", l.Left, l.Of)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	limit.Cur = min(old.Max, 1<<40)
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		t.Skip("the limit cannot be set:", err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_AS, &old)
	if l := AddressSpace(); l.Of != limit.Cur || l.Left >= l.Of || l.Left < l.Of/2 {
		t.Errorf("of 2^40 bytes of address space %d of %d are left", l.Left, l.Of)
	}
	Groups()
}

// What the process holds grows with what it touches, and not with what it maps of a file.
func TestHeld(t *testing.T) {
	const size = 64 << 20
	before := Held()
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(b)
	if n := Held(); n > before+size/2 {
		t.Errorf("%d bytes are held, and %d before anything was touched", n, before)
	}
	for i := 0; i < size; i += 1024 {
		b[i] = 1
	}
	if n := Held(); n < before+size/2 {
		t.Errorf("%d bytes are held, and %d before %d were touched", n, before, size)
	}
}
