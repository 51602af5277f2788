package budget

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
)

func TestTake(t *testing.T) {
	b := New(100)
	if err := b.Take(60, "a"); err != nil {
		t.Fatal(err)
	}
	err := b.Take(41, "the words of a set")
	var e *Error
	if !errors.As(err, &e) || *e != (Error{"the words of a set", 41, 40, 100}) {
		t.Fatalf("41 of 40: %v", err)
	}
	want := "not enough memory for the words of a set: it takes about 41 bytes, and of 100 bytes that may be taken 40 bytes are left: use less of it, or allow more memory"
	if err.Error() != want {
		t.Errorf("%q: want %q", err, want)
	}
	if err := b.Take(math.MaxUint64, "b"); err == nil || b.Left() != 40 {
		t.Errorf("2^64 − 1 bytes: %v, %d left", err, b.Left())
	}
	if b.Give(60); b.Left() != 100 || b.Taken() != 0 {
		t.Errorf("%d left", b.Left())
	}
}

// The limit is asked for once, and only where it matters.
func TestAsked(t *testing.T) {
	asked := 0
	b := NewAsked(100, func() uint64 { asked++; return 150 })
	if err := b.Take(100, "x"); err != nil || asked != 0 {
		t.Fatalf("100 of at least 100: %v, asked %d times", err, asked)
	}
	if err := b.Share().Take(50, "x"); err != nil || asked != 1 {
		t.Fatalf("150 of 150: %v, asked %d times", err, asked)
	}
	if err := b.Take(1, "x"); err == nil || b.Left() != 0 || b.Limit() != 150 || asked != 1 {
		t.Errorf("151 of 150: %v, %d left of %d, asked %d times", err, b.Left(), b.Limit(), asked)
	}
	if b := NewAsked(100, func() uint64 { return 3 }); b.Limit() != 100 {
		t.Errorf("the least is 100, and the limit %d", b.Limit())
	}
}

func TestShare(t *testing.T) {
	b := New(100)
	one, two := b.Share(), b.Share().Share()
	for i, s := range []*Budget{one, two} {
		if err := s.Take(30, "x"); err != nil || s.Taken() != 30 || s.Left() != 100-30*uint64(i+1) || s.Limit() != 100 {
			t.Fatalf("share %d: %v, %d taken, %d left", i, err, s.Taken(), s.Left())
		}
	}
	if err := two.Take(41, "x"); err == nil || two.Taken() != 30 {
		t.Errorf("41 of 40: %v", err)
	}
	one.Release()
	one.Release()
	two.Give(10)
	if b.Left() != 80 || one.Taken() != 0 {
		t.Errorf("%d left", b.Left())
	}
}

func TestNil(t *testing.T) {
	var b *Budget
	if err := b.Take(math.MaxUint64, "x"); err != nil || b.Share() != nil || b.Left() != math.MaxUint64 || b.Limit() != math.MaxUint64 || b.Taken() != 0 {
		t.Errorf("nil: %v", err)
	}
	b.Give(1)
	b.Release()
}

func TestProduct(t *testing.T) {
	for _, c := range []struct {
		factors []uint64
		want    uint64
	}{
		{nil, 1}, {[]uint64{3, 5}, 15}, {[]uint64{1 << 32, 1 << 31}, 1 << 63}, {[]uint64{1 << 32, 1 << 32}, math.MaxUint64},
		{[]uint64{math.MaxUint64, 2, 0}, math.MaxUint64},
	} {
		if got := Product(c.factors...); got != c.want {
			t.Errorf("%v: %d, want %d", c.factors, got, c.want)
		}
	}
}

// Whatever many goroutines take at a time, it is never more than there is.
func TestConcurrent(t *testing.T) {
	b := New(1000)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s := b.Share()
			for range 10000 {
				if s.Take(300, "x") == nil {
					if b.Taken() > 1000 {
						t.Error("more was taken than there is")
					}
					s.Give(300)
				}
			}
		})
	}
	group.Wait()
	if b.Taken() != 0 {
		t.Errorf("%d bytes stay taken", b.Taken())
	}
}

// What is spare is given back where too little is left, and only there.
func TestSpare(t *testing.T) {
	b := New(100)
	kept := b.Share()
	asked := 0
	forget := b.Share().Spare(func() bool {
		asked++
		some := kept.Taken() > 0
		kept.Release()
		return some
	})
	for range 2 {
		if err := kept.Take(60, "x"); err != nil {
			t.Fatal(err)
		}
		if err := b.Take(40, "x"); err != nil || asked > 0 {
			t.Fatalf("40 of 40: %v, asked %d times", err, asked)
		}
		if err := b.Take(101, "x"); err == nil || asked > 0 {
			t.Errorf("101 of 100: %v, asked %d times", err, asked)
		}
		if err := b.Share().Take(60, "x"); err != nil || asked != 1 || b.Taken() != 100 {
			t.Fatalf("60, where 60 are spare: %v, asked %d times, %d taken", err, asked, b.Taken())
		}
		if err := b.Take(1, "x"); err == nil || asked != 2 {
			t.Errorf("1 of 0, where nothing is spare: %v, asked %d times", err, asked)
		}
		b.Give(100)
		asked = 0
	}
	forget()
	forget()
	if err := kept.Take(100, "x"); err != nil {
		t.Fatal(err)
	}
	if err := b.Take(1, "x"); err == nil || asked > 0 {
		t.Errorf("1 of 0: %v, asked %d times", err, asked)
	}
}

// What is to be called is called once, when more was taken than was said, also by a share, and not
// after it was forgotten or replaced.
func TestBeyond(t *testing.T) {
	b := New(1 << 20)
	calls := make(map[string]int)
	note := func(name string) func() { return func() { calls[name]++ } }
	take := func(b *Budget, n uint64, want string) {
		t.Helper()
		if err := b.Take(n, "tests"); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(calls); got != want {
			t.Errorf("%d bytes taken: %s, want %s", b.Taken(), got, want)
		}
	}
	forget := b.Beyond(100, note("a"))
	take(b, 100, "map[]")
	take(b.Share(), 1, "map[a:1]")
	take(b, 1000, "map[a:1]")
	forget()
	forget = b.Share().Beyond(2000, note("b"))
	forgetOld := b.Beyond(2000, note("c"))
	forget() // it was replaced: nothing is forgotten
	take(b, 1000, "map[a:1 c:1]")
	forgetOld()
	b.Beyond(3000, note("d"))()
	take(b, 1000, "map[a:1 c:1]")
	var none *Budget
	none.Beyond(0, note("e"))()
	if err := none.Take(1, "tests"); err != nil || calls["e"] > 0 {
		t.Error(err, calls)
	}
	var n atomic.Int32
	all := New(1 << 20)
	all.Beyond(1000, func() { n.Add(1) })
	var takers sync.WaitGroup
	for range 8 {
		takers.Go(func() {
			for range 1000 {
				all.Take(1, "tests")
			}
		})
	}
	takers.Wait()
	if n.Load() != 1 {
		t.Errorf("called %d times", n.Load())
	}
}
