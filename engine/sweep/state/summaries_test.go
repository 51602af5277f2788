package state

import (
	"bytes"
	"fmt"
	"testing"

	"vscan/internal/testenv"
)

// Long summaries that are much alike take little room, and are read as they were, also those
// of before a sweep was gone on with.
func TestSummaries(t *testing.T) {
	db, dir := newSweep(t)
	defer func() { db.Close(false) }()
	r := testenv.Rand(t)
	like := []byte(`{"type":"summary","counts":{`)
	for i := range 2000 {
		like = fmt.Appendf(like, `"%x":0,`, r.Uint64()+uint64(i))
	}
	var want [][]byte
	kept := 0
	for n := range 40 {
		if n == 20 {
			must(t, db.Close(false))
			var err error
			db, err = Open(t.Context(), dir)
			must(t, err)
		}
		_, err := db.Add([]Input{{Arg: fmt.Sprint(n)}})
		must(t, err)
		_, err = db.Claim()
		must(t, err)
		summary := bytes.Clone(like)
		for range r.IntN(4) {
			summary[r.IntN(len(summary))] ^= 1
		}
		if n%7 == 3 {
			summary = []byte(`{"type":"summary"}`)
		}
		want = append(want, summary)
		must(t, db.Settle(&Image{N: n, Arg: fmt.Sprint(n), State: Done, Summary: summary}, Beside{}))
	}
	must(t, db.writer.wait(func(*tx) error { return nil }))
	must(t, db.reads.QueryRow("SELECT sum(length(summary)) FROM image").Scan(&kept))
	if most := len(like); kept > most {
		t.Errorf("summaries are kept in %d bytes, want at most %d", kept, most)
	}
	from, err := Read(t.Context(), dir)
	must(t, err)
	defer from.Close()
	for i, err := range from.Images(t.Context()) {
		must(t, err)
		if !bytes.Equal(i.Summary, want[i.N]) {
			t.Errorf("image %d: another summary, of %d bytes, want %d", i.N, len(i.Summary), len(want[i.N]))
		}
	}
}
