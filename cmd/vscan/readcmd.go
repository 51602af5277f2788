package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"vscan/engine"
	"vscan/engine/addr"
)

// numbers are the forms of read --as that are numbers: their sizes in bytes,
// and how one is written. A size of 0 is a word.
var numbers = map[string]struct {
	size  int
	write func(v uint64) string
}{
	"u8":  {1, func(v uint64) string { return strconv.FormatUint(v, 10) }},
	"u16": {2, func(v uint64) string { return strconv.FormatUint(v, 10) }},
	"u32": {4, func(v uint64) string { return strconv.FormatUint(v, 10) }},
	"u64": {8, func(v uint64) string { return strconv.FormatUint(v, 10) }},
	"i8":  {1, func(v uint64) string { return strconv.FormatInt(int64(int8(v)), 10) }},
	"i16": {2, func(v uint64) string { return strconv.FormatInt(int64(int16(v)), 10) }},
	"i32": {4, func(v uint64) string { return strconv.FormatInt(int64(int32(v)), 10) }},
	"i64": {8, func(v uint64) string { return strconv.FormatInt(int64(v), 10) }},
	"f32": {4, func(v uint64) string {
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(v))), 'g', -1, 32)
	}},
	"f64": {8, func(v uint64) string { return strconv.FormatFloat(math.Float64frombits(v), 'g', -1, 64) }},
	"ptr": {0, func(v uint64) string { return addr.Addr(v).String() }},
}

func forms() []string {
	return append([]string{"hexdump", "raw", "hex", "cstring"}, slices.Sorted(maps.Keys(numbers))...)
}

func (a *app) readCommand() *cobra.Command {
	var f imageFlags
	var as string
	var follow int
	cmd := &cobra.Command{
		Use:   "read [flags] IMAGE ADDR [LEN]",
		Short: "Read memory at an address",
		Long: `read prints LEN bytes at an address, across mappings. Without LEN it prints 256
bytes as hexdump, raw or hex, and one number or string. Numbers and pointers
have the image's byte order and word size. A byte that cannot be read, in a hole
or not saved, is an error with its address; what lies before it is printed.

--follow N follows N pointers first: the one at ADDR, the one at what that
points to, and so on.`,
		Example: `  vscan read core.1234 0x7ffd1000
  vscan read core.1234 0x7ffd1000 64 --as u64
  vscan read core.1234 0x7ffd1000 --as cstring --follow 2
  vscan read core.1234 0x400000 4096 --as raw > page.bin`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 && len(args) != 3 {
				return errors.New("want an image, an address and perhaps a length: vscan read IMAGE ADDR [LEN] (see vscan read --help)")
			}
			if !slices.Contains(forms(), as) {
				return fmt.Errorf("--as %s: want one of %s", as, strings.Join(forms(), ", "))
			}
			at, err := addr.Parse(args[1])
			if err != nil {
				return err
			}
			length := uint64(0)
			if len(args) == 3 {
				if length, err = addr.ParseUint(args[2]); err != nil || length == 0 {
					return fmt.Errorf("length %q: want a number of bytes, 1 or more", args[2])
				}
			}
			t, err := f.open(args[0])
			if err != nil {
				return err
			}
			defer t.Close()
			for _, n := range t.Notes {
				a.note("%s: %s", t.arg, n)
			}
			if follow < 0 {
				return fmt.Errorf("--follow %d: want 0 or more", follow)
			}
			if follow > 0 {
				arch, err := t.needsArch("--follow")
				if err != nil {
					return err
				}
				if at, err = t.space.For(arch).Follow(at, follow); err != nil {
					return fmt.Errorf("%s: %w", t.arg, err)
				}
			}
			if err := a.read(t, at, length, as); err != nil {
				return fmt.Errorf("%s: %w", t.arg, err)
			}
			return nil
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringVar(&as, "as", "hexdump", "`FORM`: "+strings.Join(forms(), ", "))
	fs.IntVar(&follow, "follow", 0, "follow `N` pointers first")
	f.register(fs)
	return cmd
}

const (
	defaultLength = 256
	longestString = 1 << 20
)

func (a *app) read(t *target, at addr.Addr, length uint64, as string) error {
	switch as {
	case "cstring":
		limit := longestString
		if length > 0 {
			limit = int(min(length, longestString))
		}
		s, err := t.space.CString(at, limit)
		if err != nil && len(s) < limit {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", strings.Trim(strconv.Quote(string(s)), `"`))
		return err
	case "hexdump", "raw", "hex":
		if length == 0 {
			length = defaultLength
		}
		return a.readBytes(t, at, length, as)
	}
	form := numbers[as]
	if form.size == 0 {
		arch, err := t.needsArch("--as ptr")
		if err != nil {
			return err
		}
		form.size = arch.WordSize()
	} else if form.size > 1 && !t.OrderKnown {
		return fmt.Errorf("the image does not say its byte order, which --as %s needs: give --endian little|big", as)
	}
	count := uint64(1)
	if length > 0 {
		if length%uint64(form.size) != 0 {
			return fmt.Errorf("length %d: want a multiple of %d, the size of %s", length, form.size, as)
		}
		count = length / uint64(form.size)
	}
	return eachChunk(t.space, at, count*uint64(form.size), form.size, func(first addr.Addr, b []byte) error {
		var err error
		for len(b) >= form.size && err == nil {
			_, err = fmt.Fprintf(a.out, "%v\t%s\n", first, form.write(t.Order.Uint(b[:form.size])))
			first += addr.Addr(form.size)
			b = b[form.size:]
		}
		return err
	})
}

func (a *app) readBytes(t *target, at addr.Addr, length uint64, as string) error {
	err := eachChunk(t.space, at, length, 1, func(first addr.Addr, b []byte) error {
		switch as {
		case "raw":
			_, err := a.out.Write(b)
			return err
		case "hex":
			_, err := io.WriteString(a.out, hex.EncodeToString(b))
			return err
		}
		r := addr.Range{First: first, Last: first + addr.Addr(len(b)-1)}
		_, err := a.out.Write(appendHexdump(nil, t.space, r, r, false))
		return err
	})
	if as == "hex" {
		io.WriteString(a.out, "\n")
	}
	return err
}

// eachChunk calls f with n bytes from at on, in chunks that end at multiples of
// 16 bytes and of unit from the start, and at the first byte that cannot be
// read: that is the error then.
func eachChunk(s *engine.Space, at addr.Addr, n uint64, unit int, f func(addr.Addr, []byte) error) error {
	const chunk = 1 << 16
	want := uint64(chunk)
	if unit == 1 {
		want = chunk - uint64(at%16)
	}
	for {
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
