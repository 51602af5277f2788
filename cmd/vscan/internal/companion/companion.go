// Package companion has programs beside vscan write formats whose libraries are large: linked
// into vscan, they would make every start slower. A companion reads the table that it writes
// from standard input.
package companion

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"vscan/cmd/internal/rowstream"
	"vscan/cmd/vscan/internal/console"
)

// Parquet is the name of the companion that writes parquet.
const Parquet = "vscan-parquet"

// WriteParquet writes a table with these columns as parquet; rows writes its rows. Where out is
// an open file, the companion itself writes to it.
func WriteParquet(ctx context.Context, out io.Writer, columns []rowstream.Column, rows func(*rowstream.Writer) error) error {
	program, err := find(Parquet)
	if err != nil {
		return err
	}
	return through(ctx, program, out, func(in io.Writer) error {
		w, err := rowstream.NewWriter(in, columns)
		if err != nil {
			return err
		}
		if err := rows(w); err != nil {
			return err
		}
		return w.Close()
	})
}

// ToFile calls write with the open file, for a companion to write to it itself. path names the
// file in an error of that.
func ToFile(path string, file *os.File, write func(io.Writer) error) error {
	err := write(file)
	if err != nil && strings.Contains(err.Error(), "/dev/stdout") {
		return fmt.Errorf("%s: cannot be written, see whether there is room for it: %w", path, err)
	}
	return err
}

// find returns the path of a companion. It is looked for beside this program,
// and then in PATH.
func find(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the program %s is needed for this, and is neither beside vscan nor in PATH: go install -C cmd/%s . installs it, where the source of vscan is", name, name)
	}
	return path, nil
}

// through starts the companion at path and calls write. What write writes goes
// to the companion, and what the companion makes of it goes to out. The companion has
// ended when through returns, and whatever kept it from doing all of its work
// is an error.
func through(ctx context.Context, path string, out io.Writer, write func(io.Writer) error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(running, path)
	cmd.SysProcAttr = ownGroup() // so that an interrupt comes to this program alone
	said := &beginning{}
	cmd.Stderr = said
	copied := &failing{w: out}
	if cmd.Stdout = copied; isFile(out) {
		cmd.Stdout = out // the companion itself writes to a file
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	wrote := write(in)
	if wrote != nil && !console.IsClosedPipe(wrote) {
		stop()
	}
	closed := in.Close()
	ended := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case wrote != nil && !console.IsClosedPipe(wrote):
		return wrote
	case copied.err != nil:
		return copied.err
	case ended != nil:
		return fmt.Errorf("%s: %s", filepath.Base(path), cmp.Or(said.line(), ended.Error()))
	case wrote != nil || closed != nil:
		return fmt.Errorf("%s ended before it had read all", filepath.Base(path))
	}
	return nil
}

// isFile reports whether w is an open file.
func isFile(w io.Writer) bool {
	_, ok := w.(*os.File)
	return ok
}

// failing is a writer that keeps the first error of another one.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if f.err == nil {
		f.err = err
	}
	return n, err
}

// beginning is a writer that keeps the first 4096 bytes of what is written.
type beginning struct{ bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, 1<<12-b.Len()))])
	return len(p), nil
}

// line returns the first line of what was written.
func (b *beginning) line() string {
	line, _, _ := strings.Cut(b.String(), "\n")
	return line
}
