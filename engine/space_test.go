package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"vscan/engine/addr"
	"vscan/internal/testenv"
)

// A layout is mappings and the byte map that they have to show.
type layout struct {
	base     addr.Addr
	mappings []Mapping
	unders   []Mapping
}

// A shown is one byte of the byte map.
type shown struct {
	state State
	b     byte
	layer int
}

// model returns the byte map of the first size bytes from the layout's base
// on.
func (l layout) model(size int) []shown {
	out := make([]shown, size)
	for i := range out {
		a := l.base + addr.Addr(i)
		out[i] = shown{state: Hole, layer: -1}
		take := func(m Mapping, layer int) {
			out[i] = shown{state: m.State, layer: layer}
			if m.State == Present {
				out[i].b = m.Source.(*bytesSource).b[m.OffsetOf(a)]
			}
		}
		for k, m := range l.mappings {
			if m.Contains(a) {
				take(m, len(l.unders)+k)
			}
		}
		if out[i].state == Hole || out[i].state == Absent {
			for k := range l.unders { // the first laid under is the highest
				m := l.unders[k]
				if m.Contains(a) && (m.State != Absent || out[i].state == Hole) {
					take(m, len(l.unders)-1-k)
					if m.State != Absent {
						break
					}
				}
			}
		}
	}
	return out
}

