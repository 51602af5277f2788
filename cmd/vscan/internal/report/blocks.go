package report

import "bytes"

// Blocks of blockBytes bytes of jsonl hold whole lines, so that it can be cut at any multiple
// of that (by split -b 1M, or a reader that counts block by block) and no hit falls on a
// cut. Where a line leaves less than blockSlack bytes of its block, blanks fill the block,
// which JSON allows at the end of a line. Where lines are longer, the limit is higher. A line
// that is longer than an eighth of a block can still cross a multiple.
const (
	blockBytes = 1 << 20
	blockSlack = 3 << 9
)

// Blocks ends lines of jsonl so that they lie in blocks. The zero Blocks is at the beginning
// of the output.
type Blocks struct {
	written int // bytes that the current block has so far
}

// Room returns how many bytes a block has to have left for lines of at most n bytes, their
// line feeds included.
func Room(n int) int { return min(max(blockSlack, n), blockBytes/8) }

// End returns a line with its end: blanks, where fewer than room bytes of its block are left
// behind it, and a line feed.
func (b *Blocks) End(line []byte, room int) []byte {
	b.written = (b.written + len(line) + 1) % blockBytes
	if left := blockBytes - b.written; left < room {
		line = append(line, bytes.Repeat([]byte{' '}, left)...)
		b.written = 0
	}
	return append(line, '\n')
}
