package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Info is a process that a name may mean.
type Info struct {
	PID  int
	Name string // of the program, with its arguments, as they are
}

// commBytes is how much of its name the kernel keeps of a thread.
const commBytes = 15

// Find returns the processes of a name, ascending by their number: those
// whose comm it is, or whose program's or first argument's file name. This
// process is not among them. The error wraps that of ctx, where that has ended.
func Find(ctx context.Context, name string) ([]Info, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []Info
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("interrupted while looking for the process among %d entries of /proc: %w", len(entries), err)
		}
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if info := (Info{pid, commandLine(pid)}); isCalled(pid, name, info.Name) {
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b Info) int { return a.PID - b.PID })
	return found, nil
}

// isCalled reports whether a process goes by a name.
func isCalled(pid int, name, line string) bool {
	dir := pidName(pid)
	if comm := processName(dir); comm == name && len(name) <= commBytes {
		return true
	}
	if exe, err := os.Readlink(dir + "/exe"); err == nil && path.Base(strings.TrimSuffix(exe, " (deleted)")) == name {
		return true
	}
	first, _, _ := strings.Cut(line, " ")
	return path.Base(first) == name
}

// commandLine returns the arguments of a process with blanks between, or its name in
// brackets where it has none.
func commandLine(pid int) string {
	dir := pidName(pid)
	b, err := os.ReadFile(dir + "/cmdline")
	line := string(bytes.ReplaceAll(bytes.TrimRight(b, "\x00"), []byte{0}, []byte{' '}))
	if line == "" || err != nil && !errors.Is(err, os.ErrNotExist) {
		return "[" + processName(dir) + "]"
	}
	return line
}