func (l layout) space(t testing.TB) *Space {
	t.Helper()
	s, err := NewSpace(l.mappings...)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.unders) > 0 {
		if s, err = s.AddUnder(l.unders...); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// randomLayout returns up to n mappings in size bytes, of a few letters, so
// that patterns occur; neighbours often touch and share a source.
func randomLayout(rnd *rand.Rand, n, size int) layout {
	l := layout{base: []addr.Addr{0, 0x1000, 0x7fffffff0000, addr.Max - addr.Addr(size) + 1}[rnd.IntN(4)]}
	shared := make([]byte, 4*size)
	for i := range shared {
		shared[i] = "ab\x00"[rnd.IntN(3)]
	}
	src := BytesSource("shared", shared)
	mapping := func() Mapping {
		lo := rnd.IntN(size)
		hi := lo + rnd.IntN(min(size-lo, 1+rnd.IntN(size)))
		m := Mapping{Range: addr.Range{First: l.base + addr.Addr(lo), Last: l.base + addr.Addr(hi)}}
		switch k := rnd.IntN(8); {
		case k == 0:
			m.State = Absent
		case k == 1:
			m.State = Zero
		case k < 5:
			m.Source, m.Offset = src, uint64(rnd.IntN(3*size))
		default:
			m.Source, m.Offset = src, uint64(lo)
		}
		m.Name = fmt.Sprint("m", rnd.IntN(4))
		return m
	}
	for range rnd.IntN(n + 1) {
		l.mappings = append(l.mappings, mapping())
	}
	for range max(0, rnd.IntN(6)-3) {
		l.unders = append(l.unders, mapping())
	}
	return l
}

func testRand(t testing.TB) *rand.Rand {
	return testenv.Rand(t)
}

func TestSpaceAgainstByteMap(t *testing.T) {
	rnd := testRand(t)
	for range 1500 {
		size := 1 + rnd.IntN(60)
		l := randomLayout(rnd, 8, size)
		s, model := l.space(t), l.model(size)
		for i, want := range model {
			a := l.base + addr.Addr(i)
			v := s.At(a)
			if v.State() != want.state || v.Layer != want.layer || s.State(a) != want.state {
				t.Fatalf("%+v: at %v %v of layer %d, want %v of %d", l, a, v.State(), v.Layer, want.state, want.layer)
			}
			if s.IsMapped(a) != (want.state != Hole) {
				t.Fatalf("%v mapped: %v", a, s.IsMapped(a))
			}
			lo, hi := i, i
			for lo > 0 && model[lo-1].layer == want.layer {
				lo--
			}
			for hi+1 < size && model[hi+1].layer == want.layer {
				hi++
			}
			if lo > 0 && v.First != l.base+addr.Addr(lo) || hi < size-1 && v.Last != l.base+addr.Addr(hi) {
				t.Fatalf("at %v it shows in %v, want %d to %d", a, v.Range, lo, hi)
			}
			b, err := s.Byte(a)
			var me *MemoryError
			switch want.state {
			case Hole, Absent:
				if !errors.As(err, &me) || me.Addr != a || me.State != want.state {
					t.Fatalf("byte at %v: %v", a, err)
				}
			default:
				if err != nil || b != want.b {
					t.Fatalf("byte at %v: %q, %v, want %q", a, b, err, want.b)
				}
			}
			checkBytes(t, s, l, model, i)
		}
		next := addr.Addr(0)
		for v := range s.Intervals(addr.All) {
			if v.First != next {
				t.Fatalf("interval %v, want one from %v", v.Range, next)
			}
			next = v.Last + 1
		}
		if next != 0 {
			t.Fatalf("intervals end before %v", next)
		}
		for v := range s.Elementary() {
			if v.First != next || !reflect.DeepEqual(layersOf(s, v.First), layersOf(s, v.Last)) {
				t.Fatalf("elementary interval %v, want one from %v", v.Range, next)
			}
			if o := s.At(v.First); o.Layer != v.Layer {
				t.Fatalf("elementary interval %v shows layer %d, want %d", v.Range, v.Layer, o.Layer)
			}
			next = v.Last + 1
		}
	}
}

func layersOf(s *Space, a addr.Addr) (layers []int) {
	for _, v := range s.Layers(a) {
		layers = append(layers, v.Layer)
	}
	return layers
}

// checkBytes compares all that reads from byte i on return with the model.
func checkBytes(t *testing.T, s *Space, l layout, model []shown, i int) {
	t.Helper()
	a := l.base + addr.Addr(i)
	var want []byte
	j, mapped := i, true
	for ; j < len(model) && (model[j].state == Present || model[j].state == Zero); j++ {
		want = append(want, model[j].b)
	}
	got, err := s.Bytes(a, len(model)-i+1)
	if !bytes.Equal(got, want) || err == nil {
		t.Fatalf("bytes from %v: %q, %v, want %q and an error", a, got, err, want)
	}
	var me *MemoryError
	if at := a + addr.Addr(len(want)); at == 0 && len(want) > 0 {
		if !errors.Is(err, ErrWrap) {
			t.Fatalf("bytes past the end of the space: %v", err)
		}
	} else if !errors.As(err, &me) || me.Addr != at {
		t.Fatalf("bytes from %v: %v, want an error at %v", a, err, at)
	}
	if got, err := s.Bytes(a, len(want)); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("bytes from %v: %q, %v, want %q", a, got, err, want)
	}
	for k := i; k < len(model); k++ {
		mapped = mapped && model[k].state != Hole
		if s.IsMappedRange(addr.Range{First: a, Last: l.base + addr.Addr(k)}) != mapped {
			t.Fatalf("mapped from %v to byte %d: want %v", a, k, mapped)
		}
	}
	var walked []byte
	s.While(a, func(_ addr.Addr, b byte) bool { walked = append(walked, b); return b != 'b' })
	if n := bytes.IndexByte(want, 'b'); n >= 0 {
		want = want[:n+1]
	}
	if !bytes.Equal(walked, want) {
		t.Fatalf("while from %v: %q, want %q", a, walked, want)
	}
}

