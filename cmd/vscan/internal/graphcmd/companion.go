package graphcmd

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

	"vscan/cmd/vscan/internal/console"
)

// Companions are programs that write a format whose library is large: linked into
// vscan, it would make every start slower. They read what they write of from standard
// input.

// findCompanion returns the path of a companion: beside this program, or in PATH.
func findCompanion(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("the program %s is needed for this, and is neither beside vscan nor in PATH: go install ./cmd/... installs both", name)
	}
	return path, nil
}

// throughCompanion runs write. What that writes goes to the companion at path, and
// what the companion makes of it to out. The companion has ended when this returns,
// and whatever kept it from doing all of its work is an error.
func throughCompanion(ctx context.Context, path string, out io.Writer, write func(io.Writer) error) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	cmd := exec.CommandContext(running, path)
	cmd.SysProcAttr = ownGroup() // an interrupt is for this program to deal with
	said := &beginning{}
	cmd.Stderr = said
	copied := &failing{w: out}
	if cmd.Stdout = copied; isFile(out) {
		cmd.Stdout = out // which is then written by the companion itself
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

func isFile(w io.Writer) bool {
	_, ok := w.(*os.File)
	return ok
}

// failing keeps the first error of a writer.
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

// beginning keeps the first bytes of what is written.
type beginning struct{ bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), max(0, 1<<12-b.Len()))])
	return len(p), nil
}

// line returns the first line.
func (b *beginning) line() string {
	line, _, _ := strings.Cut(b.String(), "\n")
	return line
}
