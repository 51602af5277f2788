package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/console"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine/search"
)

// summaryFile is the file that --summary names. It has a line of jsonl for each image,
// the same as behind the hits of -o jsonl. A nil *summaryFile takes summaries and
// writes nothing.
type summaryFile struct {
	file *os.File
	out  *console.Output
	rep  *report.JSONLReporter
}

// openSummary makes the file that summaries go to, and returns nil where they go to
// none. It refuses to write over an image.
func (s *searching) openSummary(images []imageArg) (*summaryFile, error) {
	f := s.f
	if f.summary == "" || f.summary == "none" {
		return nil, nil
	}
	for _, image := range images {
		if cli.SameFile(f.summary, image.path) {
			return nil, fmt.Errorf("--summary %s is an image: write to another file", f.summary)
		}
	}
	file, err := createOutput(f.summary)
	if err != nil {
		return nil, fmt.Errorf("--summary: %w", err)
	}
	out := s.Out.Beside(file)
	return &summaryFile{file: file, out: out, rep: report.NewJSONLReporter(out, report.Style{})}, nil
}

// createOutput makes a file that a flag names to be written, or empties the one that is there. Of
// what is no regular file, it takes the null device and pipes and terminals that the
// shell has opened, as for >(COMMAND).
func createOutput(path string) (*os.File, error) {
	about, err := os.Stat(path)
	switch {
	case err != nil || about.Mode().IsRegular() || path == os.DevNull:
		return os.Create(path)
	case about.IsDir():
		return nil, fmt.Errorf("%s is a directory: name a file", path)
	case isDescriptor(path) && about.Mode()&os.ModeSocket == 0:
		return os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	}
	return nil, fmt.Errorf("%s is no regular file, and nobody may ever read it: name another", path)
}

// write writes the summary of an image.
func (s *summaryFile) write(sum *search.Summary) {
	if s != nil {
		s.rep.Summary(sum)
	}
}

// close writes what is left and closes the file.
func (s *summaryFile) close() error {
	if s == nil {
		return nil
	}
	if err := errors.Join(s.out.Close(), s.file.Close()); err != nil {
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
