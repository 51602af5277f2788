// Package budget bounds the memory that large sets of patterns, rules and graphs take. Who
// is about to allocate what may be large asks a Budget first, and gets an error that says
// what it was for, how much it takes and how much there is, where the system would end the
// program. It counts what it is told and measures nothing: what is small is not asked for.
//
//	b := budget.New(1 << 30)
//	if err := b.Take(uint64(n)*16, "the numbers of edges"); err != nil {
//		return err
//	}
//
// A nil *Budget has no limit, so that libraries need none.
package budget

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// Budget is an amount of memory that may be taken and given back. It is safe for concurrent
// use. A nil *Budget has no limit.
type Budget struct {
	parent *Budget       // what a share takes from; nil: limit and taken are its own
	limit  uint64        // counts only if ask is nil, or was called
	taken  atomic.Uint64 // of a share: how much of the parent's it has

	least uint64        // the limit is no less
	once  sync.Once     // calls ask
	ask   func() uint64 // nil: the limit is known

	beyond atomic.Pointer[beyond] // see Beyond

	mu    sync.Mutex
	spare []*func() bool // see Spare
}

// beyond is what is called once more than limit is taken.
type beyond struct {
	limit uint64
	call  func()
}

// New returns a budget of so many bytes.
func New(limit uint64) *Budget { return &Budget{limit: limit} }

// NewAsked returns a budget whose limit is what ask returns, and at least least. ask is called
// once, when it matters: to find out what a system allows takes time, and little is taken
// mostly.
func NewAsked(least uint64, ask func() uint64) *Budget { return &Budget{least: least, ask: ask} }

// own returns the limit of a budget that is no share.
func (b *Budget) own() uint64 {
	if b.ask != nil {
		b.once.Do(func() { b.limit = max(b.ask(), b.least) })
	}
	return b.limit
}

// Share returns a budget that takes from b, and can give back all at once. That of a nil
// *Budget is nil.
func (b *Budget) Share() *Budget {
	if b == nil {
		return nil
	}
	return &Budget{parent: b}
}

// Limit returns how many bytes the budget has in all; 2^64 − 1 stands for no limit.
func (b *Budget) Limit() uint64 {
	switch {
	case b == nil:
		return math.MaxUint64
	case b.parent != nil:
		return b.parent.Limit()
	}
	return b.own()
}

// Left returns how many bytes may still be taken; 2^64 − 1 stands for no limit. Others may
// take some of it before the caller does.
func (b *Budget) Left() uint64 {
	switch {
	case b == nil:
		return math.MaxUint64
	case b.parent != nil:
		return b.parent.Left()
	}
	return b.own() - min(b.taken.Load(), b.own())
}

// Taken returns how many bytes were taken and not given back, of a share those of its own.
func (b *Budget) Taken() uint64 {
	if b == nil {
		return 0
	}
	return b.taken.Load()
}

// Take takes n bytes, or nothing: then the error is an *Error. what says what the bytes are
// for, in words that stand behind "for".
func (b *Budget) Take(n uint64, what string) error {
	if b == nil {
		return nil
	}
	if b.parent != nil {
		err := b.parent.Take(n, what)
		if err == nil {
			b.taken.Add(n)
		}
		return err
	}
	for {
		taken := b.taken.Load()
		if taken > b.least || n > b.least-taken {
			limit := b.own()
			if left := limit - min(taken, limit); n > left {
				if n <= limit && b.giveSpare() {
					continue
				}
				return &Error{What: what, Need: n, Left: left, Limit: limit}
			}
		}
		if b.taken.CompareAndSwap(taken, taken+n) {
			if y := b.beyond.Load(); y != nil && taken+n > y.limit && b.beyond.CompareAndSwap(y, nil) {
				y.call()
			}
			return nil
		}
	}
}

// Beyond has call called once, by the Take after which more than limit bytes are taken of b, or of
// what b is a share of. It replaces what was to be called before. forget ends that.
func (b *Budget) Beyond(limit uint64, call func()) (forget func()) {
	if b == nil {
		return func() {}
	}
	if b.parent != nil {
		return b.parent.Beyond(limit, call)
	}
	y := &beyond{limit, call}
	b.beyond.Store(y)
	return func() { b.beyond.CompareAndSwap(y, nil) }
}

// Spare tells of memory that was taken of b, or of what b is a share of, and can be given back
// at any time: where Take has too little left, give is called, which gives back what it can and
// reports whether that was anything. It must not take from the budget, and may be called several
// times at a time. forget, which may be called again, ends that; calls that have begun may still
// go on.
func (b *Budget) Spare(give func() bool) (forget func()) {
	if b == nil {
		return func() {}
	}
	if b.parent != nil {
		return b.parent.Spare(give)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spare = append(b.spare, &give)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.spare = slices.DeleteFunc(slices.Clone(b.spare), func(s *func() bool) bool { return s == &give })
	}
}

// giveSpare gives back what is spare, and reports whether that was anything.
func (b *Budget) giveSpare() (some bool) {
	b.mu.Lock()
	spare := b.spare[:len(b.spare):len(b.spare)]
	b.mu.Unlock()
	for _, give := range spare {
		some = (*give)() || some
	}
	return some
}

// Give gives back n bytes that were taken.
func (b *Budget) Give(n uint64) {
	if b == nil {
		return
	}
	b.taken.Add(-n)
	if b.parent != nil {
		b.parent.Give(n)
	}
}

// Release gives back all that a share has taken.
func (b *Budget) Release() {
	if b != nil {
		b.Give(b.taken.Load())
	}
}

// Product returns a × b × …, or 2^64 − 1 where that is more: a need that no budget has.
func Product(factors ...uint64) uint64 {
	p := uint64(1)
	for _, f := range factors {
		hi, lo := bits.Mul64(p, f)
		if hi != 0 {
			return math.MaxUint64
		}
		p = lo
	}
	return p
}

// Error says that something takes more memory than a budget has left.
type Error struct {
	What  string // what the memory is for
	Need  uint64 // how many bytes it takes, about
	Left  uint64 // how many bytes are left
	Limit uint64 // how many bytes the budget has in all
}

// Error returns one line. How to set the budget is for the caller to say.
func (e *Error) Error() string {
	return fmt.Sprintf("not enough memory for %s: it takes about %s, and of %s that may be taken %s are left: use less of it, or allow more memory", e.What, size(e.Need), size(e.Limit), size(e.Left))
}

// size returns a number of bytes in a unit that a person reads.
func size(n uint64) string {
	if n == math.MaxUint64 {
		return "more than 2^64 bytes"
	}
	unit, v := "bytes", float64(n)
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		if v < 1024 {
			break
		}
		unit, v = next, v/1024
	}
	if unit == "bytes" {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
