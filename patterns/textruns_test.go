package patterns

import (
	"context"
	"encoding/binary"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"vscan/internal/testenv"
)

// Something that people write in each script; all of it is one run.
var writings = []string{
	"Пароль от сейфа: яблоко и груша, а не 12345",
	"Ο κωδικός είναι «θάλασσα» και όχι άλλος",
	"密码是开门的钥匙请不要告诉别人",
	"كلمة المرور هي مفتاح الباب",
	"パスワードを忘れた場合はこちらをクリックしてください",
	"비밀번호를 잊으셨나요 다시 설정하기",
	"सुरक्षा कुंजी यहाँ लिखें",
	"הסיסמה שלך שגויה",
	"รหัสผ่านไม่ถูกต้อง",
	"Zażółć gęślą jaźń — „naïve café“ Straße",
	"hello 😀😀 wörld 👍",
	"plain text, 7 bit",
	"C:\\Users\\Вася\\Рабочий стол\\отчёт.docx",
}

// written returns text in an encoding.
func written(s string, e Encoding) (b []byte) {
	for _, r := range s {
		switch e {
		case ASCII, UTF8:
			b = utf8.AppendRune(b, r)
		case UTF32LE:
			b = binary.LittleEndian.AppendUint32(b, uint32(r))
		case UTF32BE:
			b = binary.BigEndian.AppendUint32(b, uint32(r))
		default:
			for _, u := range utf16.AppendRune(nil, r) {
				if e == UTF16LE {
					b = binary.LittleEndian.AppendUint16(b, u)
				} else {
					b = binary.BigEndian.AppendUint16(b, u)
				}
			}
		}
	}
	return b
}

// texts returns what is looked for, by encoding.
func texts(t testing.TB, minimal int, encodings ...Encoding) map[Encoding]Expr {
	t.Helper()
	pats, err := TextRuns(encodings, minimal)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Compile(context.Background(), pats, Target{})
	if err != nil || len(set.Exprs()) != len(encodings) {
		t.Fatal(err)
	}
	out := map[Encoding]Expr{}
	for i, e := range encodings {
		out[e] = set.Exprs()[i]
	}
	return out
}

// Every writing is found whole in every encoding, at any place, whatever stands around it,
// by the Matcher and by the Finder.
func TestTexts(t *testing.T) {
	for _, e := range TextRunEncodings {
		for _, around := range [][2]string{{"", ""}, {"\x00\x05\xf8", "\x00\x00\x00\x00"}, {"\xff\xff", "\xff\xff\xff"}, {strings.Repeat("\x00", 101), "\x00\x00"}} {
			for _, text := range writings {
				if e == ASCII && text != "plain text, 7 bit" {
					continue
				}
				b := written(text, e)
				m := slices.Concat([]byte(around[0]), b, []byte(around[1]))
				want := [2]int{len(around[0]), len(b)}
				for _, plain := range []bool{false, true} {
					got := matchesIn(texts(t, 4, e)[e], &Memory{Bytes: m}, len(m), plain)
					if !slices.Contains(got, want) {
						t.Errorf("%v, %q between %q: %v, want %v", e, text, around, got, want)
					}
				}
				if got := e.decode(b); got != text || e.RunLen(b) != len(b) {
					t.Errorf("%v: %q of %q", e, got, text)
				}
			}
		}
	}
	if _, err := TextRuns([]Encoding{UTF8}, 0); err == nil {
		t.Error("runs of no characters")
	}
	if _, err := ASCIIRuns(UTF8, 4); err == nil {
		t.Error("Strings of utf8")
	}
}

// Text in ASCII and UTF-8 is no text in UTF-16, wherever it begins, and neither are fills.
func TestTextsNotWide(t *testing.T) {
	for _, b := range [][]byte{
		[]byte("\x00Bush hid the facts, refreshed references and Economics\x00\x00\x00"), []byte("\x00\x00referencee\x00\x00\x00monomnonom\x00\x00\x00"),
		[]byte(strings.Repeat("-----=====*****.....      \n", 50)), []byte("\x00" + strings.Repeat("0a1b2c3d4e5f60708090", 50) + "\x00\x00"),
		[]byte(writings[0] + "\x00\x00\x00" + writings[2] + "\x00\x00"),
		[]byte(strings.Repeat("\x01", 99)), []byte(strings.Repeat("\x00\x04", 99)), []byte(strings.Repeat("\x30", 99)), []byte(strings.Repeat("\x06\x06\x05", 99)),
	} {
		for e, x := range texts(t, 4, UTF16LE, UTF16BE) {
			if got := matchesIn(x, &Memory{Bytes: b}, len(b), false); got != nil {
				t.Errorf("%v: %v in %.60q", e, got, b)
			}
		}
	}
}

