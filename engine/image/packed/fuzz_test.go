package packed

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"hash/crc32"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// seeds are small containers of each kind and packed form, of what begins with "abcd"; those of xz and bzip2 were
// made by their programs. What LiME compresses begins as its records do.
func seeds() map[string]string {
	all := map[string]string{
		"xz":    "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x16\x00\x00\x00t/\xe5\xa3\x01\x00\x03abcd\x00\xba`YnY(\x9d<\x00\x01\x1c\x04o,\x9c\xc1\x1f\xb6\xf3}\x01\x00\x00\x00\x00\x04YZ",
		"bzip2": "BZh91AY&SY=L3K\x00\x00\x00\x01\x00<\x00 \x00!\x9ah3M\x13<]\xc9\x14\xe1B@\xf50\xcd,",
	}
	var g, z, l, s bytes.Buffer
	gz := gzip.NewWriter(&g)
	gz.Write([]byte("abcd"))
	gz.Close()
	all["gzip"] = g.String() + g.String()
	zs, _ := zstd.NewWriter(nil)
	all["zstd"] = string(zs.EncodeAll([]byte("abcd"), nil)) + "\x50\x2a\x4d\x18\x02\x00\x00\x00zz" + string(zs.EncodeAll([]byte("efgh"), nil))
	zw, _ := zstd.NewWriter(&s)
	zw.Write([]byte("abcd"))
	zw.Flush()
	zw.Close()
	all["zstd stream"] = s.String()
	lw := lz4.NewWriter(&l)
	lw.Write([]byte("abcd"))
	lw.Close()
	all["lz4"] = l.String()
	zipped := zip.NewWriter(&z)
	w, _ := zipped.Create("a")
	w.Write([]byte("abcdabcdabcdabcd"))
	zipped.Close()
	all["zip"] = z.String()
	all["bgzip"] = "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00\x1f\x00KLJN\x01\x00\x11\xcd\x82\xed\x04\x00\x00\x00\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x06\x00BC\x02\x00\x1b\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	all["xz of two blocks"] = all["xz"] + all["xz"] // its index tells both: it is read at random
	all["lz4 of two frames"] = all["lz4"] + all["lz4"]
	const skipped = "\x50\x2a\x4d\x18\x02\x00\x00\x00zz"
	all["skipped, zstd"], all["skipped, lz4"] = skipped+all["zstd"], skipped+all["lz4"]
	all["zlib"] = zlibLiME(imagetest.Record(0x1000, 0x1003, "abcd") + imagetest.Record(0x3000, 0x3fff, imagetest.Zeros(4096)))
	all["lz4 legacy"] = "\x02\x21\x4c\x18\x05\x00\x00\x00\x40abcd"
	all["stored"] = archive(zip.Store, "abcd")
	all["zip of bzip2"] = archive(methodBzip2, all["bzip2"])
	all["zip of zstd"] = archive(methodZstd, s.String())
	all["zip of xz"] = archive(methodXz, all["xz"])
	return all
}

// zlibLiME returns bytes as LiME compresses them: one zlib stream.
func zlibLiME(b string) string {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write([]byte(b))
	w.Close()
	return z.String()
}

// archive returns a ZIP archive of one file, "abcd", that is packed by a method.
func archive(method uint16, packed string) string {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, _ := z.CreateRaw(&zip.FileHeader{Name: "a", Method: method, CRC32: crc32.ChecksumIEEE([]byte("abcd")), CompressedSize64: uint64(len(packed)), UncompressedSize64: 4})
	w.Write([]byte(packed))
	z.Close()
	return b.String()
}

// Every container that is read has a seed, and all of a seed is read.
func TestSeeds(t *testing.T) {
	seen := map[string]bool{}
	for name, file := range seeds() {
		for _, k := range Formats {
			if k.Match([]byte(file)) {
				seen[k.Name] = true
				break
			}
		}
		begin := "abcd"
		if name == "zlib" {
			begin = "EMiL"
		}
		c, err := unpack(t, []byte(file))
		if err != nil || c == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b := make([]byte, c.Size)
		n, err := c.Fill(b, 0)
		if err != nil || n < 4 || string(b[:4]) != begin || c.Lost > 0 || len(c.Notes) > 0 {
			t.Errorf("%s: %q, %v, notes %q", name, b[:n], err, c.Notes)
		}
	}
	for _, k := range Formats {
		if !seen[k.Name] {
			t.Errorf("%s has no seed", k.Name)
		}
	}
}

type content struct {
	Fill  func([]byte, uint64) (int, error)
	Size  uint64
	Lost  uint64
	Notes []string
}

// unpack opens bytes as the container that they are; nil where they are none.
func unpack(t *testing.T, b []byte) (*content, error) {
	for i := range Formats {
		if !Formats[i].Match(b) {
			continue
		}
		c, err := Formats[i].Unpack(t.Context(), imagetest.Reader(b), image.Options{UnpackLimit: 1 << 20}, func([]byte) error { return nil })
		if err != nil {
			return nil, err
		}
		return &content{c.Fill, c.Size, c.Lost, c.Notes}, nil
	}
	return nil, nil
}

func FuzzContainers(f *testing.F) {
	for _, file := range seeds() {
		f.Add([]byte(file))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := unpack(t, b)
		if c == nil || err != nil {
			return
		}
		if c.Size == 0 || len(c.Notes) > image.MaxNotes+1 || (c.Lost > 0) != (len(c.Notes) > 0) && len(b) == 0 {
			t.Errorf("%d bytes, %d lost, %d notes", c.Size, c.Lost, len(c.Notes))
		}
		part := make([]byte, min(c.Size, 1<<16))
		for _, off := range []uint64{0, c.Size / 2, c.Size - 1} {
			if n, err := c.Fill(part, off); err == nil && uint64(n) != min(uint64(len(part)), c.Size-off) {
				t.Errorf("%d bytes at %d of %d", n, off, c.Size)
			}
		}
	})
}
