package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/engine/sweep/state"
)

// statusSource is a sweep of which status is asked.
type statusSource []state.Image

func (statusSource) About(context.Context) (*state.About, error) {
	return &state.About{Patterns: []string{"a", "b"}, Began: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, nil
}

func (s statusSource) Images(context.Context) iter.Seq2[*state.Image, error] {
	return func(yield func(*state.Image, error) bool) {
		for n := range s {
			if !yield(&s[n], nil) {
				return
			}
		}
	}
}

func (statusSource) Lines(context.Context, int) (io.ReadCloser, error) {
	return nil, errors.New("status reads no lines")
}

// statusOpened is a sweep that a process works on.
type statusOpened struct {
	statusSource
	closed *int
}

func (o statusOpened) Close() error { *o.closed++; return nil }

func (statusOpened) Activity(context.Context) (state.Activity, error) {
	return state.Activity{Process: "process 4711", Last: time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)}, nil
}

// sweepStatusOf runs vscan sweep status on a sweep that a process works on.
func sweepStatusOf(t *testing.T, from statusSource, args ...string) string {
	t.Helper()
	closed := 0
	openSweepsBy(t, func(dir string) (sweepResults, error) {
		if dir != "results\x1b" {
			return nil, errors.New("not the folder")
		}
		return statusOpened{from, &closed}, nil
	})
	var out, complaints bytes.Buffer
	app := &cli.App{Out: console.NewOutput(&out, &complaints), Err: &complaints}
	cmd := (&commands{app}).sweepStatusCommand()
	cmd.SetArgs(append(args, "results\x1b"))
	err := cmd.ExecuteContext(t.Context())
	app.Out.Close()
	if err != nil || closed != 1 || complaints.Len() > 0 {
		t.Fatalf("%v; closed %d times; %s", err, closed, complaints.String())
	}
	return out.String()
}

var statusImages = statusSource{
	{Arg: "a.core", State: state.Done, Size: 4096, Scanned: 4096, Zero: 96, Hits: 3, AtLeast: true, Patterns: []state.PatternHits{{Pattern: 1, Name: "b", Hits: 3, AtLeast: true}}, Elapsed: time.Second},
	{Arg: "b\x1b.core", State: state.Failed, Reason: "open b\x1b.core: permission denied", Size: 10},
	{Arg: "c.core", State: state.Running, Size: 1 << 20},
	{Arg: "d.core", State: state.Waiting, Size: 1 << 20},
	{Arg: "\xff.txt", State: state.Skipped, Reason: "no image of a known format", Size: 20},
}

func TestSweepStatusText(t *testing.T) {
	want := `Not everything was looked at: of 4 images 1 could not be opened, 1 is being searched and 1 is waiting; what was searched, 4.0 KiB, has at least 3 hits of 2 patterns; 1 file was skipped.
at work	process 4711 works on it
began	2026-01-02 03:04:05 UTC
last activity	2026-01-02 04:00:00 UTC
done	1 image
could not be opened	1 image
skipped	1 image
being searched	1 image
waiting	1 image
left	2 images, 2.0 MiB of files
memory	4.0 KiB scanned, 96 bytes of it zero, 0 bytes absent, 0 bytes unreadable, 0 bytes missing
hits	at least 3 hits, for a limit ended counts in 1 image
work	1s
1 image could not be opened: open …: permission denied
	b\x1b.core
1 image skipped: no image of a known format
	\xff.txt
`
	if got := sweepStatusOf(t, statusImages); got != want {
		t.Errorf("%s", got)
	}
}

func TestSweepStatusJSON(t *testing.T) {
	out := sweepStatusOf(t, statusImages, "-o", "jsonl")
	for line := range strings.Lines(out) {
		if err := checkJSON(line); err != nil {
			t.Error(err)
		}
	}
	for _, want := range []string{
		`{"type":"sweep_status","sweep":"results\u001b","working":true,"process":"process 4711","last_activity":"2026-01-02T04:00:00Z",`,
		`"images":{"total":5,"done":1,"partial":0,"failed":1,"aside":0,"skipped":1,"running":1,"waiting":1}`,
		`"images_left":2,"bytes_left":2097152}`,
		`{"type":"sweep_problem","state":"failed","reason":"open …: permission denied","images":1,"names":["b\u001b.core"],"names_left_out":0}`,
		`"names":["\\xff.txt"],"names_left_out":0,"escaped":["names"]}`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}