// Where ascii and utf8 are looked for together, a run is of one of them, and no run of
// ASCII is lost, however long it is.
func TestTextsApart(t *testing.T) {
	long := strings.Repeat("x", MaxRun)
	for _, c := range []struct{ text, want string }{
		{"hello\x00", "ascii 0+5"},
		{"hello мир\x00", "utf8 0+12"},
		{"мир hello\x00", "utf8 0+12"},
		{"ab\x00мир!\x00abcd", "utf8 3+7 ascii 11+4"},
		{"hell\xd0\x00", "ascii 0+4"},
		{"hell\u0416\x00", "ascii 0+4"}, // a letter alone may be chance
		{"hell\u0416 \u0436\x00", "utf8 0+9"},
		{"caf\u00e9\x00", "utf8 0+5"},
		{long[1:] + "мир\x00", "utf8 0+" + "4097"},
		{long + "мира\x00", "ascii 0+4096 utf8 4096+8"},
		{long + "z\x00", "ascii 0+4096"},
	} {
		m := &Memory{Bytes: []byte(c.text)}
		found := texts(t, 4, ASCII, UTF8)
		for _, plain := range []bool{false, true} {
			var got []string
			type hit struct {
				at, n int
				e     Encoding
			}
			var hits []hit
			for e, x := range found {
				for _, h := range matchesIn(x, m, len(m.Bytes), plain) {
					hits = append(hits, hit{h[0], h[1], e})
				}
			}
			slices.SortFunc(hits, func(a, b hit) int { return a.at - b.at })
			for _, h := range hits {
				got = append(got, h.e.String()+" "+itoa(h.at)+"+"+itoa(h.n))
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%.20q…: %s, want %s", c.text, s, c.want)
			}
		}
	}
}

func itoa(n int) string { return string(appendInt(nil, n)) }

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

// The Finder skips nothing that the Matcher takes, also where memory is seen in blocks.
// With ascii and utf8 together, everything is found that ASCIIRuns finds.
func TestTextsNext(t *testing.T) {
	rnd := testenv.Rand(t)
	all := texts(t, 4, TextRunEncodings...)
	found := 0
	for range 400 {
		var b []byte
		for len(b) < 600 {
			switch rnd.IntN(5) {
			case 0:
				b = append(b, make([]byte, rnd.IntN(70))...)
			case 1:
				for range rnd.IntN(40) {
					b = append(b, byte(rnd.Uint32()))
				}
			case 2: // bytes that are halves of much
				for range rnd.IntN(40) {
					b = append(b, []byte{0xd0, 0xb0, 0xd8, 0xdc, 0x04, 0x4e, 'a', ' ', 0, 0x3d, 0xe4, 0x80}[rnd.IntN(12)])
				}
			default:
				text := []rune(writings[rnd.IntN(len(writings))])
				from := rnd.IntN(len(text))
				text = text[from:]
				b = append(b, written(string(text[:rnd.IntN(len(text)+1)]), TextRunEncodings[rnd.IntN(6)])...)
			}
		}
		for e, x := range all {
			want := matchesIn(x, &Memory{Bytes: b}, len(b), true)
			found += len(want)
			if got := matchesIn(x, &Memory{Bytes: b}, len(b), false); !slices.Equal(got, want) {
				t.Fatalf("%v in %q:\n got %v\nwant %v", e, b, got, want)
			}
			from := rnd.IntN(len(b))
			to := from + rnd.IntN(len(b)-from+1)
			m := &Memory{Bytes: b[from:], Beyond: func(i int) (byte, bool) {
				if i += from; i < 0 || i >= len(b) {
					return 0, false
				}
				return b[i], true
			}}
			want = slices.DeleteFunc(want, func(r [2]int) bool { return r[0] < from || r[0] >= to })
			got := matchesIn(x, m, to-from, false)
			for i := range got {
				got[i][0] += from
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v from %d to %d of %q:\n got %v\nwant %v", e, from, to, b, got, want)
			}
		}
		// Nothing of ASCII is lost.
		covered := make([]bool, len(b))
		for _, e := range []Encoding{ASCII, UTF8} {
			for _, h := range matchesIn(all[e], &Memory{Bytes: b}, len(b), false) {
				for i := range h[1] {
					covered[h[0]+i] = true
				}
			}
		}
		for _, h := range matchesIn(oneRun(t, ASCII, 4), &Memory{Bytes: b}, len(b), false) {
			if slices.Contains(covered[h[0]:h[0]+h[1]], false) {
				t.Fatalf("%q is lost in %q", b[h[0]:h[0]+h[1]], b)
			}
		}
		for _, e := range []Encoding{UTF16LE, UTF16BE} {
			hits := matchesIn(all[e], &Memory{Bytes: b}, len(b), false)
			for _, h := range matchesIn(oneRun(t, e, 4), &Memory{Bytes: b}, len(b), false) {
				if !slices.ContainsFunc(hits, func(g [2]int) bool { return g[0] <= h[0] && g[0]+g[1] >= h[0]+h[1] }) {
					t.Fatalf("%v: %d+%d is lost in %q", e, h[0], h[1], b)
				}
			}
		}
	}
	if found < 2000 {
		t.Errorf("only %d runs were there to find", found)
	}
}

