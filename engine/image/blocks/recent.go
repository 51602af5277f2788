package blocks

import (
	"errors"
	"runtime"
	"sync"
)

// recent keeps some blocks unpacked of which views wanted a part: the next view wants the
// rest of one, and of a large block many views want a part each. One goroutine unpacks a block, and
// others that want the same wait for it. That a block cannot be read is kept as well, for
// a damaged one is asked for page by page.
type recent struct {
	most int // blocks that are kept

	mu   sync.Mutex
	kept []*unpacked // the one that was asked for last is the last
}

// unpacked is a block that is unpacked or is about to be.
type unpacked struct {
	off   uint64
	ready chan struct{} // is closed when bytes and err are set
	bytes []byte
	err   error
}

// errAbandoned is the error of a block whose unpacking did not come to an end.
var errAbandoned = errors.New("unpacking it was given up")

// leastKept is the least memory in bytes that blocks which are kept may take.
const leastKept = 1 << 20

func newRecent(largest int) recent {
	return recent{most: max(runtime.GOMAXPROCS(0)+1, leastKept/max(largest, 1<<12))}
}

// find returns the block that begins at an offset and makes it the one that was asked for last;
// nil where it is not kept. The caller holds mu.
func (r *recent) find(off uint64) *unpacked {
	last := len(r.kept) - 1
	for i := last; i >= 0; i-- {
		if u := r.kept[i]; u.off == off {
			copy(r.kept[i:], r.kept[i+1:])
			r.kept[last] = u
			return u
		}
	}
	return nil
}

// copy fills dst with the block that begins at an offset where that is kept, whole, and
// reports whether it is.
func (r *recent) copy(dst []byte, off uint64) bool {
	r.mu.Lock()
	u := r.find(off)
	r.mu.Unlock()
	if u == nil {
		return false
	}
	<-u.ready
	return u.err == nil && copy(dst, u.bytes) == len(dst)
}

// fill fills dst with the bytes of a block from skip on. unpack is called for the whole block
// where it is not kept.
func (r *recent) fill(dst []byte, b *Block, skip int, unpack func(whole []byte) error) error {
	r.mu.Lock()
	u := r.find(b.Off)
	if u != nil {
		r.mu.Unlock()
		<-u.ready
		if u.err == nil {
			copy(dst, u.bytes[skip:])
		}
		return u.err
	}
	u = &unpacked{off: b.Off, ready: make(chan struct{}), err: errAbandoned}
	if len(r.kept) == r.most {
		r.kept = append(r.kept[:0], r.kept[1:]...)
	}
	r.kept = append(r.kept, u)
	r.mu.Unlock()
	defer close(u.ready) // whatever happens, nobody waits for ever
	whole := make([]byte, b.Size)
	if u.err = unpack(whole); u.err == nil {
		u.bytes = whole
		copy(dst, whole[skip:])
	}
	return u.err
}
