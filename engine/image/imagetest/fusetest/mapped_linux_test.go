package fusetest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/imagetest/fusetest"
	"vscan/internal/mmap"
	"vscan/patterns"
)

// toScan names the file that this program is to map and search, instead of running tests.
const toScan = "VSCAN_FUSETEST_SCAN"

func TestMain(m *testing.M) {
	if path := os.Getenv(toScan); path != "" {
		if err := scanMapped(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// mapped is a source that is a mapped file, whatever file system it lies on.
type mapped struct {
	f *os.File
	b []byte
}

func (s *mapped) Name() string { return s.f.Name() }
func (s *mapped) Size() uint64 {
	info, err := s.f.Stat()
	if err != nil {
		return 0
	}
	return uint64(info.Size())
}
func (s *mapped) View(_ []byte, off uint64, n int) ([]byte, error) {
	if off+uint64(n) > uint64(len(s.b)) {
		return nil, io.ErrUnexpectedEOF
	}
	return s.b[off:][:n:n], nil
}

// scanMapped maps a file and prints where there are needles in it, and what could not be
// read.
func scanMapped(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := mmap.Map(f, uint64(info.Size()))
	if err != nil {
		return err
	}
	r, _ := addr.Sized(0, uint64(len(b)))
	space, err := engine.NewSpace(engine.Mapping{Range: r, Source: &mapped{f, b}})
	if err != nil {
		return err
	}
	p, err := patterns.Parse("needle")
	if err != nil {
		return err
	}
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{p}, patterns.Target{})
	if err != nil {
		return err
	}
	sc, err := engine.Compile(context.Background(), space, set, engine.Options{Workers: 1})
	if err != nil {
		return err
	}
	stats, err := sc.Scan(context.Background(), func(h engine.Hit) bool { fmt.Println(h.Addr); return true })
	fmt.Println(stats.Unreadable)
	return err
}

// Mapped pages that the file system fails to give fault with SIGBUS, as those behind the end
// of a file do. What can be read around them is found.
func TestMappedPagesThatFail(t *testing.T) {
	const page, size, bad = 4 << 10, 4 << 20, 1<<20 + 3<<12
	data := bytes.Repeat([]byte("x"), size)
	for _, at := range []int{0, bad - 6, bad + 100, bad + page, size - 6} {
		copy(data[at:], "needle")
	}
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ESTALE, syscall.ENOTCONN} {
		m := fusetest.Mount(t, map[string]*fusetest.File{"image": {Data: data, Before: func(_ context.Context, off, n int64) syscall.Errno {
			if off < bad+page && off+n > bad {
				return errno
			}
			return 0
		}}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), toScan+"="+filepath.Join(m.Dir, "image"))
		out, err := cmd.CombinedOutput()
		if want := "0x0\n0x102ffa\n0x104000\n0x3ffffa\n[0x103000..0x103fff]\n"; err != nil || string(out) != want {
			t.Errorf("%v: %v, want\n%s\ngot\n%s", errno, err, want, out)
		}
		m.Vanish()
	}
}
