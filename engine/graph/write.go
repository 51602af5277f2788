package graph

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"io"

	"vscan/engine/addr"
	"vscan/internal/outfile"
)

// fileWriter writes a file whose header is written last.
type fileWriter struct {
	ctx context.Context // whose end ends the writing
	f   *outfile.File
	end uint64
}

// createFile begins a file. Its header is written last.
func createFile(ctx context.Context, path string, o outfile.Options) (*fileWriter, error) {
	f, err := outfile.Create(ctx, path, o)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(headerSize, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return &fileWriter{ctx, f, headerSize}, nil
}

func (w *fileWriter) base() uint64 { return headerSize }

func (w *fileWriter) append(b []byte) error {
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	n, err := w.f.Write(b)
	w.end += uint64(n)
	return err
}

// finish writes all of a graph but the groups, which are there already, and names
// the file.
func (w *fileWriter) finish(ctx context.Context, g *Graph) error {
	sections := [sectionCount]section{{at: headerSize, size: w.end - headerSize}}
	add := func(i int, b []byte) error {
		sections[i] = section{w.end, uint64(len(b)), crc32.Checksum(b, castagnoli())}
		return w.append(b)
	}
	if err := add(sectionDirectory, g.groups.encode()); err != nil {
		return err
	}
	memory, err := g.metadata.encode(ctx)
	if err != nil {
		return err
	}
	if err := add(sectionMemory, memory); err != nil {
		return err
	}
	if err := add(sectionIdentity, g.identity.encode()); err != nil {
		return err
	}
	return w.publish(ctx, g.header(sections))
}

// publish writes the header of a file that is otherwise whole, and names the file.
func (w *fileWriter) publish(ctx context.Context, header []byte) error {
	if _, err := w.f.WriteAt(header, 0); err != nil {
		return err
	}
	return w.f.Commit(ctx)
}

// header returns the header of a graph's file.
func (g *Graph) header(sections [sectionCount]section) []byte {
	flags := uint32(0)
	for _, f := range []struct {
		set bool
		bit uint32
	}{{g.arch.Order() == addr.Big, flagBig}, {g.arch.WordSize() == 4, flagHalf}, {g.presentOnly, flagSaved}, {g.filtered, flagPart}} {
		if f.set {
			flags |= f.bit
		}
	}
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerSize), magic...)
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, flags)
	for _, v := range []uint64{g.align, g.edges, g.scanned, g.unreadable} {
		b = le.AppendUint64(b, v)
	}
	for _, s := range sections {
		b = le.AppendUint64(b, s.at)
		b = le.AppendUint64(b, s.size)
		b = le.AppendUint64(b, uint64(s.crc))
	}
	b = append(b, make([]byte, headerSize-4-len(b))...)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli()))
}

// Save writes a graph to a file. As with BuildFile, the file appears whole or not at
// all, and a file that is already there is replaced; where ctx ends, it does not appear. It can
// be read by nobody who cannot read the file of g, or what Options.From said, and it is not
// written over these.
func (g *Graph) Save(ctx context.Context, path string) error {
	w, err := createFile(ctx, path, g.from)
	if err != nil {
		return err
	}
	defer w.f.Close()
	saved := g.shallow()
	saved.groups.lines = append([]groupLine(nil), g.groups.lines...)
	saved.groups.end = headerSize
	err = g.guard(func() error {
		var buf []byte
		for i := range g.groups.lines {
			b, err := g.bytesOf(buf, i)
			if err != nil {
				return err
			}
			saved.groups.lines[i].at = saved.groups.end
			saved.groups.end += uint64(len(b))
			if err := w.append(b); err != nil {
				return err
			}
			buf = b
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.finish(ctx, saved)
}

// shallow returns a graph with the metadata of g and without its groups.
func (g *Graph) shallow() *Graph {
	return &Graph{metadata: g.metadata, groups: directory{edges: g.edges}}
}
