package graph

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"iter"
	"sync"

	"golang.org/x/sync/errgroup"

	"vscan/engine"
	"vscan/engine/addr"
	"vscan/internal/interrupt"
)

// digestPart is how many bytes are digested at a time.
const digestPart = 1 << 20

// contentDigest returns a digest of all that a space shows: of what is mapped, and of all
// bytes. It is the same for any number of workers, and in whichever way sources are read. In
// pseudo-code:
//
//	cut what shows, in order of address, into parts of digestPart present bytes
//	of each part: SHA-256 of its intervals, each with its range, state, permissions, names and
//	    bytes, and of where bytes cannot be read
//	SHA-256 of these digests, in order
//
// The error is that of ctx.
func contentDigest(ctx context.Context, space *engine.Space, workers int) (digest [sha256.Size]byte, err error) {
	if err := space.Index(ctx); err != nil {
		return digest, err
	}
	next, stop := iter.Pull2(digestParts(space))
	defer stop()
	var mu sync.Mutex // held while a part is taken
	var digests []byte
	group, ctx := errgroup.WithContext(ctx)
	for range workers {
		group.Go(func() error {
			d := partDigester{space: space, h: sha256.New(), buf: make([]byte, 64<<10), watch: interrupt.New(ctx)}
			for {
				mu.Lock()
				i, part, more := next()
				if more {
					digests = append(digests, make([]byte, sha256.Size)...)
				}
				mu.Unlock()
				if !more {
					return nil
				}
				sum, err := d.digest(part)
				if err != nil {
					return err
				}
				mu.Lock()
				copy(digests[i*sha256.Size:], sum)
				mu.Unlock()
			}
		})
	}
	if err := group.Wait(); err != nil {
		return digest, err
	}
	return sha256.Sum256(digests), nil
}

// maxPartIntervals is the most intervals of a part: those that show no bytes do not fill it.
const maxPartIntervals = 1 << 12

// digestParts yields the parts that a space is digested in, with their numbers.
func digestParts(space *engine.Space) iter.Seq2[int, []engine.Interval] {
	return func(yield func(int, []engine.Interval) bool) {
		n, left := 0, uint64(digestPart)
		var part []engine.Interval
		for v := range space.Intervals(addr.All) {
			if v.Mapping == nil {
				continue
			}
			for {
				cut := v
				if v.State() == engine.Present && v.Last-v.First >= addr.Addr(left) {
					cut.Last = v.First + addr.Addr(left-1)
				}
				part = append(part, cut)
				if v.State() == engine.Present {
					left -= cut.Size()
				}
				if left == 0 || len(part) == maxPartIntervals {
					if !yield(n, part) {
						return
					}
					n, left, part = n+1, digestPart, nil
				}
				if cut.Last == v.Last {
					break
				}
				v.First = cut.Last + 1
			}
		}
		if len(part) > 0 {
			yield(n, part)
		}
	}
}

// partDigester digests parts on one goroutine.
type partDigester struct {
	space *engine.Space
	h     hash.Hash
	buf   []byte
	watch *interrupt.Watch
}

// digest returns the digest of a part, until the next one is asked for.
func (d *partDigester) digest(part []engine.Interval) ([]byte, error) {
	d.h.Reset()
	var b []byte
	for _, v := range part {
		if err := d.watch.Step(1); err != nil {
			return nil, err
		}
		m := v.Mapping
		file := uint64(0)
		if m.File {
			file = 1
		}
		b = b[:0]
		for _, n := range []uint64{uint64(v.First), uint64(v.Last), uint64(m.State), uint64(m.Perm), file, m.PlaceOf(v.First), uint64(len(m.Name))} {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		d.h.Write(append(b, m.Name...))
		if m.State == engine.Present {
			if err := d.bytes(v.Range); err != nil {
				return nil, err
			}
		}
	}
	return d.h.Sum(b[:0]), nil
}

// bytes digests the bytes of a range, all of which are present, and then which of its pages
// cannot be read, or not to their ends, each with the first byte that cannot.
func (d *partDigester) bytes(r addr.Range) error {
	var unreadable []byte
	for at, left := r.First, r.Size(); left > 0; {
		if err := d.watch.Step(1 << 10); err != nil {
			return err
		}
		want := min(uint64(len(d.buf)), left)
		n, err := d.space.Read(d.buf[:want], at)
		d.h.Write(d.buf[:n])
		if err != nil {
			bad := at + addr.Addr(n)
			unreadable = binary.LittleEndian.AppendUint64(unreadable, uint64(bad))
			want = min(left, uint64(bad|(pageSize-1)-at)+1)
		}
		at, left = at+addr.Addr(want), left-want
	}
	d.h.Write(binary.LittleEndian.AppendUint64(unreadable, uint64(len(unreadable))))
	return nil
}
