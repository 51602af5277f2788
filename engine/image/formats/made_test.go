package formats_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vscan/engine/image/formats"
	"vscan/internal/testenv"
)

type madeFile struct{ name, want, need, script string }

// made are files that the formats' own programs, named by need, make of memory.bin
// with a script of sh. want is the format, "" where the file holds memory as it is.
var made = []madeFile{
	{"m.gz", "", "gzip", "gzip -c memory.bin > m.gz"},
	{"m.zst", "", "zstd", "zstd -q memory.bin -o m.zst"},
	{"m.xz", "", "xz", "xz -0 -c memory.bin > m.xz"},
	{"m.lzma", "lzma", "xz", "xz -0 --format=lzma -c memory.bin > m.lzma"},
	{"odd.lzma", "lzma", "xz", "xz --format=lzma --lzma1=dict=96KiB,lc=1,lp=2,pb=0 -c memory.bin > odd.lzma"},
	{"sized.lzma", "lzma", "xz", `xz --format=lzma -c memory.bin > sized.lzma && printf '\000\000\020\000\000\000\000\000' | dd of=sized.lzma bs=1 seek=5 conv=notrunc && xz --format=lzma -t sized.lzma`},
	{"m.z", "pack", "gzip", `printf '\037\036\000\000\000\004\001\000a\010' > m.z && test $(gzip -dc < m.z) = aaaa`}, // no pack here, but what unpacks it
	{"m.bz2", "", "bzip2", "bzip2 -c memory.bin > m.bz2"},
	{"m.lz4", "", "lz4", "lz4 -q memory.bin m.lz4"},
	{"l.lz4", "", "lz4", "lz4 -q -l memory.bin l.lz4"},
	{"m.lzo", "lzop", "lzop", "lzop -o m.lzo memory.bin"},
	{"m.zlib", "zlib", "zlib-flate", "zlib-flate -compress < memory.bin > m.zlib"},
	{"one.zlib", "zlib", "zlib-flate", "zlib-flate -compress=1 < memory.bin > one.zlib"},
	{"zero.zlib", "zlib", "zlib-flate", "head -c 9000000 /dev/zero | zlib-flate -compress > zero.zlib"},
	{"tiny.zlib", "zlib", "zlib-flate", "printf x | zlib-flate -compress > tiny.zlib"},
	{"stored.zlib", "zlib", "zlib-flate", "zlib-flate -compress=0 < memory.bin > stored.zlib"},
	{"best.zlib", "zlib", "zlib-flate", "zlib-flate -compress=9 < memory.bin > best.zlib"},
	{"noise.zlib", "zlib", "zlib-flate", "(echo some text; head -c 200000 /dev/urandom) | zlib-flate -compress > noise.zlib"},
	{"mixed.zlib", "zlib", "zlib-flate", "(cat memory.bin; head -c 100000 /dev/urandom; cat memory.bin) | zlib-flate -compress > mixed.zlib"},
	{"turns.zlib", "zlib", "zlib-flate", "for i in 1 2 3; do head -c 9000 memory.bin; head -c 9000 /dev/urandom; done | zlib-flate -compress=1 > turns.zlib"},
	{"fixed.zlib", "zlib", "python3", python("o = z.compressobj(6, z.DEFLATED, 15, 8, z.Z_FIXED); f = o.compress(m) + o.flush()", "fixed.zlib")},
	{"huffman.zlib", "zlib", "python3", python("o = z.compressobj(6, z.DEFLATED, 15, 8, z.Z_HUFFMAN_ONLY); f = o.compress(m) + o.flush()", "huffman.zlib")},
	{"window.zlib", "zlib", "python3", python("o = z.compressobj(9, z.DEFLATED, 9, 1); f = o.compress(m) + o.flush()", "window.zlib")},
	{"flush.zlib", "zlib", "python3", python("o = z.compressobj(); f = o.compress(b'head') + o.flush(z.Z_SYNC_FLUSH) + o.compress(m) + o.flush(z.Z_FULL_FLUSH) + o.compress(os.urandom(9999)) + o.flush()", "flush.zlib")},
	{"flushed.zlib", "zlib", "python3", python("o = z.compressobj(); f = o.compress(b'a') + o.flush(z.Z_SYNC_FLUSH) + o.compress(os.urandom(99999)) + o.flush()", "flushed.zlib")},
	{"python.zlib", "zlib", "python3", python("f = z.compress(m, 1)", "python.zlib")},
	{"m.lz", "lzip", "lzip", "lzip -c memory.bin > m.lz"},
	{"m.Z", "compress", "compress", "compress -f -c memory.bin > m.Z"},
	{"twelve.Z", "compress", "compress", "compress -f -b 12 -c memory.bin > twelve.Z"},
	{"zero.Z", "compress", "compress", "head -c 100000 /dev/zero | compress -f -c > zero.Z"},
	{"text.Z", "compress", "compress", "echo hello hello hello | compress -f -c > text.Z"},
	{"m.lrz", "lrzip", "lrzip", "lrzip -q -o m.lrz memory.bin"},
	{"m.rz", "rzip", "rzip", "rzip -k -o m.rz memory.bin"},
	{"m.zpaq", "zpaq", "zpaq", "zpaq a m.zpaq memory.bin"},
	{"m.zip", "", "zip", "zip -q m.zip memory.bin"},
	{"m.7z", "7z", "7zz", "7zz a m.7z memory.bin"},
	{"m.tar", "tar", "tar", "tar -cf m.tar memory.bin"},
	{"v7.tar", "tar", "tar", "tar --format=v7 -cf v7.tar memory.bin"},
	{"pax.tar", "tar", "tar", "tar --format=pax -cf pax.tar memory.bin"},
	{"bin.cpio", "cpio", "cpio", "echo memory.bin | cpio -o -H bin > bin.cpio"},
	{"odc.cpio", "cpio", "cpio", "echo memory.bin | cpio -o -H odc > odc.cpio"},
	{"newc.cpio", "cpio", "cpio", "echo memory.bin | cpio -o -H newc > newc.cpio"},
	{"crc.cpio", "cpio", "cpio", "echo memory.bin | cpio -o -H crc > crc.cpio"},
	{"swapped.cpio", "cpio", "cpio", "echo memory.bin | cpio -o -H bin | dd conv=swab of=swapped.cpio"},
	{"empty.cpio", "cpio", "cpio", "cpio -o -H bin < /dev/null > empty.cpio"},
	{"folder.cpio", "cpio", "cpio", "mkdir -p f && cp memory.bin f/x && find f | cpio -o -H bin > folder.cpio"},
	{"odd.cpio", "cpio", "cpio", "mkdir -p g && printf abc > g/ab && ln -sf ab g/link && find g | sort -r | cpio -o -H bin > odd.cpio"},
	{"oddswap.cpio", "cpio", "cpio", "mkdir -p g && printf abc > g/ab && ln -sf ab g/link && find g | cpio -o -H bin | dd conv=swab of=oddswap.cpio"},
	{"strange.cpio", "cpio", "cpio", "printf x > \"$(printf 'a\\nb')\" && printf 'a\\nb\\0' | cpio -o -0 -H bin > strange.cpio"},
	{"bsd.cpio", "cpio", "bsdcpio", "echo memory.bin | bsdcpio -o -H bin > bsd.cpio"},
	{"pwb.cpio", "cpio", "bsdcpio", "echo memory.bin | bsdcpio -o -H pwb > pwb.cpio"},
	{"pwbfolder.cpio", "cpio", "bsdcpio", "mkdir -p f && cp memory.bin f/x && find f | bsdcpio -o -H pwb > pwbfolder.cpio"},
	{"bsdodc.cpio", "cpio", "bsdcpio", "echo memory.bin | bsdcpio -o -H odc > bsdodc.cpio"},
	{"m.a", "ar", "ar", "ar rc m.a memory.bin"},
	{"m.deb", "deb", "dpkg-deb", "mkdir -p d/DEBIAN && printf 'Package: m\\nVersion: 1\\nArchitecture: all\\nMaintainer: m <m@m>\\nDescription: m\\n' > d/DEBIAN/control && cp memory.bin d/ && dpkg-deb -b d m.deb"},
	{"m.cab", "cab", "gcab", "gcab -c m.cab memory.bin"},
	{"m.wim", "wim", "wimcapture", "mkdir -p w && cp memory.bin w/ && wimcapture w m.wim"},
	{"pipe.wim", "wim", "wimcapture", "mkdir -p w && cp memory.bin w/ && wimcapture --pipable w pipe.wim"},
	{"m.arj", "arj", "arj", "arj a m.arj memory.bin"},
	{"m.lzh", "lha", "jlha", "jlha c m.lzh memory.bin"},
	{"folder.lzh", "lha", "jlha", "mkdir -p l && cp memory.bin l/x && jlha c folder.lzh l"},
	{"one.lzh", "lha", "jlha", "jlha c1 one.lzh memory.bin"},
	{"zero.lzh", "lha", "jlha", "jlha c0 zero.lzh memory.bin"},
	{"two.lzh", "lha", "jlha", "jlha c2 two.lzh memory.bin"},
	{"m.qcow2", "qcow2", "qemu-img", "qemu-img convert -O qcow2 memory.bin m.qcow2"},
	{"m.qcow", "qcow2", "qemu-img", "qemu-img convert -O qcow memory.bin m.qcow"},
	{"m.qed", "qed", "qemu-img", "qemu-img convert -O qed memory.bin m.qed"},
	{"m.vmdk", "vmdk", "qemu-img", "qemu-img convert -O vmdk memory.bin m.vmdk"},
	{"stream.vmdk", "vmdk", "qemu-img", "qemu-img convert -O vmdk -o subformat=streamOptimized memory.bin stream.vmdk"},
	{"flat.vmdk", "vmdk descriptor", "qemu-img", "qemu-img convert -O vmdk -o subformat=monolithicFlat memory.bin flat.vmdk"},
	{"flat-flat.vmdk", "", "qemu-img", "qemu-img convert -O vmdk -o subformat=monolithicFlat memory.bin flat.vmdk"},
	{"m.vhdx", "vhdx", "qemu-img", "qemu-img convert -O vhdx memory.bin m.vhdx"},
	{"m.vhd", "vhd", "qemu-img", "qemu-img convert -O vpc memory.bin m.vhd"},
	{"fixed.vhd", "vhd", "qemu-img", "qemu-img convert -O vpc -o subformat=fixed memory.bin fixed.vhd"},
	{"m.vdi", "vdi", "qemu-img", "qemu-img convert -O vdi memory.bin m.vdi"},
	{"m.hdd", "Parallels disk", "qemu-img", "qemu-img convert -O parallels memory.bin m.hdd"},
	{"m.luks", "LUKS", "cryptsetup", "head -c 32000000 /dev/zero > m.luks && printf x | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 m.luks -"},
	{"one.luks", "LUKS", "cryptsetup", "head -c 8000000 /dev/zero > one.luks && printf x | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 one.luks -"},
	{"m.simg", "Android sparse image", "img2simg", "img2simg memory.bin m.simg"},
	{"m.boot", "Android boot image", "mkbootimg", "mkbootimg --kernel memory.bin --output m.boot"},
	{"m.sqsh", "squashfs", "mksquashfs", "mksquashfs memory.bin m.sqsh -quiet -no-progress"},
	{"m.cramfs", "cramfs", "mkfs.cramfs", "mkdir -p c && cp memory.bin c/ && mkfs.cramfs c m.cramfs"},
	{"m.erofs", "erofs", "mkfs.erofs", "mkdir -p e && cp memory.bin e/ && mkfs.erofs -zlz4 m.erofs e"},
	{"plain.erofs", "", "mkfs.erofs", "mkdir -p e && cp memory.bin e/ && mkfs.erofs plain.erofs e"},
	{"m.iso", "", "genisoimage", "genisoimage -quiet -o m.iso memory.bin"},
	{"m.aff", "AFF", "affconvert", "cp memory.bin m.raw && affconvert m.raw"},
	{"m.E01", "EWF", "ewfacquire", "ewfacquire -u -q -t m memory.bin"},
	{"m.enc", "OpenSSL enc", "openssl", "openssl enc -aes-256-cbc -pbkdf2 -k x -in memory.bin -out m.enc"},
	{"m.gpg", "OpenPGP message", "gpg", "mkdir -p -m 700 h && gpg --homedir h --batch --passphrase x --s2k-count 65536 -c -o m.gpg memory.bin"},
	{"key.gpg", "OpenPGP message", "gpg", "mkdir -p -m 700 k && gpg --homedir k --batch --passphrase '' --quick-gen-key m@m default default never && gpg --homedir k --batch --trust-model always -r m@m -e -o key.gpg memory.bin"},
	{"m.swap", "", "mkswap", "head -c 1000000 /dev/zero > m.swap && mkswap m.swap"},
}

