package input

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"vscan/engine/image"
	"vscan/internal/mmap"
)

// onceImage returns an image of so many steps that is gone through once: zeros but for a
// letter in each step.
func onceImage(t *testing.T, steps int, how image.Mmap) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for step := range steps { // the rest is holes, which read as zeros
		if _, err := f.WriteAt([]byte{letter(step)}, int64(step)*pagerStep+123); err != nil {
			t.Fatal(err)
		}
	}
	f.Truncate(int64(steps) * pagerStep)
	f.Close()
	src, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	src.Map(image.Options{Sequential: true, Mmap: how})
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	return src
}

func letter(step int) byte { return byte('a' + step) }

// viewSteps views some steps in full, in views of so many bytes.
func viewSteps(t *testing.T, src *File, size int, steps ...int) {
	t.Helper()
	for _, step := range steps {
		for at := 0; at < pagerStep; at += size {
			b, err := src.View(nil, uint64(step)*pagerStep+uint64(at), size)
			if err != nil {
				t.Fatal(err)
			}
			want := 0
			if at <= 123 && 123 < at+size {
				want = 1
				if b[123-at] != letter(step) {
					t.Fatalf("%q in step %d", b[123-at], step)
				}
			}
			if n := len(b) - bytes.Count(b, []byte{0}); n != want {
				t.Fatalf("%d bytes at %#x of step %d, want %d", n, at, step, want)
			}
		}
	}
}

// enteredSteps returns the steps of which the first page is in the page table: bit 63 of its
// entry in /proc/self/pagemap.
func enteredSteps(t *testing.T, src *File) (steps []int) {
	t.Helper()
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	for at := 0; at < len(src.data); at += pagerStep {
		var entry [8]byte
		page := uintptr(unsafe.Pointer(&src.data[at])) / uintptr(os.Getpagesize())
		if _, err := f.ReadAt(entry[:], int64(page)*8); err != nil {
			t.Skip(err)
		}
		if entry[7]&0x80 != 0 {
			steps = append(steps, at/pagerStep)
		}
	}
	return steps
}

// Pages that a pass has left behind are let go, in whatever order it takes the file and
// however small its views are, and read the same when they are asked for again.
func TestLetsGo(t *testing.T) {
	const steps = 2*pagerKept + 3
	up, down, both := make([]int, steps), make([]int, steps), make([]int, 0, steps)
	for i := range steps {
		up[i], down[i] = i, steps-1-i
	}
	for i := range steps / 2 {
		both = append(both, i, steps-1-i)
	}
	for name, order := range map[string][]int{"up": up, "down": down, "from both ends": both} {
		for _, size := range []int{1 << 20, 4096} {
			src := onceImage(t, steps, image.MmapAlways)
			if src.data == nil {
				t.Skip("the file is not mapped")
			}
			for round := range 2 {
				viewSteps(t, src, size, order...)
				const most = pagerKept + pagerAhead/pagerStep + pagerGone - 1
				var entered []int
				for range 10_000 { // the goroutine may come late
					if entered = enteredSteps(t, src); len(entered) <= most {
						break
					}
					time.Sleep(time.Millisecond)
				}
				if len(entered) > most {
					t.Errorf("%s, views of %d bytes, round %d: the steps %v are in the page table", name, size, round, entered)
				}
			}
		}
	}
}

