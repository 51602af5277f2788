package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"vscan/engine/budget"
	"vscan/engine/image/layered"
)

// This file finds what is swept: the images that arguments stand for.

// inputFlags are the flags that say which of the files that are given or found are swept.
type inputFlags struct {
	choice
	hidden bool // hidden files and folders are taken, too
	null   bool // the paths of a list end in zero bytes
	raw    bool // files of no known format below folders are taken as they are
}

// register adds the flags to a command.
func (f *inputFlags) register(cmd *cobra.Command) {
	f.choice.register(cmd)
	fs := cmd.Flags()
	fs.BoolVar(&f.hidden, "hidden", false, "take hidden files and folders, too, which are passed over else")
	fs.BoolVarP(&f.null, "null", "0", false, "the paths in a list (@LIST) end in zero bytes, and not in line ends")
	fs.BoolVar(&f.raw, "raw", false, "below folders, search files of no known format as they are, which are skipped else")
}

// leftOut returns why an input is not swept, nil where it is; t and err are what came of opening
// it. What was named is an image, and its error is one. What was found below a folder need
// be none, and may have vanished since. It does not close t. With known, the flags say the format of images.
func (f *inputFlags) leftOut(in input, t *layered.Image, err error, known bool) *skipped {
	if !in.Found {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Lstat(in.Arg); errors.Is(gone, fs.ErrNotExist) {
			return &skipGone
		}
	}
	return notSearched(in.Arg, t, err, f.raw || known)
}

// inputs are the arguments of a sweep.
type inputs struct {
	flags   *inputFlags
	args    []string
	stdin   io.Reader      // what is read for @-
	budget  *budget.Budget // what the names of a folder may take; nil: any
	empty   bool           // files without a byte are images
	results string         // the folder of the results, which is not swept; "": none
	counted *skips         // where what is left out is counted, instead of yielded; nil: nowhere
}

// all yields what the arguments stand for, in the order in which they are given, that below
// a folder in the order of its names. What is left out is yielded with the reason. A folder or a list
// that cannot be read is yielded with an error that names it, and what follows comes all the same.
// Files are looked at one by one as they are asked for, so a folder may change meanwhile. Where ctx ends,
// an input without Arg and the cause come last. With @- among the arguments, all may be ranged over once.
func (i *inputs) all(ctx context.Context) iter.Seq2[input, error] {
	return func(yield func(input, error) bool) {
		w := &walk{yield: yield, budget: i.budget, hidden: i.flags.hidden, empty: i.empty, choice: &i.flags.choice, counted: i.counted}
		if info, err := os.Stat(i.results); i.results != "" && err == nil {
			w.results = info
		}
		for _, arg := range i.args {
			if !i.arg(ctx, w, arg) {
				return
			}
		}
	}
}

// arg walks an argument. A file of that name wins over a list of paths.
func (i *inputs) arg(ctx context.Context, w *walk, arg string) bool {
	name, isList := strings.CutPrefix(arg, "@")
	if _, err := os.Lstat(arg); err == nil || !isList || name == "" {
		return w.arg(ctx, arg)
	}
	list := pathList{name: fileName(name), null: i.flags.null}
	if name == "-" {
		return list.walk(ctx, w, i.stdin)
	}
	file, err := openInput(ctx, name)
	if err != nil {
		return w.failed(arg, err)
	}
	defer file.Close()
	return list.walk(ctx, w, file)
}

// pathList is a list of paths, one a line. Of each line a CR at the end does not count,
// since files from Windows have it, nor does an empty line; with null, paths end in zero bytes
// instead, and hold any other byte.
type pathList struct {
	name string
	null bool
}

// longestPath is the most bytes of a path in a list. No system takes more.
const longestPath = 64 << 10

// walk walks the paths of the list, which r reads.
func (l pathList) walk(ctx context.Context, w *walk, r io.Reader) bool {
	end, item := byte('\n'), "line"
	if l.null {
		end, item = 0, "path"
	}
	b := bufio.NewReaderSize(r, longestPath)
	some := false
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return w.end(ctx)
		}
		line, err := b.ReadSlice(end)
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return w.failed(l.name, err)
		}
		line = l.clean(line, n)
		switch {
		case err == bufio.ErrBufferFull:
			return w.failed(l.name, fmt.Errorf("%s %d is longer than any path: want a list of paths, one a line, or with -0 each with a zero byte behind it", item, n))
		case bytes.IndexByte(line, 0) >= 0:
			return w.failed(l.name, fmt.Errorf("line %d has a zero byte: a list whose paths end in zero bytes is read with -0", n))
		case len(line) > 0:
			some = true
			if !w.named(ctx, string(line)) {
				return false
			}
		}
		if err == io.EOF {
			return some || w.failed(l.name, errors.New("no path in the list"))
		}
	}
}

// clean returns a line, the nth from 1, without its end. A mark of the byte order in front of
// the first line is none of its path.
func (l pathList) clean(line []byte, n int) []byte {
	if l.null {
		return bytes.TrimSuffix(line, []byte{0})
	}
	if n == 1 {
		line = bytes.TrimPrefix(line, []byte("\ufeff"))
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
