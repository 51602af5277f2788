package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/report"
	"vscan/engine"
	"vscan/engine/addr"
	"vscan/engine/image/layered"
	"vscan/engine/where"
	"vscan/internal/wording"
)

// form is a form in which read --as shows bytes.
type form struct {
	name   string
	size   int                                    // bytes of a number; 0: those of a word
	number func(v uint64) string                  // returns the text of a number; nil: the form has none
	bytes  func(first addr.Addr, b []byte) []byte // returns the text of bytes from first on; nil: the form has none
}

// forms returns the forms in the order of the help text. A string, which ends where
// memory has a zero byte, has neither function.
func forms() []form {
	unsigned := func(v uint64) string { return strconv.FormatUint(v, 10) }
	return []form{
		{name: "hexdump", bytes: dumpBytes},
		{name: "raw", bytes: func(_ addr.Addr, b []byte) []byte { return b }},
		{name: "hex", bytes: func(_ addr.Addr, b []byte) []byte { return hex.AppendEncode(nil, b) }},
		{name: "u8", size: 1, number: unsigned},
		{name: "u16", size: 2, number: unsigned},
		{name: "u32", size: 4, number: unsigned},
		{name: "u64", size: 8, number: unsigned},
		{name: "i8", size: 1, number: func(v uint64) string { return strconv.Itoa(int(int8(v))) }},
		{name: "i16", size: 2, number: func(v uint64) string { return strconv.Itoa(int(int16(v))) }},
		{name: "i32", size: 4, number: func(v uint64) string { return strconv.FormatInt(int64(int32(v)), 10) }},
		{name: "i64", size: 8, number: func(v uint64) string { return strconv.FormatInt(int64(v), 10) }},
		{name: "f32", size: 4, number: func(v uint64) string {
			return strconv.FormatFloat(float64(math.Float32frombits(uint32(v))), 'g', -1, 32)
		}},
		{name: "f64", size: 8, number: func(v uint64) string {
			return strconv.FormatFloat(math.Float64frombits(v), 'g', -1, 64)
		}},
		{name: "ptr", number: func(v uint64) string { return addr.Addr(v).String() }},
		{name: "cstring"},
	}
}

// dumpBytes returns bytes as a hexdump; first is the address of the first one.
func dumpBytes(first addr.Addr, b []byte) []byte {
	d := report.Hexdump{First: first, Bytes: b}
	return d.Lines(nil)
}

// readRequest is what read was asked for.
type readRequest struct {
	image  cli.ImageFlags
	form   form
	from   where.Chain
	at     addr.Addr // where from leads, once an image is open
	length uint64    // in bytes; 0: not given
	follow uint64    // how many pointers to follow from there
}

func (a *commands) readCommand() *cobra.Command {
	var r readRequest
	all := forms()
	var names []string
	for _, f := range all {
		names = append(names, f.name)
	}
	as := names[0]
	cmd := &cobra.Command{
		Use:   "read [flags] IMAGE ADDR [LEN]",
		Short: "Read memory at an address",
		Long: `read prints LEN bytes at an address, across mappings; LEN may end in K, M, G or
T. Without LEN it prints up to 256 bytes as hexdump, raw or hex, and one number
or string. Numbers and pointers have the image's byte order and word size. A byte
that cannot be read, in a hole or not saved, is an error with its address; what
lies before it is printed.

ADDR is a number, or a place as vscan prints it: NAME+OFFSET, where NAME is that
of a module or mapping, or the last part of its path. A chain of pointers, as graph
chains prints it, is followed: the pointer at ADDR, and to it the first offset is
added; the pointer there, and so on. The steps are told on standard error, and what
they lead to is printed.

--follow N follows N pointers then: the one at ADDR, the one at what that
points to, and so on.

The parts of a split kdump are one image, if they are all named, too.`,
		Example: `  vscan read core.1234 0x7ffd1000
  vscan read core.1234 0x7ffd1000 64 --as u64
  vscan read core.1234 0x7ffd1000 --as cstring --follow 2
  vscan read core.1234 '[heap]+0x10'
  vscan read core.1234 '[heap]+0x8 -> +0x0' --as u64
  vscan read core.1234 0x400000 4096 --as raw > page.bin`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.UsageError(cmd, wantRead)
			}
			for _, f := range all {
				if f.name == as {
					r.form = f
				}
			}
			if r.form.name == "raw" && a.Out.ToTerminal {
				return cli.UsageError(cmd, "--as raw is not for a terminal, which would obey some of the bytes: send it to a file or a program, or take --as hexdump")
			}
			return a.read(cmd, args, r)
		},
	}
	cmd.Flags().SortFlags = false
	cli.ChoiceVar(cmd, &as, "as", "", "`FORM` of what is read: "+wording.OrList(names), names...)
	cmd.Flags().Var(cli.NewNumber(&r.follow, 0, math.MaxInt32), "follow", "follow `N` pointers first")
	a.MemoryVar(cmd)
	r.image.Register(cmd)
	return cmd
}

const (
	defaultLength = 256     // bytes that are printed where no length is given
	longestString = 1 << 20 // most bytes of a string
)

const wantRead = "want an image, an address and perhaps a length: vscan read IMAGE ADDR [LEN]"

// place takes the arguments behind those of the image apart.
func (r *readRequest) place(cmd *cobra.Command, args []string) (err error) {
	if len(args) != 1 && len(args) != 2 {
		return cli.UsageError(cmd, wantRead)
	}
	if r.from, err = where.ParseChain(args[0]); err != nil {
		return cli.UsageError(cmd, "%v", err)
	}
	if len(args) == 2 {
		if r.length, err = addr.ParseSize(args[1]); err != nil || r.length == 0 {
			return cli.UsageError(cmd, "length %q: want a number of bytes, 1 or more", args[1])
		}
	}
	return nil
}

