package packed

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"vscan/engine/image"
	"vscan/engine/image/imagetest"
)

// seeds are small containers of each kind; those of xz and bzip2 were made by their programs.
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
	return all
}

func TestSeeds(t *testing.T) {
	for name, file := range seeds() {
		c, err := unpack(t, []byte(file))
		if err != nil || c == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		b := make([]byte, c.Size)
		n, err := c.Fill(b, 0)
		if err != nil || n < 4 || string(b[:4]) != "abcd" || c.Lost > 0 || len(c.Notes) > 0 {
			t.Errorf("%s: %q, %v, notes %q", name, b[:n], err, c.Notes)
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
