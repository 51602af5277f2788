package export

import (
	"bytes"
	"context"
	"errors"
	"io"

	"vscan/cmd/vscan/internal/report"
	"vscan/engine/sweep/state"
	"vscan/internal/wording"
)

// blockWriter writes lines of jsonl in blocks, as find does. One line is held back, until the
// length of the next one tells how much room it wants.
type blockWriter struct {
	w      io.Writer
	blocks report.Blocks
	line   []byte // the line that is held back, without its end
	held   bool
	out    []byte // lines that are to be written
}

// add writes a line.
func (b *blockWriter) add(line []byte) error {
	if err := b.end(len(line) + 1); err != nil {
		return err
	}
	b.line, b.held = append(b.line[:0], line...), true
	return nil
}

// end writes the line that is held back; the next one has n bytes.
func (b *blockWriter) end(n int) error {
	if !b.held {
		return nil
	}
	b.held = false
	b.line = b.blocks.End(b.line, report.Room(n))
	b.out = append(b.out, b.line...)
	if len(b.out) < 1<<16 {
		return nil
	}
	return b.flush()
}

// flush writes what is to be written.
func (b *blockWriter) flush() error {
	_, err := b.w.Write(b.out)
	b.out = b.out[:0]
	return err
}

// writeJSONL writes lines of the rules that were left out, and the lines of each image, in
// front of a line that says what became of it: its summary, and, unless it is done, one of
// type image.
func writeJSONL(ctx context.Context, src state.Source, w io.Writer) error {
	about, err := src.About(ctx)
	if err != nil {
		return err
	}
	b := &blockWriter{w: w}
	for _, l := range about.LeftOut {
		if err := b.add(l.Line); err != nil {
			return err
		}
	}
	err = eachImage(ctx, src, func(img *state.Image) error {
		if err := addLines(ctx, src, img, b); err != nil {
			return err
		}
		if img.Summary != nil {
			if err := b.add(img.Summary); err != nil {
				return err
			}
		}
		if img.State == state.Done {
			return nil
		}
		return b.add(imageLine(img))
	})
	// What was found before an error is out, as always.
	return errors.Join(err, b.end(0), b.flush())
}

// addLines writes the lines of an image, if they are lines of hits.
func addLines(ctx context.Context, src state.Source, img *state.Image, b *blockWriter) error {
	return eachLine(ctx, src, img, func(line []byte) error {
		if !bytes.HasPrefix(line, []byte(`{"type":"`)) || !bytes.HasSuffix(line, []byte("}")) {
			return errNoLine
		}
		return b.add(line)
	})
}

// imageLine returns the line of an image that is not done.
func imageLine(img *state.Image) []byte {
	line := append([]byte(`{"type":"image","image":`), report.QuoteJSON(img.Arg)...)
	line = append(append(line, `,"state":`...), report.QuoteJSON(img.State)...)
	line = append(append(line, `,"reason":`...), report.QuoteJSON(img.Reason)...)
	var escaped []byte
	for _, s := range [][2]string{{"image", img.Arg}, {"reason", img.Reason}} {
		if wording.ValidUTF8(s[1]) != s[1] {
			escaped = append(append(append(escaped, `,"`...), s[0]...), '"')
		}
	}
	if escaped != nil {
		line = append(append(append(line, `,"escaped":[`...), escaped[1:]...), ']')
	}
	return append(line, '}')
}