// A step that is viewed again, before it is let go of, stays.
func TestKeepsWhatIsViewedAgain(t *testing.T) {
	const waiting = pagerGone - 1 // so many steps are not let go of yet
	src := onceImage(t, 2*(pagerKept+waiting), image.MmapAlways)
	if src.data == nil {
		t.Skip("the file is not mapped")
	}
	for step := range pagerKept + waiting {
		viewSteps(t, src, pagerStep, step)
	}
	viewSteps(t, src, pagerStep, 0, pagerKept+waiting)
	for range 10_000 { // the goroutine may come late
		got := enteredSteps(t, src)
		if !slices.Contains(got, 1) {
			if !slices.Contains(got, 0) {
				t.Errorf("the steps %v are in the page table, and not the one that was viewed again", got)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Error("a step that was not viewed again is in the page table")
}

// A look here and there is no pass: nothing is entered for it, and a pass that follows does
// not count from there.
func TestPeek(t *testing.T) {
	const steps = 16
	src := onceImage(t, steps, image.MmapAlways)
	if src.data == nil {
		t.Skip("the file is not mapped")
	}
	buf := make([]byte, 4096)
	for step := range steps {
		b, err := src.Peek(buf, uint64(step)*pagerStep, len(buf))
		if err != nil || len(b) != len(buf) || b[123] != letter(step) {
			t.Fatalf("%d bytes of step %d, %v", len(b), step, err)
		}
	}
	time.Sleep(20 * time.Millisecond)
	if got := enteredSteps(t, src); len(got) > 0 {
		t.Errorf("the steps %v are in the page table", got)
	}
	if r := src.pager.reached.Load(); r != 0 {
		t.Errorf("a pass is taken to have reached step %d", r)
	}
	if b, err := src.Peek(buf, steps*pagerStep-2, 4); len(b) != 2 || err == nil {
		t.Errorf("%d bytes at the end, %v", len(b), err)
	}
}

// A view of more than all steps that are kept is entered whole.
func TestLetsGoOfALargeView(t *testing.T) {
	src := onceImage(t, 2*pagerKept, image.MmapAlways)
	if src.data == nil {
		t.Skip("the file is not mapped")
	}
	b, err := src.View(nil, 1, 2*pagerKept*pagerStep-1)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(b) - bytes.Count(b, []byte{0}); n != 2*pagerKept {
		t.Errorf("%d letters", n)
	}
}

// Pages come to a pass that goes from step to step, and to no other view.
func TestGoesAhead(t *testing.T) {
	const steps = 16
	view := func(src *File, step int) {
		if _, err := src.View(nil, uint64(step)*pagerStep, 1); err != nil {
			t.Fatal(err)
		}
	}
	src := onceImage(t, steps, image.MmapAlways)
	if src.data == nil || mmap.Enter(src.data[:1]) != nil {
		t.Skip("pages cannot be entered ahead")
	}
	for _, step := range []int{0, 8, 12, 1} {
		view(src, step)
	}
	time.Sleep(50 * time.Millisecond)
	if got := enteredSteps(t, src); !slices.Equal(got, []int{0}) {
		t.Errorf("the steps %v came to views that are no pass", got)
	}
	src = onceImage(t, steps, image.MmapAlways)
	view(src, 0)
	view(src, 1)
	want := []int{2, 3} // a view by itself touches nothing
	var got []int
	for range 60_000 {
		if got = enteredSteps(t, src); len(got) >= len(want) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the steps %v came to a pass, want %v", got, want)
	}
	// The pass goes on elsewhere. What was entered for it in vain is let go, once it is with
	// other steps as much as is let go of at a time.
	for _, step := range []int{10, 5, 7, 9, 6, 4} {
		view(src, step)
	}
	for range 60_000 {
		if got = enteredSteps(t, src); len(got) == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("the steps %v are still there", got)
}

// Where the pass goes on by reading, nothing is entered.
func TestRests(t *testing.T) {
	src := onceImage(t, 16, image.MmapAlways)
	if src.pager == nil {
		t.Skip("the file is not mapped")
	}
	for step := range 3 {
		if _, err := src.View(nil, uint64(step)*pagerStep, 1); err != nil {
			t.Fatal(err)
		}
		src.pager.rest()
	}
	settle := func() uint64 {
		for range 3 { // once the third one is taken to the channel, the first has been seen to
			src.pager.wake <- struct{}{}
		}
		return src.pager.ahead.Load()
	}
	ahead := settle()
	if now := settle(); now != ahead {
		t.Errorf("pages up to %#x were entered, and then up to %#x", ahead, now)
	}
}

// Where the file is mapped or read at will, both ways are gone, and the bytes are the same.
func TestChoose(t *testing.T) {
	for _, how := range []image.Mmap{image.MmapAuto, image.MmapAlways, image.MmapNever} {
		src := onceImage(t, choosable/pagerStep+4, how)
		buf := make([]byte, 1<<20)
		names := map[string]int{}
		for at := uint64(0); at < src.size; {
			w, n := src.Choose(at, int(min(1<<20, src.size-at)))
			names[w.Name()]++
			b, err := w.View(buf, at, n)
			if err != nil || len(b) != n || n > 1<<20 || w.Name() == "read" && n > readBlock {
				t.Fatalf("%d of %d bytes at %#x: %v", len(b), n, at, err)
			}
			if at%pagerStep == 0 && b[123] != letter(int(at/pagerStep)) {
				t.Fatalf("%q at %#x", b[123], at+123)
			}
			w.Took(n, 1000)
			at += uint64(n)
		}
		if (names["read"] > 0) != (how != image.MmapAlways) || (names["mapped"] > 0) != (how != image.MmapNever) {
			t.Errorf("mmap %q: %v", how, names)
		}
	}
}
