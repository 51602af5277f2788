package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/image/layered"
	"vscan/engine/search"
	"vscan/internal/outfile"
)

// summaryFile is the file that --summary names. It has a line of jsonl for each image,
// the same as behind the hits of -o jsonl. A nil *summaryFile takes summaries and
// writes nothing.
type summaryFile struct {
	file    *outfile.File
	out     *console.Output
	rep     *report.JSONLReporter
	refused bool // it would be written over a file that is read
}

// openSummary makes the file that summaries go to, and returns nil where they go to
// none. It refuses to write over an image.
func (s *searching) openSummary(ctx context.Context, images []imageArg) (*summaryFile, error) {
	f := s.f
	if f.summary == "" || f.summary == "none" {
		return nil, nil
	}
	for _, image := range images {
		if cli.SameFile(f.summary, image.path) {
			return nil, fmt.Errorf("--summary %s is an image: write to another file", f.summary)
		}
	}
	file, err := outfile.Create(ctx, f.summary, outfile.Options{Stream: true})
	if err != nil {
		return nil, fmt.Errorf("--summary: %w", err)
	}
	out := s.Out.Beside(file)
	return &summaryFile{file: file, out: out, rep: report.NewJSONLReporter(out, report.Style{})}, nil
}

// from tells that summaries of an image follow, and which other files are read for them. It returns an error if the file would be
// written over it, which may have become known only when it was opened. After an error no
// more can be written.
func (s *summaryFile) from(img *layered.Image, others ...fs.FileInfo) error {
	if s == nil {
		return nil
	}
	files := img.Files()
	if err := s.file.From(img.Live || len(files) == 0, append(files, others...)...); err != nil {
		s.refused = true
		return fmt.Errorf("--summary: %w", err)
	}
	return nil
}

// write writes the summary of an image.
func (s *summaryFile) write(sum *search.Summary) {
	if s != nil {
		s.rep.Summary(sum)
	}
}

// close writes what is left, and gives the file its name. It does so after an interrupt,
// too: what was found until then is out.
func (s *summaryFile) close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	defer s.file.Close()
	err := s.out.Close()
	if s.refused { // which was told
		return nil
	}
	if err == nil {
		err = s.file.Commit(context.WithoutCancel(ctx))
	}
	if err != nil {
		return fmt.Errorf("--summary: %w", err)
	}
	return nil
}

// contradiction returns an error where flags ask for what cannot be had together.
func (f *searchFlags) contradiction() error {
	only := map[string]string{"with": "-l", "without": "-L"}[f.list]
	if f.matchOnly {
		only = "--only-matching"
	}
	switch {
	case f.list != "" && f.matchOnly:
		return errors.New("-l and -L list images, --only-matching prints hits: give one of them")
	case only != "" && f.format != "text":
		return fmt.Errorf("%s goes with -o text: -o %s has the image and the bytes of every hit", only, f.format)
	case f.list != "" && f.count:
		return fmt.Errorf("%s stops at the first hit of an image, -c counts all: give one of them", only)
	case f.matchOnly && f.context > 0:
		return errors.New("--only-matching prints the bytes of hits alone, -C what lies around them: give one of them")
	case f.withNames && f.noNames:
		return errors.New("-H names the image, --no-filename does not: give one of them")
	case f.summary == "-":
		return errors.New("--summary -: want the name of a file; -o jsonl writes summaries to standard output, behind the hits")
	case f.summary == "none" && f.count && f.format == "jsonl":
		return errors.New("-c -o jsonl writes nothing but the summaries: --summary none leaves nothing")
	case f.summary != "" && f.summary != "none" && f.silent():
		return errors.New("--summary tells of images that were searched to their end: it does not go with -q, -l and -L")
	}
	return nil
}
