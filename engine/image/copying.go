package image

import (
	"bytes"
	"slices"
	"sync/atomic"
	"time"

	"vscan/engine"
)

// Large parts of a mapped file can be had in two ways, and which is faster the
// file's name does not tell. Through the mapping nothing is copied, but each
// page has to be entered in the page table at its first touch; that is cheap
// where the page cache holds the file in large folios, and dear where it
// holds it page by page. A read copies to a buffer that stays in the
// processor's cache, whatever the pages. Measured on two files of 1 GiB in
// the page cache: 33 and 7 GB/s through the mapping, 21 and 12 by reading.
// So a file is asked once, when the first large part is wanted, by samples.
const (
	largeView   = 128 << 10 // bytes; smaller parts always come from the mapping
	sampleSize  = 1 << 20
	sampleRead  = 256 << 10 // at a time
	samples     = 3         // by each way
	worthAsking = 64 << 20  // the least size of a file that is sampled
)

// copies says whether large views are to be read rather than seen through the
// mapping.
func (f *fileSource) copies() bool {
	f.asked.Do(func() { f.copying = f.size >= worthAsking && f.readsFaster() })
	return f.copying
}

// readsFaster compares both ways on samples from all over the file, no part
// of it twice, since the first touch is what counts.
func (f *fileSource) readsFaster() bool {
	buf := make([]byte, sampleRead)
	clear(buf) // so that its pages are there
	step := f.size / (2 * samples) &^ (sampleSize - 1)
	var mapped, read []time.Duration
	fault := engine.Guard(func() {
		for i := range uint64(samples) {
			begin := time.Now()
			look(f.data[2*i*step:][:sampleSize])
			middle := time.Now()
			for at := 0; at < sampleSize; at += sampleRead {
				n, _ := f.file.ReadAt(buf, int64((2*i+1)*step)+int64(at))
				look(buf[:n])
			}
			mapped, read = append(mapped, middle.Sub(begin)), append(read, time.Since(middle))
		}
	})
	if fault != nil {
		return false // the file shrinks; what is lost is found later
	}
	slices.Sort(mapped)
	slices.Sort(read)
	return read[samples/2] < mapped[samples/2]*3/4 // in doubt, no copies
}

// look reads all of b.
func look(b []byte) { looked.Add(int64(bytes.Count(b, []byte{0xa7}))) }

var looked atomic.Int64 // so that looking cannot be left out