// python returns a script that makes a file of f, which Python makes of m with zlib.
func python(make, file string) string {
	return `python3 -c "import os, zlib as z; m = open('memory.bin', 'rb').read(); ` + make + `; open('` + file + `', 'wb').write(f)"`
}

// Files that other programs make are what they are, and refused; what holds the
// bytes as they are is opened.
func TestMade(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds to run so many programs")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "memory.bin"), memoryLike(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range testenv.Some(t, 20, made) {
		t.Run(c.name, func(t *testing.T) {
			path := makeFile(t, dir, c.name, c.need, c.script)
			if got := openedAs(t, path); got != c.want {
				t.Errorf("opened as %q, want %q", got, c.want)
			}
		})
	}
}

// What a refusal advises gets the bytes out, whatever the file is called.
func TestAdvice(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds to run so many programs")
	}
	memory := memoryLike()
	for _, name := range testenv.Some(t, 6, []string{"m.gz", "m.zst", "m.xz", "m.lzma", "m.bz2", "m.lz4", "l.lz4", "m.lzo", "m.zlib", "m.lz", "m.Z", "m.lrz", "m.rz", "m.zpaq",
		"m.zip", "m.7z", "m.tar", "newc.cpio", "m.a", "m.cab", "m.arj", "m.qcow2", "m.vhd", "m.simg", "m.sqsh", "m.E01"}) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "memory.bin"), memory, 0o644); err != nil {
				t.Fatal(err)
			}
			c := made[slices.IndexFunc(made, func(c madeFile) bool { return c.name == name })]
			file, err := os.ReadFile(makeFile(t, dir, c.name, c.need, c.script))
			if err != nil {
				t.Fatal(err)
			}
			for _, called := range []string{"plain", "-x.dat", "disk 12:30.it's"} {
				if name == "m.E01" { // its program takes no other
					called += ".E01"
				}
				takeAdvice(t, formats.Recognize(file, file).Advise(called), called, file, memory)
			}
		})
	}
}

