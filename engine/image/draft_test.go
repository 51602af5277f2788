package image

import (
	"testing"
)

// Hints are on the notes that have their index, and only while those are kept.
func TestDraftHints(t *testing.T) {
	draft := new(Draft)
	draft.Note("odd")
	draft.NoteHint(Hint{}, "odd too")
	draft.NoteHint(Hint{Space: Physical}, "not shown")
	for range MaxNotes {
		draft.NoteHint(Hint{WordSize: 4}, "narrow")
	}
	img := draft.Finish()
	for i, h := range img.Hints {
		if want := (Hint{Note: i + 2, WordSize: 4}); i > 0 && h != want {
			t.Errorf("hint %d: %+v, want %+v", i, h, want)
		}
	}
	if len(img.Hints) != MaxNotes-2 || img.Hints[0] != (Hint{Note: 2, Space: Physical}) {
		t.Errorf("%d hints, first %+v", len(img.Hints), img.Hints[0])
	}
}

// Lines that come first push the last ones out, with their hints.
func TestNoteFirst(t *testing.T) {
	var d Draft
	for i := range MaxNotes {
		d.NoteHint(Hint{Space: Physical}, "note %d", i)
	}
	d.NoteFirst([]string{"first", "second"})
	img := d.Finish()
	if n := len(img.Notes); n != MaxNotes+1 || img.Notes[0] != "first" || img.Notes[2] != "note 0" || img.Notes[n-1] != "and 2 more such notes" {
		t.Errorf("%d notes: %q", n, img.Notes)
	}
	if n := len(img.Hints); n != MaxNotes-2 || img.Hints[0].Note != 2 || img.Hints[n-1].Note != MaxNotes-1 {
		t.Errorf("hints %v", img.Hints)
	}
}