// read opens the image and prints what was asked for.
func (a *commands) read(cmd *cobra.Command, args []string, r readRequest) error {
	ctx := cmd.Context()
	if _, err := os.Stat(args[1]); err != nil { // it is no part of the image: what is wrong is told at once
		if err := r.place(cmd, args[1:]); err != nil {
			return err
		}
	}
	r.image.Budget = a.Budget()
	t, n, err := openParted(ctx, &r.image, args, 1)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := r.place(cmd, args[n:]); err != nil {
		return err
	}
	a.NoteOddities(t)
	a.NoteMissing(t)
	err = a.readFrom(ctx, t, r)
	changed := a.Changed(t)
	if err != nil {
		return cli.InImage(t.Arg, err)
	}
	return cli.Outcome{Found: true, Incomplete: changed}.ExitStatus()
}

// readFrom prints what was asked for of an image that is open.
func (a *commands) readFrom(ctx context.Context, t *layered.Image, r readRequest) error {
	var err error
	if r.at, err = a.locate(t, &r.from); err != nil {
		return err
	}
	if r.follow > 0 {
		arch, err := cli.ArchOf(t, "--follow")
		if err != nil {
			return err
		}
		if r.at, err = t.Space.For(arch).Follow(r.at, int(r.follow)); err != nil {
			return err
		}
	}
	switch {
	case r.form.number != nil:
		return a.readNumbers(ctx, t, r)
	case r.form.bytes != nil:
		return a.readBytes(ctx, t, r)
	}
	return a.readString(t, r)
}

// locate returns where a chain leads in an image, and tells its steps.
func (a *commands) locate(t *layered.Image, c *where.Chain) (addr.Addr, error) {
	at, err := c.In(t.Space.Places())
	if err != nil || len(c.Steps) == 0 {
		return at, err
	}
	arch, err := cli.ArchOf(t, "a chain of pointers")
	if err != nil {
		return 0, err
	}
	return c.Follow(t.Space, arch, at, func(line string) { a.Note("%s: %s", t.Arg, line) })
}

// readNumbers prints numbers, one a line with its address.
func (a *commands) readNumbers(ctx context.Context, t *layered.Image, r readRequest) error {
	size := r.form.size
	if size == 0 {
		arch, err := cli.ArchOf(t, "--as "+r.form.name)
		if err != nil {
			return err
		}
		size = arch.WordSize()
	} else if size > 1 && !t.OrderKnown {
		return fmt.Errorf("the image does not say its byte order, which --as %s needs: give --endian little|big", r.form.name)
	}
	length := r.length
	if length == 0 {
		length = uint64(size)
	}
	if length%uint64(size) != 0 {
		return fmt.Errorf("length %d: want a multiple of %d, the size of %s", length, size, r.form.name)
	}
	return eachChunk(ctx, t.Space, r.at, length, size, func(first addr.Addr, b []byte) error {
		for ; len(b) >= size; b = b[size:] {
			if _, err := fmt.Fprintf(a.Out, "%v\t%s\n", first, r.form.number(t.Order.Uint(b[:size]))); err != nil {
				return err
			}
			first += addr.Addr(size)
		}
		return nil
	})
}

// readBytes prints bytes as hexdump, raw or hex. Where no length was asked for, it is
// no error that fewer bytes than the default can be read.
func (a *commands) readBytes(ctx context.Context, t *layered.Image, r readRequest) error {
	length := r.length
	if length == 0 {
		length = defaultLength
	}
	some := false
	err := eachChunk(ctx, t.Space, r.at, length, 1, func(first addr.Addr, b []byte) error {
		some = true
		_, err := a.Out.Write(r.form.bytes(first, b))
		return err
	})
	if r.form.name == "hex" && some {
		io.WriteString(a.Out, "\n")
	}
	var memory *engine.MemoryError
	if r.length == 0 && some && (errors.As(err, &memory) || errors.Is(err, engine.ErrWrap)) {
		a.Note("%s: %v", t.Arg, err) // no length was asked for, so this is no error
		return nil
	}
	return err
}

// readString prints the string at an address, as far as it can be read.
func (a *commands) readString(t *layered.Image, r readRequest) error {
	limit := longestString
	if r.length > 0 {
		limit = int(min(r.length, longestString))
	}
	s, err := t.Space.CString(r.at, limit)
	if len(s) > 0 || err == nil {
		fmt.Fprintf(a.Out, "%s\n", wording.Escape(string(s)))
	}
	if len(s) == limit && uint64(limit) == r.length {
		return nil // these are as many bytes as were asked for
	}
	return err
}

// eachChunk calls f with the n bytes from at on, in ascending chunks. All chunks but the
// last have a multiple of unit bytes, where unit is a power of 2 up to 8. If unit is 1, they
// end at addresses that are multiples of report.BytesPerLine, so that lines of a hexdump are
// whole. The first byte that cannot be read ends the last chunk, and is the error then.
func eachChunk(ctx context.Context, s *engine.Space, at addr.Addr, n uint64, unit int, f func(addr.Addr, []byte) error) error {
	const chunk = 1 << 16
	want := uint64(chunk)
	if unit == 1 {
		want = chunk - uint64(at%report.BytesPerLine)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := s.Bytes(at, int(min(n, want)))
		if len(b) > 0 {
			if err := f(at, b); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if n -= uint64(len(b)); n == 0 {
			return nil
		}
		next, ok := at.Add(uint64(len(b)))
		if !ok {
			return fmt.Errorf("%w: %d bytes are left to read", engine.ErrWrap, n)
		}
		at, want = next, chunk
	}
}
