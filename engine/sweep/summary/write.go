package summary

import (
	"context"
	"io"
	"path/filepath"

	"vscan/internal/outfile"
)

// The files that Write makes.
const (
	JSONName = "summary.json"
	PageName = "summary.html"
)

// Write writes summary.json and summary.html into a folder that is there. Each of them appears
// when it is whole, and replaces that of before.
func (s *Summary) Write(ctx context.Context, dir string, o outfile.Options) error {
	if err := write(ctx, filepath.Join(dir, JSONName), o, s.WriteJSON); err != nil {
		return err
	}
	return write(ctx, filepath.Join(dir, PageName), o, s.WritePage)
}

func write(ctx context.Context, path string, o outfile.Options, to func(io.Writer) error) error {
	f, err := outfile.Create(ctx, path, o)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := to(f); err != nil {
		return err
	}
	return f.Commit(ctx)
}
