package state

import (
	"bytes"
	"context"
	"math/bits"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A summary names all patterns, so it is long where these are many, and much the same for all
// images. Long ones are compressed with the first of them as the dictionary, which is kept as
// summary_dictionary in the table meta.

const (
	// longSummary is from how many bytes on a summary is compressed.
	longSummary = 1 << 10
	// dictionaryBytes is how long a dictionary may be.
	dictionaryBytes = 8 << 20
	// dictionaryID is what the compressed summaries name as their dictionary.
	dictionaryID = 1
)

// zstdMagic is what compressed bytes begin with, and no JSON does.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// summaries compresses summaries, for all goroutines.
type summaries struct {
	mu      sync.Mutex
	encoder *zstd.Encoder // nil: there is no dictionary yet
}

// pack returns a summary as it is kept. The first long one becomes the dictionary, with which
// keep is called.
func (s *summaries) pack(summary []byte, keep func([]byte) error) ([]byte, error) {
	if len(summary) < longSummary || len(summary) > dictionaryBytes {
		return summary, nil
	}
	s.mu.Lock()
	if s.encoder == nil {
		like := bytes.Clone(summary)
		err := s.use(like)
		if err == nil {
			err = keep(like)
		}
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
	}
	s.mu.Unlock()
	return s.encoder.EncodeAll(summary, nil), nil
}

// use takes a dictionary.
func (s *summaries) use(dictionary []byte) (err error) {
	window := max(zstd.MinWindowSize, 1<<bits.Len(uint(2*len(dictionary)))) // reaches the dictionary from all of a summary of its length
	s.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(window),
		zstd.WithEncoderDictRaw(dictionaryID, dictionary))
	return err
}

// packed returns a summary as it is kept. The dictionary is written before it.
func (db *DB) packed(summary []byte) ([]byte, error) {
	return db.summaries.pack(summary, func(dictionary []byte) error {
		return db.writer.later(len(dictionary), func(t *tx) error {
			return t.exec("INSERT INTO meta VALUES ('summary_dictionary', ?)", dictionary)
		})
	})
}

// useDictionary takes the dictionary of a sweep that is gone on with.
func (db *DB) useDictionary(ctx context.Context) error {
	dictionary, err := readDictionary(ctx, db.reads)
	if err != nil || dictionary == nil {
		return err
	}
	return db.summaries.use(dictionary)
}

// unpacked returns a summary that was kept as it was before.
func (r *Reader) unpacked(ctx context.Context, kept []byte) ([]byte, error) {
	if !bytes.HasPrefix(kept, zstdMagic) {
		return kept, nil
	}
	if r.decoder == nil {
		dictionary, err := readDictionary(ctx, r.db)
		if err != nil {
			return nil, err
		}
		r.decoder, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(2*dictionaryBytes), zstd.WithDecoderDictRaw(dictionaryID, dictionary))
		if err != nil {
			return nil, err
		}
	}
	return r.decoder.DecodeAll(kept, nil)
}
