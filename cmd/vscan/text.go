package main

import (
	"fmt"
	"strconv"

	"vscan/engine"
	"vscan/engine/addr"
)

// textReporter writes one hit a line: address, pattern, mapping + offset, the
// bytes. The columns are separated by tabs, and aligned at a terminal.
type textReporter struct {
	base
	color   bool
	columns bool // a terminal: align them
	context int  // bytes before and after a hit, as a hexdump
	count   bool // counts only
	several bool // images: name them
	line    []byte
}

// The colours of the terminal, as grep has them.
const (
	colorAddr    = "\x1b[36m"
	colorPattern = "\x1b[35m"
	colorWhere   = "\x1b[32m"
	colorMatch   = "\x1b[1;31m"
	colorOff     = "\x1b[0m"
)

func (r *textReporter) colored(color string, s string, width int) {
	if r.color {
		r.line = append(r.line, color...)
	}
	r.line = append(r.line, s...)
	if r.color {
		r.line = append(r.line, colorOff...)
	}
	if r.columns {
		for n := len(s); n < width; n++ {
			r.line = append(r.line, ' ')
		}
		r.line = append(r.line, ' ', ' ')
	} else {
		r.line = append(r.line, '\t')
	}
}

func (r *textReporter) hit(h engine.Hit, pattern string) error {
	r.line = r.line[:0]
	if r.several {
		r.colored("", printable(r.target.arg), 0)
	}
	m := r.at(h.Addr)
	r.colored(colorAddr, h.Addr.String(), 18)
	r.colored(colorPattern, printable(pattern), 16)
	r.colored(colorWhere, printable(shortName(m))+"+"+(h.Addr-m.First).String(), 28)
	if r.color {
		r.line = append(r.line, colorMatch...)
	}
	for _, b := range h.Bytes {
		r.line = append(r.line, printByte(b))
	}
	if r.color {
		r.line = append(r.line, colorOff...)
	}
	if h.Len > len(h.Bytes) {
		r.line = append(r.line, "…"...)
	}
	r.line = append(r.line, '\n')
	if r.context > 0 {
		r.dump(h)
	}
	return r.write(r.line)
}

// dump appends the surroundings of a hit, as far as they are there.
func (r *textReporter) dump(h engine.Hit) {
	first, ok := h.Addr.Sub(uint64(r.context))
	if !ok {
		first = 0
	}
	first = first.AlignDown(16)
	last, ok := h.Addr.Add(uint64(h.Len-1) + uint64(r.context))
	if !ok {
		last = addr.Max
	}
	match := addr.Range{First: h.Addr, Last: h.Addr + addr.Addr(h.Len-1)}
	r.line = appendHexdump(r.line, r.target.space, addr.Range{First: first, Last: last | 15}, match, r.color)
	r.line = append(r.line, '\n')
}

func (r *textReporter) end(s *summary) {
	if !r.count {
		return
	}
	for i, p := range s.pats {
		r.line = r.line[:0]
		if r.several {
			r.colored("", printable(s.image), 0)
		}
		r.line = strconv.AppendUint(r.line, s.counts[i], 10)
		r.line = append(r.line, '\t')
		r.line = append(r.line, printable(p.Name)...)
		r.line = append(r.line, '\n')
		r.write(r.line)
	}
}

func (r *textReporter) interval(v engine.Interval, t *target) {
	m := v.Mapping
	from := ""
	if m.Source != nil {
		from = fmt.Sprintf("%s+%#x", printable(m.Source.Name()), m.OffsetOf(v.First))
	}
	perm := m.Perm.String()
	if perm == "" {
		perm = "???"
	}
	format := "%v\t%v\t%v\t%s\t%s\t%s\t%s\n"
	if r.columns {
		format = "%-18v  %-18v  %10v  %-7s  %s  %-24s  %s\n"
	}
	r.write(fmt.Appendf(nil, format, v.First, v.Last, size(v.Size()), m.State, perm, printable(m.Name), from))
}

// printByte is the byte where it prints in ASCII, else a dot.
func printByte(b byte) byte {
	if b < ' ' || b > '~' {
		return '.'
	}
	return b
}

// printable is a name that a terminal can be trusted with: an image may have
// put escape sequences or tabs into it.
func printable(s string) string {
	for _, c := range s {
		if !strconv.IsPrint(c) || c == '�' {
			q := strconv.Quote(s)
			return q[1 : len(q)-1]
		}
	}
	return s
}