func TestAddLeavesTheOldSpace(t *testing.T) {
	one, _ := BytesMapping("one", 0x100, []byte("aaaa"))
	two, _ := BytesMapping("two", 0x102, []byte("bbbb"))
	s, _ := NewSpace(one)
	u, _ := s.Add(two)
	v, _ := u.AddUnder(Mapping{Range: addr.Range{First: 0, Last: 0x200}, State: Zero, Name: "zero"})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for s, want := range map[*Space]string{s: "aaaa", u: "aabbbb", v: "aabbbb\x00\x00"} {
				if got, err := s.Bytes(0x100, len(want)); string(got) != want {
					t.Errorf("got %q, %v, want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
	if n := v.Len(); n != 3 {
		t.Errorf("%d mappings", n)
	}
	if got := layersOf(v, 0x102); !slices.Equal(got, []int{2, 1, 0}) {
		t.Errorf("layers %v", got)
	}
	if got := v.Named("one"); !slices.Equal(got, []addr.Range{one.Range}) {
		t.Errorf("named: %v", got)
	}
}

// Many additions take only one build of the index.
func TestAddOneByOne(t *testing.T) {
	s, _ := NewSpace()
	const n = 200_000
	for i := range n {
		s, _ = s.Add(Mapping{Range: addr.Range{First: addr.Addr(2 * i), Last: addr.Addr(2 * i)}, State: Zero})
	}
	if s.Len() != n || !s.IsMapped(2*n-2) || s.IsMapped(2*n-1) {
		t.Fatal("wrong space")
	}
}

func TestInvalidMappings(t *testing.T) {
	src := BytesSource("b", make([]byte, 8))
	for want, m := range map[string]Mapping{
		"ends before it begins":        {Range: addr.Range{First: 2, Last: 1}, Source: src},
		"without a source":             {Range: addr.Range{First: 1, Last: 2}},
		"past the last offset":         {Range: addr.Range{First: 1, Last: 2}, Source: src, Offset: 1<<64 - 1},
		"a mapping cannot have state ": {Range: addr.Range{First: 1, Last: 2}, State: Hole},
	} {
		if _, err := NewSpace(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestStrings(t *testing.T) {
	a, _ := BytesMapping("a", 0x100, []byte("hello wor"))
	b, _ := BytesMapping("b", 0x109, []byte("ld\x00_id9\x009id\x00no\xff\x00end"))
	s, _ := NewSpace(a, b)
	if got, err := s.CString(0x100, 100); string(got) != "hello world" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := s.CString(0x100, 5); string(got) != "hello" || err == nil {
		t.Errorf("got %q, %v", got, err)
	}
	var me *MemoryError
	if got, err := s.CString(0x119, 100); string(got) != "end" || !errors.As(err, &me) || me.Addr != 0x11c {
		t.Errorf("got %q, %v", got, err)
	}
	for at, want := range map[addr.Addr]bool{0x100: true, 0x10b: false, 0x10c: true, 0x114: false, 0x115: false, 0x119: false} {
		if s.IsString(at) != want {
			t.Errorf("string at %v: want %v", at, want)
		}
	}
	for at, want := range map[addr.Addr]string{0x106: "world", 0x10c: "_id9", 0x110: "", 0x111: "", 0x112: "id", 0x100: "", 0x10b: ""} {
		if got, ok := s.CIdentifier(at); got != want || ok != (want != "") {
			t.Errorf("identifier at %v: %q, want %q", at, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	m1, _ := BytesMapping("low", 0x1000, []byte{0x80, 1, 2, 3, 4})
	m2, _ := BytesMapping("high", 0x1005, []byte{5, 6, 0x87})
	s, _ := NewSpace(m1, m2)
	for _, c := range []struct {
		arch  addr.Arch
		i32   int32
		i64   int64
		word  uint64
		clong int64
	}{
		{addr.LE64, 0x03020180, -0x78f9fafbfcfdfe80, 0x8706050403020180, -0x78f9fafbfcfdfe80},
		{addr.LE32, 0x03020180, -0x78f9fafbfcfdfe80, 0x03020180, 0x03020180},
		{addr.BE64, -0x7ffefdfd, -0x7ffefdfcfbfaf979, 0x8001020304050687, -0x7ffefdfcfbfaf979},
		{addr.BE32, -0x7ffefdfd, -0x7ffefdfcfbfaf979, 0x80010203, -0x7ffefdfd},
	} {
		v := s.For(c.arch)
		i32, e1 := v.Int32(0x1000)
		ci, e2 := v.CInt(0x1000)
		i64, e3 := v.Int64(0x1000)
		word, e4 := v.Word(0x1000)
		cl, e5 := v.CLong(0x1000)
		if err := errors.Join(e1, e2, e3, e4, e5); err != nil {
			t.Fatal(err)
		}
		if i32 != c.i32 || ci != c.i32 || i64 != c.i64 || word != c.word || cl != c.clong {
			t.Errorf("%v: %#x %#x %#x %#x %#x", c.arch, i32, ci, i64, word, cl)
		}
		var me *MemoryError
		if _, err := v.Int64(0x1004); !errors.As(err, &me) || me.Addr != 0x1008 {
			t.Errorf("%v: a number into a hole: %v", c.arch, err)
		}
	}
}

func TestPointers(t *testing.T) {
	b := make([]byte, 0x40)
	put := func(at, v int) { addr.Big.PutUint(b[at:at+4], uint64(v)) }
	put(0x00, 0x1010)
	put(0x10, 0x1021) // to an address that is not aligned
	put(0x21, 0x9999) // to a hole
	m, _ := BytesMapping("m", 0x1000, b)
	s, _ := NewSpace(m)
	v := s.For(addr.BE32)
	for n, want := range []addr.Addr{0x1000, 0x1010, 0x1021, 0x9999} {
		if got, err := v.Follow(0x1000, n); got != want || err != nil {
			t.Errorf("%d pointers: %v, %v, want %v", n, got, err, want)
		}
	}
	var me *MemoryError
	if _, err := v.Follow(0x1000, 4); !errors.As(err, &me) || me.Addr != 0x9999 || !strings.Contains(err.Error(), "4 of 4") {
		t.Errorf("got %v", err)
	}
	w := s.For(addr.LE64)
	for _, c := range []struct {
		got  func() (addr.Addr, error)
		want addr.Addr
		wrap bool
	}{
		{func() (addr.Addr, error) { return v.Succ(0x1001) }, 0x1005, false},
		{func() (addr.Addr, error) { return v.Succ(0xfffffff8) }, 0xfffffffc, false},
		{func() (addr.Addr, error) { return v.Succ(0xfffffffc) }, 0, true},
		{func() (addr.Addr, error) { return v.Pred(4) }, 0, false},
		{func() (addr.Addr, error) { return v.Pred(3) }, 0, true},
		{func() (addr.Addr, error) { return v.Align(5) }, 8, false},
		{func() (addr.Addr, error) { return v.Align(0xfffffffd) }, 0, true},
		{func() (addr.Addr, error) { return w.Align(addr.Max - 7) }, addr.Max - 7, false},
		{func() (addr.Addr, error) { return w.Align(addr.Max - 6) }, 0, true},
		{func() (addr.Addr, error) { return w.Succ(addr.Max - 7) }, 0, true},
		{func() (addr.Addr, error) { return w.Pred(8) }, 0, false},
	} {
		if got, err := c.got(); got != c.want || errors.Is(err, ErrWrap) != c.wrap {
			t.Errorf("got %v, %v, want %v", got, err, c.want)
		}
	}
}

// A call that needs word size and byte order does not compile without them.
func TestNoArchNoCompile(t *testing.T) {
	out, err := exec.CommandContext(context.Background(), "go", "build", "-gcflags=-e", "-o", os.DevNull, "./testdata/noarch").CombinedOutput()
	if err == nil {
		t.Fatal("a space without an Arch compiled")
	}
	for _, method := range []string{"Word", "Pointer", "Follow", "Int32", "CLong", "FindPointer"} {
		if !strings.Contains(string(out), "s."+method+" undefined") {
			t.Errorf("%s: not among the errors:\n%s", method, out)
		}
	}
}
