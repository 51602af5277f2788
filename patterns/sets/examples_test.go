package sets

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"vscan/patterns"
)

// examples has, for patterns that are more than bytes, first something that they are made
// for, and then what looks like it but is something else, or is a placeholder.
var examples = map[string][]string{
	"headers.elf":                {"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\x7fELF\x03\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
	"headers.pe":                 {"MZ" + strings.Repeat("x", 58) + "\x80\x00\x00\x00" + strings.Repeat("x", 64) + "PE\x00\x00\x64\x86", "MZ" + strings.Repeat("x", 58) + "\x80\x00\x00\x00" + strings.Repeat("x", 64) + "PE\x00\x00\x00\x00"},
	"headers.macho64":            {"\xcf\xfa\xed\xfe\x0c\x00\x00\x01", "\xcf\xfa\xed\xfe\x0c\x00\x00\x00"},
	"headers.macho32":            {"\xce\xfa\xed\xfe\x07\x00\x00\x00"},
	"headers.macho-fat":          {"\xca\xfe\xba\xbe\x00\x00\x00\x02\x01\x00\x00\x07", "\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x1d\x0a\x00"},
	"headers.class":              {"\xca\xfe\xba\xbe\x00\x00\x00\x34\x00\x1d\x0a\x00", "\xca\xfe\xba\xbe\x00\x00\x00\x02\x01\x00\x00\x07"},
	"headers.dex":                {"dex\n035\x00", "dex\n042\x00"},
	"headers.zip":                {"PK\x03\x04\x14\x00\x00\x08\x08\x00", "PK\x03\x04\x14\x00\x00\x08\x07\x00"},
	"headers.gzip":               {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x01\x03"},
	"headers.7z":                 {"7z\xbc\xaf\x27\x1c\x00\x04"},
	"headers.xz":                 {"\xfd7zXZ\x00\x00\x04", "\xfd7zXZ\x00\x00\x02"},
	"headers.zstd":               {"\x28\xb5\x2f\xfd\x24", "\x28\xb5\x2f\xfd\x28"},
	"headers.lz4":                {"\x04\x22\x4d\x18\x64\x40", "\x04\x22\x4d\x18\x34\x40"},
	"headers.bzip2":              {"BZh91AY&SY", "BZh01AY&SY"},
	"headers.rar":                {"Rar!\x1a\x07\x01\x00"},
	"headers.cab":                {"MSCF\x00\x00\x00\x00\x01\x02\x03\x04\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x00\x00\x00\x03\x01"},
	"headers.pdf":                {"%PDF-1.7", "%PDF-1.8"},
	"headers.jpeg":               {"\xff\xd8\xff\xe0\x00\x10JFIF\x00", "\xff\xd8\xff\xe0\x00\x10JFXX\x00"},
	"headers.gif":                {"GIF89a\x10\x00\x20\x00", "GIF89a\x00GIF87a"},
	"headers.bmp":                {"BM\x36\x00\x03\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x01\x00\x18\x00"},
	"headers.riff":               {"RIFF\x01\x02\x03\x04WEBP", "RIFF\x01\x02\x03\x04WEBQ"},
	"headers.mp4":                {"\x00\x00\x00\x18ftypmp42", "\x00\x00\x00\x08ftypmp42"},
	"headers.sqlite":             {"SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20\x20", "SQLite format 3\x00\x10\x00\x03\x01\x00\x40\x20\x20"},
	"headers.registry":           {"regf0123456789abcdef\x01\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00"},
	"headers.registry-bin":       {"hbin\x00\x10\x00\x00\x00\x20\x00\x00", "hbin\x00\x11\x00\x00\x00\x20\x00\x00"},
	"headers.pcap":               {"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "\xd4\xc3\xb2\xa1\x03\x00\x04\x00"},
	"headers.pcapng":             {"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a"},
	"headers.luks":               {"LUKS\xba\xbe\x00\x02"},
	"headers.dump-windows":       {"PAGEDU64", "PAGEDUxx"},
	"headers.dump-kdump":         {"KDUMP   ", "KDUMP"},
	"kernels.linux-banner":       {"Linux version 6.1.0-13-amd64 (debian-kernel@lists.debian.org)", "Linux version 6.x"},
	"kernels.linux-vmcoreinfo":   {"OSRELEASE=6.1.0-13-amd64\n", "OSRELEASE=%s\n"},
	"kernels.linux-kerneloffset": {"KERNELOFFSET=1e00000\n", "KERNELOFFSET=%lx\n"},
	"kernels.linux-pgd":          {"SYMBOL(swapper_pg_dir)=ffffffff8260a000\n"},
	"kernels.linux-swapper":      {"swapper/0\x00\x00\x00\x00\x00\x00\x00"},
	"kernels.linux-kthreadd":     {"kthreadd\x00\x00\x00\x00\x00\x00\x00\x00"},
	"kernels.linux-cmdline":      {"BOOT_IMAGE=/boot/vmlinuz-6.1 root=UUID=1 ro quiet", "BOOT_IMAGE="},
	"kernels.windows-kdbg":       {"\x10\x20\x30\x40\x01\xf8\xff\xffKDBG\x40\x03\x00\x00", "\x10\x20\x30\x40\x01\xf8\xff\xffKDBG\x40\x03\x01\x00"},
	"kernels.windows-pdb":        {"RSDS0123456789abcdef\x01\x00\x00\x00ntkrnlmp.pdb\x00", "RSDS0123456789abcdef\x01\x00\x00\x00kernel32.pdb\x00"},
	"kernels.windows-build":      {"19041.1.amd64fre.vb_release.191206-1406", "7601.amd64fre"},
	"kernels.darwin-banner":      {"Darwin Kernel Version 22.6.0: Wed Jul  5 22:21:56 PDT 2023; root:xnu", "Darwin Kernel Version %s"},
	"kernels.bsd-banner":         {"FreeBSD 13.2-RELEASE releng/13.2-n254617", "FreeBSD 13.2"},
	"kernels.xen-banner":         {"Xen version 4.17.2 (Debian)"},

	"secrets.pem-private-key":    {"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA" + strings.Repeat("q8Zw3T", 8) + "\n", "-----BEGIN RSA PRIVATE KEY-----\x00", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL\n"},
	"secrets.pgp-private-key":    {"-----BEGIN PGP PRIVATE KEY BLOCK-----\r\n"},
	"secrets.openssh-key":        {"openssh-key-v1\x00\x00\x00\x00\x0aaes256-ctr", "openssh-key-v1\x00\x00\x00\x00\x05none"},
	"secrets.putty-key":          {"PuTTY-User-Key-File-3: ssh-ed25519\r\n", "PuTTY-User-Key-File-%d: "},
	"secrets.age":                {"AGE-SECRET-KEY-1" + strings.Repeat("QPZRY9X8", 7) + "GF", "AGE-SECRET-KEY-1" + strings.Repeat("B", 58)},
	"secrets.der-rsa-key":        {"\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00\xc3", "\x30\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00\x43"},
	"secrets.der-pkcs8-rsa-key":  {"\x30\x82\x04\xbd\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x04\x82"},
	"secrets.aws-key-id":         {"AKIA" + strings.Repeat("Q2ZK", 4), "AKIAIOSFODNN7EXAMPLE2", "AKIAIOSFODNN7EXAMPLE"},
	"secrets.aws-secret":         {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "QZAMPLEKEY", "aws_secret_access_key = short", "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
	"secrets.github":             {"ghp_" + strings.Repeat("aB3", 12), "ghp_" + strings.Repeat("aB3", 11)},
	"secrets.github-pat":         {"github_pat_" + strings.Repeat("aQ", 11) + "_" + strings.Repeat("b7", 29) + "c", "github_pat_" + strings.Repeat("a", 22) + "_" + strings.Repeat("b", 59)},
	"secrets.gitlab":             {"glpat-" + strings.Repeat("xQ", 10), "glpat-x", "glpat-" + strings.Repeat("x", 20)},
	"secrets.slack":              {"xoxb-123456789012-1234567890123-" + strings.Repeat("aQ4", 8), "xoxb-abc", "xoxb-123456789012-1234567890123-abcdefghijklmnopqrstuvwx"},
	"secrets.slack-webhook":      {"https://hooks.slack.com/services/T01234567/B01234567/" + strings.Repeat("aQ4", 8), "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"},
	"secrets.jwt":                {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U", "eyJhbGciOiJIUzI1NiJ9.x.y"},
	"secrets.google":             {"AIza" + strings.Repeat("xQ4_-", 7), "AIza", "AIza" + strings.Repeat("x", 35)},
	"secrets.stripe":             {"sk_live_" + strings.Repeat("0a", 12), "sk_test_" + strings.Repeat("0a", 12)},
	"secrets.npm":                {"npm_" + strings.Repeat("a0B", 12), "npm_config_user_agent"},
	"secrets.pypi":               {"pypi-AgEIcHlwaS5vcmc" + strings.Repeat("xQ", 25), "pypi-AgEIcHlwaS5vcmc" + strings.Repeat("x", 50)},
	"secrets.anthropic":          {"sk-ant-api03-" + strings.Repeat("xQ4", 30), "sk-ant-api03-" + strings.Repeat("x", 90)},
	"secrets.openai":             {"sk-" + strings.Repeat("aQ", 10) + "T3BlbkFJ" + strings.Repeat("b7", 10), "sk-" + strings.Repeat("a", 20) + "T3BlbkFJ" + strings.Repeat("b", 20)},
	"secrets.http-authorization": {"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("jo:open sesame")), "Authorization: Basic realm", "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
	"secrets.url-password":       {"postgres://user:hunter2@db.example", "http://example.com:8080/@x"},
	"secrets.crypt":              {"$1$abcdefgh$" + strings.Repeat("xQ", 11), "$1$abcdefgh$" + strings.Repeat("xQ", 10) + "x", "$1$abcdefgh$" + strings.Repeat("x", 22)},
	"secrets.argon2":             {"$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + strings.Repeat("xQ", 22)[:43], "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + strings.Repeat("x", 43)},

	"net.url":           {"https://example.com/a?b=c", "http://addEventListener"},
	"net.url-utf16":     {wide("https://example.com/"), "https://example.com/"},
	"net.email":         {"jo.doe+x@example.co.uk", "jo@example"},
	"net.email-utf16":   {wide("jo@example.org"), "jo@example.org"},
	"net.ipv4":          {"192.168.0.255", "192.168.0.256"},
	"net.ipv6":          {"fe80::1ff:fe23:4567:890a", "7:7:7:7:7:7:7:7"},
	"net.ipv6-loopback": {"::1", "::12"},
	"net.ipv6-ipv4":     {"::ffff:1.2.3.4", "::ffff:1.2.3"},
	"net.mac":           {"00:1a:2b:3C:4d:5e", "00:1a:2b-3C:4d:5e"},
	"net.http-request":  {"GET /index.html HTTP/1.1\r\n", "GET / HTTP/3\r\n"},
	"net.http-status":   {"HTTP/1.1 404 Not Found\r\n", "HTTP/1.1 %d %s\r\n"},
	"net.http-host":     {"\nHost: example.com:8080\r\n", "\nHost: %s\r\n"},
	"net.onion":         {strings.Repeat("abcdefg", 8) + ".onion", strings.Repeat("abcdefg", 7) + ".onion"},

	"heap.glibc-tcache":     {"\x00\x00\x00\x00\x00\x00\x00\x00\x91\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x07\x00", 64) + tcacheRest, "\x00\x00\x00\x00\x00\x00\x00\x00\x91\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x07\x00", 64) + strings.Repeat("\x00", 528)},
	"heap.glibc-tcache-old": {"\x00\x00\x00\x00\x00\x00\x00\x00\x51\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x07", 64) + tcacheRest, "\x00\x00\x00\x00\x00\x00\x00\x00\x51\x02\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x17", 64) + tcacheRest},
	"heap.tcmalloc-code":    {"tcmalloc: large alloc ", "tcmalloc: "},
	"heap.windows-segment":  {"\xee\xff\xee\xff\x02\x00\x00\x00", "\xee\xff\xee\xff\x12\x00\x00\x00"},
	"heap.windows-freed":    {strings.Repeat("\xee\xfe", 8), strings.Repeat("\xee\xfe", 7)},
	"heap.windows-unset":    {strings.Repeat("\x0d\xf0\xad\xba", 4), strings.Repeat("\x0d\xf0\xad\xba", 3)},
}

// tcacheRest is the free lists of a tcache and the head of the chunk behind it.
var tcacheRest = strings.Repeat("\x10\x20\x30\x40\x55\x55\x00\x00", 64) + strings.Repeat("\x00", 8) + "\x21\x00\x00\x00\x00\x00\x00\x00"

func wide(s string) string {
	return strings.Join(strings.Split(s, ""), "\x00") + "\x00"
}

func TestExamples(t *testing.T) {
	used := 0
	for _, s := range All() {
		pats, err := s.Patterns()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pats {
			list := examples[p.Name]
			set, err := patterns.Compile(context.Background(), []patterns.Pattern{p}, patterns.Target{})
			if err != nil {
				t.Fatal(err)
			}
			needles := set.Needles()
			if plain := len(needles) == 1 && needles[0].Mask == nil; plain || p.Kind == patterns.KindAES {
				continue // the pattern is the bytes that it has, or has tests of its own
			}
			if len(list) == 0 {
				if len(needles) != 1 {
					t.Errorf("%s: no example", p.Name)
				}
				continue
			}
			used++
			for i, text := range list {
				if n := matchAt0(set, text); (n > 0) != (i == 0) || n > len(text) {
					t.Errorf("%s: %q: a match of %d bytes", p.Name, text, n)
				}
			}
		}
	}
	if used != len(examples) {
		t.Errorf("%d examples of %d belong to a pattern", used, len(examples))
	}
}

// matchAt0 returns the length of a match at the start of text, 0 where there is none.
func matchAt0(set *patterns.Set, text string) int {
	for _, n := range set.Needles() {
		same := len(text) >= n.Len()
		for i := range n.Len() {
			mask := byte(0xff)
			if n.Mask != nil {
				mask = n.Mask[i]
			}
			same = same && text[i]&mask == n.Lit[i]
		}
		if same {
			return n.Len()
		}
	}
	for _, e := range set.Exprs() {
		if n := e.Matcher.Match(&patterns.Memory{Bytes: []byte(text)}, 0); n > 0 && !e.Excepted([]byte(text[:n])) {
			return n
		}
	}
	return 0
}
