// Package export writes the results of a sweep in the formats that other programs read: jsonl,
// csv, parquet and sqlite. What is written is laid down in docs/output.md. Results are in the
// order of the images as given, in an image by address, then in the order of the patterns, and
// pass through: nothing is held that grows with the hits. Nothing that is written depends on when the sweep ran, or
// on how.
package export

import (
	"context"
	"errors"
	"fmt"
	"io"

	"vscan/engine/sweep/lines"
	"vscan/engine/sweep/state"
)

// Write writes the results of a sweep to w in a format: jsonl, csv or parquet. A line of an
// image that cannot be read is a *lines.Error; what was written is not whole then.
func Write(ctx context.Context, src state.Source, format string, w io.Writer) error {
	switch format {
	case "jsonl":
		return writeJSONL(ctx, src, w)
	case "csv":
		return writeCSV(ctx, src, w)
	case "parquet":
		return writeParquet(ctx, src, w)
	}
	return fmt.Errorf("%q is no format of an export", format)
}

// eachImage calls do with every image, in their order.
func eachImage(ctx context.Context, src state.Source, do func(*state.Image) error) error {
	for img, err := range src.Images(ctx) {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = do(img)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// eachLine calls do with the lines of an image, in their order. The error of do is about that
// line if it is an errNoLine.
func eachLine(ctx context.Context, src state.Source, img *state.Image, do func(line []byte) error) error {
	r, err := lines.Open(ctx, src, img)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		line, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := do(line); errors.Is(err, errNoLine) {
			return r.Fail(err)
		} else if err != nil {
			return err
		}
	}
}

// errNoLine says that a line is none of hits.
var errNoLine = errors.New("it is no line of hits")

// eachDecoded calls do with what the lines of an image say. It is valid during the call.
func eachDecoded(ctx context.Context, src state.Source, img *state.Image, do func(*lines.Hit) error) error {
	var h lines.Hit
	return eachLine(ctx, src, img, func(line []byte) error {
		if err := h.Decode(line); err != nil {
			return fmt.Errorf("%w: %w", errNoLine, err)
		}
		return do(&h)
	})
}
