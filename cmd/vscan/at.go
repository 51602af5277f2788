package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"vscan/engine/addr"
	"vscan/engine/budget"
	"vscan/engine/search"
)

// readHits returns the addresses of the hits in files, which hold the jsonl output of
// searches of any images and patterns; - is standard input. Empty lines and lines of
// other types are passed over. A line that is no object with a type, or a hit without
// an address, is an error that names file and line.
func readHits(ctx context.Context, files []string, stdin io.Reader, memory *budget.Budget) (search.Addresses, error) {
	set := search.Addresses{} // not nil, which would ask for a search of all addresses
	for _, name := range files {
		var err error
		set, err = readFile(ctx, stdin, name, func(ctx context.Context, name string, r io.Reader) (search.Addresses, error) {
			return appendHits(ctx, set, name, r, memory)
		})
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("--at: %w", err)
		}
	}
	if !slices.IsSorted(set) {
		slices.Sort(set)
	}
	return slices.Compact(set), nil
}

// longestLine is the most bytes of a line that is read. The longest line that vscan
// writes, with --bytes 1048576, has 8 MiB.
const longestLine = 32 << 20

// appendHits appends to s the addresses of the hits in r, whose name is for errors.
func appendHits(ctx context.Context, s search.Addresses, name string, r io.Reader, memory *budget.Budget) (search.Addresses, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	for line := 1; ; line++ {
		if line%256 == 1 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		text, err := br.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			text = bytes.Clone(text)
			for err == bufio.ErrBufferFull && len(text) <= longestLine {
				var more []byte
				more, err = br.ReadSlice('\n')
				text = append(text, more...)
			}
		}
		if err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("%s:%d: a line of more than %d bytes is none of vscan's", name, line, longestLine)
		}
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if a, ok, bad := hitAddr(text); bad != nil {
			return nil, fmt.Errorf("%s:%d: %w: want the output of vscan find -o jsonl", name, line, bad)
		} else if ok {
			if len(s) == cap(s) {
				if s, bad = moreRoom(s, memory); bad != nil {
					return nil, fmt.Errorf("%s:%d: %w", name, line, bad)
				}
			}
			s = append(s, a)
		}
		if err == io.EOF {
			return s, nil
		}
	}
}

// moreRoom returns addresses with room for half as many again, at least. What they take stays
// taken of the budget.
func moreRoom(s search.Addresses, memory *budget.Budget) (search.Addresses, error) {
	const size, least = 8, 1 << 13 // bytes of an address; the fewest addresses
	n := max(least, len(s)+len(s)/2)
	if err := memory.Take(uint64(n)*size, "the addresses of earlier hits"); err != nil {
		return nil, err
	}
	more := append(make(search.Addresses, 0, n), s...)
	memory.Give(uint64(cap(s)) * size) // those are garbage now
	return more, nil
}

// hitAddr returns the address of the hit that a line holds, and whether it holds one.
func hitAddr(line []byte) (addr.Addr, bool, error) {
	if a, ok := plainHit(line); ok {
		return a, true, nil
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return 0, false, nil
	}
	var object struct {
		Type *string
		Addr *string
	}
	err := json.Unmarshal(line, &object)
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("no line of JSON: %w", err)
	case object.Type == nil:
		return 0, false, errors.New("an object without a type")
	case *object.Type != "hit":
		return 0, false, nil
	case object.Addr == nil:
		return 0, false, errors.New("a hit without an address")
	}
	a, err := addr.Parse(*object.Addr)
	return a, true, err
}

// plainHit does what hitAddr does for a line as vscan writes it, several times faster,
// and reports whether it could. The text ,"addr":" can only be a key of the object:
// within a string, the quotation marks would have a backslash in front of them.
func plainHit(line []byte) (addr.Addr, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"type":"hit",`))
	before, rest, found := bytes.Cut(rest, []byte(`,"addr":"`))
	digits, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !found || !closed || bytes.IndexByte(before, '{') >= 0 || !json.Valid(line) {
		return 0, false
	}
	a, err := addr.Parse(string(digits))
	return a, err == nil
}