// Noise has little text. In 4 MiB it has what ascii has anyway, a tenth more in utf8, and
// next to nothing in UTF-16 and UTF-32.
func TestTextsInNoise(t *testing.T) {
	rnd := testenv.Seeded(t, 5, 1)
	b := make([]byte, 4<<20)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	most := map[Encoding]int{ASCII: 60000, UTF8: 9000, UTF16LE: 40, UTF16BE: 40, UTF32LE: 2, UTF32BE: 2}
	for e, x := range texts(t, 4, TextRunEncodings...) {
		got := matchesIn(x, &Memory{Bytes: b}, len(b), false)
		t.Logf("%v: %d", e, len(got))
		if len(got) > most[e] {
			t.Errorf("%v: %d runs, want at most %d", e, len(got), most[e])
		}
	}
}

// The tables of common characters are those of the standards, as Python has them.
func TestCommonHan(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3")
	}
	out, err := exec.Command(python, "-c", `
def f(name, lead, trail, lo, hi):
    s = set()
    for a in lead:
        for b in trail:
            try: c = bytes([a, b]).decode(name)
            except UnicodeDecodeError: continue
            if len(c) == 1 and lo <= ord(c) <= hi: s.add(c)
    return s
h = f("gb2312", range(0xb0, 0xd8), range(0xa1, 0xff), 0x4e00, 0x9fff)
h |= f("big5", range(0xa4, 0xc7), range(0x40, 0xff), 0x4e00, 0x9fff)
h |= f("euc_jp", range(0xb0, 0xd0), range(0xa1, 0xff), 0x4e00, 0x9fff)
h |= f("euc_kr", range(0xb0, 0xc9), range(0xa1, 0xff), 0xac00, 0xd7a3)
import sys
sys.stdout.buffer.write("".join(sorted(h)).encode())`).Output()
	if err != nil {
		t.Skip(err)
	}
	var got []rune
	add := func(r rune) { got = append(got, r) }
	bitmap(commonHan, 0x4e00, add)
	bitmap(commonHangul, 0xac00, add)
	if string(got) != string(out) {
		t.Errorf("%d characters, of the standards %d", len(got), utf8.RuneCount(out))
	}
	if tables := scriptTable(); tables['あ'] != kana || tables['я'] == tables['a'] || len(scriptTables) != 26 {
		t.Error("the script of Japanese is another one")
	}
}

func FuzzTexts(f *testing.F) {
	for _, text := range writings {
		for i, e := range TextRunEncodings {
			f.Add(append([]byte{0}, written(text, e)...), uint8(i), uint16(4))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, e uint8, minimal uint16) {
		enc := TextRunEncodings[int(e)%len(TextRunEncodings)]
		x := texts(t, max(1, int(minimal)%40), TextRunEncodings...)[enc]
		if len(b) > 1<<12 {
			return
		}
		got := matchesIn(x, &Memory{Bytes: b}, len(b), false)
		want := matchesIn(x, &Memory{Bytes: b}, len(b), true)
		if !slices.Equal(got, want) {
			t.Fatalf("%v: got %v, want %v", enc, got, want)
		}
		for _, h := range got {
			if h[0]+h[1] > len(b) || enc.RunLen(b[h[0]:h[0]+h[1]]) != h[1] {
				t.Fatalf("%v: %v in %q", enc, h, b)
			}
		}
	})
}
