package heap

import (
	"context"

	"vscan/engine/addr"
)

// Where the first chunk of an arena's memory lies. The program's break tells it, and else the size of
// the arena, or where a mapping begins. But an image may split one mapping into several, and chunks may
// begin at any page. So where the first chunk is damaged, a later one can look like it:
//
//	| damaged | chunk | … | chunk | chunk | chunk | … | top |
//	                              ▲ a border, or the start of a page
//
// Therefore nothing but the break is believed while chunks in front lead to what looks like the first:
//
//	ledTo: is there a chunk in front that leads exactly to it? Most often there is none, and that is quick to say
//	earliest: the first chunk in front from which others lead on, if those, past damage, lead to it

// starts returns the addresses where the first chunk may be, the likeliest first. Where the break is
// known, it is not behind that.
func (f *finder) starts(s *state, p *parameters, in *span, g *chunkRange) []addr.Addr {
	var out []addr.Addr
	add := func(a addr.Addr) {
		out = append(out, (a+2*f.word-1)&^(2*f.word-1))
		if f.word == 4 { // objects may be aligned to 16
			out = append(out, (a+15)&^15+8)
		}
	}
	known := p.within(in)
	if known {
		add(p.base)
	}
	if g.top != 0 && uint64(g.end) > s.memory {
		if a := g.end - addr.Addr(s.memory); !known || a < p.base {
			add(a)
		}
	}
	if known {
		return out
	}
	for _, b := range in.borders {
		if b < g.end && len(out) < 1000 {
			add(b)
		}
	}
	return out
}

// within reports whether the first address that brk gave is known, and lies in a span.
func (p *parameters) within(in *span) bool { return p.base != 0 && in.Contains(p.base) }

// borderBefore returns the last border of a span that is not behind an address in it.
func (s *span) borderBefore(a addr.Addr) addr.Addr {
	at := s.First
	for _, b := range s.borders {
		if b > a {
			break
		}
		at = b
	}
	return at
}

// ledTo reports whether a chunk from lo on, and no further in front than chunks are looked for, leads
// exactly to the address first.
func (k *walker) ledTo(lo, first addr.Addr, g *chunkRange) bool {
	const far = 1 << 20
	if first-lo > far {
		lo = first - far
	}
	b := chunkRange{end: first, other: g.other, binned: g.binned}
	for at := (lo + 2*k.word - 1) &^ (2*k.word - 1); at < first; at += 2 * k.word {
		k.steps++
		if c, bad := k.look.head(at, &b); bad == fine && at+c.length == first {
			return true
		}
	}
	return false
}

// earliest returns the chunk with which memory from lo on begins that has a chunk at the address first:
// that one, or another in front of it.
func (k *walker) earliest(lo, first addr.Addr, g *chunkRange) addr.Addr {
	if lo >= first || !k.ledTo(lo, first, g) {
		return first
	}
	b := chunkRange{end: first, other: g.other, piece: true, binned: g.binned}
	start := addr.Addr(0)
	for at := (lo + 2*k.word - 1) &^ (2*k.word - 1); at < first; {
		next := k.resume(at, &b)
		if next == 0 {
			return first
		}
		if start == 0 {
			start = next
		}
		at = k.chain(next, &b)
		if at == first {
			return start
		}
		at += 2 * k.word
	}
	return first
}

// chain returns where the chunks from an address on lead: to the first that makes no sense, or to the
// end of the range.
func (k *walker) chain(at addr.Addr, g *chunkRange) addr.Addr {
	for at < g.end {
		if k.steps++; k.steps&0xffff == 0 && k.ctx.Err() != nil {
			return at
		}
		c, bad := k.look.head(at, g)
		if bad != fine {
			return at
		}
		at += c.length
	}
	return at
}

// parts returns what lies between the borders of a span. Between two mappings that brk gave is none, for
// the memory of brk goes on there.
func (f *finder) parts(s *span) (out []addr.Range) {
	before := false
	for _, b := range s.borders {
		given := s.brk && f.space.At(b).Mapping.Name == "[heap]"
		if !given || !before {
			if k := len(out) - 1; k >= 0 {
				out[k].Last = b - 1
			}
			out = append(out, addr.Range{First: b, Last: s.Last})
		}
		before = given
	}
	return out
}

// mainChunks follows the chunks of the part of the main arena that lies in a span.
func (f *finder) mainChunks(a *Arena, s *state, p *parameters, in *span, g chunkRange) (bool, error) {
	known := p.within(in)
	for _, first := range f.starts(s, p, in, &g) {
		if first < in.First || first >= g.end {
			continue
		}
		g.first = first
		c, bad := f.walker.head(first, &g)
		if first == g.top {
			c, bad = f.walker.headOfTop(first, &g)
		}
		if bad != fine || !c.prevUsed || first != g.top && !f.walker.leads(c, &g, chunksToCheck) {
			continue
		}
		if !known {
			if g.first = f.walker.earliest(in.First, first, &g); g.first < first {
				f.walker.gapBefore(in.borderBefore(g.first), g.first)
			}
		}
		return f.finishMain(a, g)
	}
	g.first = in.First
	if known {
		g.first = p.base &^ (2*f.word - 1)
	}
	if first := f.walker.resume(g.first, &g); first != 0 {
		if known {
			f.walker.gapBefore(g.first, first)
		} else {
			f.walker.gapBefore(in.borderBefore(first), first)
		}
		g.first = first
		return f.finishMain(a, g)
	}
	return false, context.Cause(f.ctx)
}

// gapBefore notes that what lies in front of the first chunk of memory was not understood, if anything does.
func (k *walker) gapBefore(start, first addr.Addr) {
	if start < first {
		k.gap(addr.Range{First: start, Last: first - 1}, beforeFirst, 0)
	}
}