// takeAdvice does what is in brackets, with a program that is here, in a folder with nothing but the file, and
// looks for the content in the files that come of it.
func takeAdvice(t *testing.T, advice, called string, file, content []byte) {
	t.Helper()
	_, commands, _ := strings.Cut(advice, "(")
	commands, _, _ = strings.Cut(commands, ")")
	command := ""
	for _, c := range strings.Split(commands, ", or ") {
		if _, err := exec.LookPath(strings.Fields(c)[0]); err == nil {
			command = c
		}
	}
	if command == "" {
		t.Skipf("nothing of %q is installed", commands)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, called), file, 0o644); err != nil {
		t.Skip(err) // not a name here
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	var made []string
	filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
		b, _ := os.ReadFile(path)
		if made = append(made, path); bytes.HasPrefix(b, content) && filepath.Base(path) != called {
			content = nil
		}
		return nil
	})
	if content != nil {
		t.Errorf("%s made %q, in which the content is not", command, made)
	}
}

// makeFile runs a script in a folder; without the program that it needs, the test
// is skipped.
func makeFile(t *testing.T, dir, name, need, script string) string {
	t.Helper()
	if _, err := exec.LookPath(need); err != nil {
		if _, err := os.Stat(filepath.Join("/usr/sbin", need)); err != nil {
			t.Skipf("%s is not installed", need)
		}
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("%s does not make such a file here: %v: %s", need, err, bytes.TrimSpace(out))
	}
	return filepath.Join(dir, name)
}

// memoryLike is 1 MiB of zero pages, pointers, text and noise.
func memoryLike() []byte {
	var b bytes.Buffer
	for page := 0; b.Len() < 1<<20; page++ {
		switch page % 4 {
		case 1:
			for i := range 512 {
				b.Write([]byte{byte(i), byte(page), byte(i * 7), 0x81, 0xff, 0xff, 0xff, 0xff})
			}
		case 2:
			b.WriteString(strings.Repeat(fmt.Sprintf("page %06d of text ", page), 256)[:4096])
		case 3:
			x := uint32(page)
			for range 4096 {
				x = x*1664525 + 1013904223
				b.WriteByte(byte(x >> 24))
			}
		default:
			b.Write(make([]byte, 4096))
		}
	}
	return b.Bytes()
}
