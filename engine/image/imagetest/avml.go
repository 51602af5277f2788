package imagetest

import (
	"hash/crc32"

	"github.com/klauspost/compress/s2"

	"vscan/engine/addr"
)

// Compressed AVML dumps as image.rs and snappy.rs of AVML, and framing_format.txt of snappy,
// describe them.

// AVMLRecord returns a compressed record whose stream is the identifier and chunks.
func AVMLRecord(first, last uint64, chunks ...string) string {
	stream := "\xff\x06\x00\x00sNaPpY"
	for _, c := range chunks {
		stream += c
	}
	return AVMLHeader(first, last) + stream + Words(addr.Little, 8, uint64(len(stream)))
}

// AVMLHeader returns the header of a compressed record.
func AVMLHeader(first, last uint64) string {
	return "AVML" + Words(addr.Little, 4, 2) + Words(addr.Little, 8, first, last, 0)
}

// PackedChunk returns a chunk of bytes that snappy has packed.
func PackedChunk(data string) string {
	return snappyChunk(0, Words(addr.Little, 4, maskedSum(data))+string(s2.EncodeSnappy(nil, []byte(data))))
}

// PlainChunk returns a chunk of bytes as they are.
func PlainChunk(data string) string {
	return snappyChunk(1, Words(addr.Little, 4, maskedSum(data))+data)
}

// PaddingChunk returns a chunk of zeros that stand for nothing.
func PaddingChunk(n int) string { return snappyChunk(0xfe, Zeros(n)) }

func snappyChunk(kind byte, data string) string {
	return string([]byte{kind}) + Words(addr.Little, 4, uint64(len(data)))[:3] + data
}

func maskedSum(data string) uint64 {
	sum := crc32.Checksum([]byte(data), crc32.MakeTable(crc32.Castagnoli))
	return uint64((sum>>15 | sum<<17) + 0xa282ead8)
}
