package input

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Patient reads a file in which some bytes cannot be read, as of a disk with bad sectors: what
// lies around them is read, and where they are is told. It is for formats whose headers lie all over
// the file, where one that cannot be read need not cost those behind it. It is for one goroutine.
//
// What fails is a page of the system, patientPage bytes. Where pages fail one after another, longer and longer
// steps are taken, up to an eighth of what has failed and patientStep, and where a page can be
// read behind a long step, the first such page is looked for in that step:
//
//	file    ....xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx......    x: cannot be read
//	probes      |||||||||| |  |  |   |   |   <-|>-|
//
// So a stretch is found exactly, at the price of some dozens of reads and one more for each patientStep of it; what
// can be read in the middle of a long one may be passed over with it.
type Patient struct {
	Reader
	ctx  context.Context // ends long reads
	last Unreadable      // the stretch that was found last
}

// Unreadable is bytes of a file, from offset Off up to, and not including, End, that cannot be read.
type Unreadable struct {
	Off, End uint64
	Err      error // of the first byte; not nil
}

func (u *Unreadable) Error() string {
	return fmt.Sprintf("the file cannot be read from offset %#x to %#x: %v", u.Off, u.End, u.Err)
}

func (u *Unreadable) Unwrap() error { return u.Err }

const (
	patientPage = 4 << 10
	patientStep = 1 << 20
)

// NewPatient returns a patient reader of a file, whose reads end with the context.
func NewPatient(ctx context.Context, in Reader) *Patient { return &Patient{Reader: in, ctx: ctx} }

// Fill fills b from file offset off as far as the file goes, and returns how many bytes that is.
// Those that cannot be read are zeros and are returned as bad, ascending. A stretch of them may begin before off and
// end behind b. The error is that of the context.
func (p *Patient) Fill(b []byte, off uint64) (n int, bad []Unreadable, err error) {
	if off >= p.Size {
		return 0, nil, nil
	}
	b = b[:min(uint64(len(b)), p.Size-off)]
	careful := uint64(0) // page by page up to this offset
	for n < len(b) {
		at := off + uint64(n)
		if at >= p.last.Off && at < p.last.End {
			bad = append(bad, p.last)
			skip := min(uint64(len(b)-n), p.last.End-at)
			clear(b[n:][:skip])
			n += int(skip)
			continue
		}
		to := len(b)
		if at < careful {
			to = min(len(b), n+int(patientPage-at%patientPage))
		}
		m, failed, end := p.read(b[n:to], at)
		n += m
		switch {
		case end:
			return n, bad, nil // the file has just been cut
		case failed == nil:
		case to-n+m > patientPage-int(at%patientPage): // a read of several pages may fail for one of them
			careful = off + uint64(to)
		default:
			if err := p.find(off+uint64(n), failed); err != nil {
				return n, bad, err
			}
		}
	}
	return n, bad, nil
}

// read reads b, and returns how many bytes it has read, why the one behind them was not, and whether the
// file ends there.
func (p *Patient) read(b []byte, at uint64) (n int, failed error, end bool) {
	n, err := p.ReadAt(b, int64(at))
	switch {
	case n == len(b):
		return n, nil, false
	case err == nil:
		err = io.ErrNoProgress
	}
	return n, err, errors.Is(err, io.EOF)
}

// find sets last to the stretch that begins at an offset, where a read has just failed. The error is that of
// the context.
func (p *Patient) find(off uint64, why error) error {
	p.last = Unreadable{Off: off, End: off, Err: why}
	failed := off - off%patientPage // pages before it are known to fail, but for what lies before off
	good := p.Size                  // nothing before it is known not to
	for step := uint64(patientPage); ; {
		failed = AddSat(failed, patientPage)
		at := failed + step - patientPage
		if at = min(at, (p.Size-1)/patientPage*patientPage); at < failed {
			break // it was the last page
		}
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if p.readable(at) {
			good = at
			break
		}
		failed = at
		step = min(max(patientPage, (at-off)/8/patientPage*patientPage), patientStep)
	}
	for failed < good { // failed is a page that was not tried, behind one that fails
		if err := p.ctx.Err(); err != nil {
			return err
		}
		middle := failed + (good-failed)/2/patientPage*patientPage
		if p.readable(middle) {
			good = middle
		} else {
			failed = middle + patientPage
		}
	}
	p.last.End = min(good, p.Size)
	return nil
}

// readable reports whether the first byte of the page at an offset can be read.
func (p *Patient) readable(at uint64) bool {
	var b [1]byte
	n, err := p.ReadAt(b[:], int64(at))
	return n == 1 || errors.Is(err, io.EOF)
}
