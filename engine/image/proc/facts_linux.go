package proc

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxCommand is the most bytes of a command line that are told.
const maxCommand = 4 << 10

// tellFacts tells what /proc/PID says of the process. What it does not let this program read
// is left out.
func (p *process) tellFacts(name string) {
	p.Tell("pid", strings.TrimPrefix(p.Path, "pid:"))
	p.Tell("name", name)
	p.Tell("command", readCommand(p.dir+"/cmdline"))
	if path, err := os.Readlink(p.dir + "/exe"); err == nil {
		p.Tell("executable", path)
	}
	if threads, err := os.ReadDir(p.dir + "/task"); err == nil {
		p.Tell("threads", strconv.Itoa(len(threads)))
	}
}

// readCommand returns a command line, with blanks between the arguments, cut after
// maxCommand bytes; "" where it cannot be read, and of kernel threads.
func readCommand(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCommand))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(bytes.TrimRight(text, "\x00"), []byte{0}, []byte{' '}))
}
