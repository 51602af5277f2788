package patterns_test

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"vscan/engine/addr"
	"vscan/patterns"
)

func ExampleParse() {
	for _, s := range []string{"password=x", `magic=text:\x7fELF`, "u32be:1..9"} {
		p, err := patterns.Parse(s)
		fmt.Println(p.Name, p.Kind, err)
	}
	_, err := patterns.Parse("hex:12 3g")
	fmt.Println(err)
	// Output:
	// password=x literal <nil>
	// magic text <nil>
	// u32be:1..9 int <nil>
	// pattern 'hex:12 3g': column 9: want the second digit of a byte, found 'g'
}

func ExampleParseFile() {
	_, err := patterns.ParseFile(context.Background(), "sigs.txt", strings.NewReader(`
# signatures
elf = text:\x7fELF
bad = u8:300
`))
	fmt.Println(strings.ReplaceAll(err.Error(), "\t", "    "))
	// Output:
	// sigs.txt:4:10: 300 is outside u8, which holds 0 to 255
	//     bad = u8:300
	//              ^
}

// A file of patterns may include others; open decides where they come from. Exceptions
// in the file drop matches that are known to be none.
func ExampleParseFiles() {
	disk := map[string]string{
		"rules/all.txt": `
# everything
@include magic.txt
password = re:password=[a-z]{4,16}
@except  re:=secret$
`,
		"rules/magic.txt": `elf = text:\x7fELF`,
	}
	pats, err := patterns.ParseFiles(context.Background(), "rules/all.txt", func(name string) (io.ReadCloser, error) {
		text, ok := disk[filepath.ToSlash(name)]
		if !ok {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range pats {
		fmt.Println(p.Name, p.Kind, filepath.Base(p.File), p.Line, p.Exceptions())
	}
	// Output:
	// elf text magic.txt 1 []
	// password re all.txt 4 [re:=secret$]
}

// The options of text and of regular expressions are fields for a program.
func ExampleNewText() {
	text, err := patterns.NewText("user", "user, wide", []byte("user"), patterns.TextOptions{Wide: true, FullWord: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	mail, err := patterns.NewRegexp("mail", "mail", `[a-z.]+@[a-z.]+`, patterns.RegexpOptions{Caseless: true, MaxMatch: 256})
	if err != nil {
		fmt.Println(err)
		return
	}
	set, err := patterns.Compile(context.Background(), []patterns.Pattern{text, mail}, patterns.Target{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range set.Patterns() {
		fmt.Println(p.Name, p.Kind)
	}
	fmt.Println("longest:", set.MaxLen())
	// Output:
	// user text
	// mail re
	// longest: 256
}

// A set tells what the bytes of a hit hold. A program that searches has the index of
// the pattern, the form and the bytes from an engine.Hit.
func ExampleSet_Value() {
	var pats []patterns.Pattern
	for _, s := range []string{"answer=u16:42", "half=f32:0.5", "word=text/w:hi", "hidden=text/x:hi"} {
		p, err := patterns.Parse(s)
		if err != nil {
			fmt.Println(err)
			return
		}
		pats = append(pats, p)
	}
	set, err := patterns.Compile(context.Background(), pats, patterns.Target{Order: addr.Little, OrderKnown: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, b := range []string{"\x2a\x00", "\x00\x00\x00\x3f", "h\x00i\x00", "IH"} {
		value, isValue := set.Value(i, []byte(b))
		text, isText := set.Text(i, 0, []byte(b), false)
		key, isKeyed := set.XorKey(i, []byte(b))
		fmt.Printf("%s: value %q %t, text %q %t, key %#x %t\n", set.Patterns()[i].Name, value, isValue, text, isText, key, isKeyed)
	}
	// Output:
	// answer: value "42" true, text "" false, key 0x0 false
	// half: value "0.5" true, text "" false, key 0x0 false
	// word: value "" false, text "hi" true, key 0x0 false
	// hidden: value "" false, text "IH" true, key 0x21 true
}

func ExampleCompile() {
	var pats []patterns.Pattern
	for _, s := range []string{"hello", "text/wW:hi", "i16:-2..1", "ptr:0x1000"} {
		p, err := patterns.Parse(s)
		if err != nil {
			fmt.Println(err)
			return
		}
		pats = append(pats, p)
	}
	set, err := patterns.Compile(context.Background(), pats, patterns.Target{WordSize: 8, Order: addr.Little, OrderKnown: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range set.Needles() {
		name := set.Patterns()[n.Pattern].Name
		if n.Words != nil {
			fmt.Printf("%s: %d bytes, %v, in %x\n", name, n.Words.Size, n.Words.Order, n.Words.Ranges)
		} else {
			fmt.Printf("%s: %x, aligned to %d\n", name, n.Lit, n.Align)
		}
	}
	fmt.Println("longest:", set.MaxLen())
	// Output:
	// hello: 68656c6c6f, aligned to 1
	// text/wW:hi: 68006900, aligned to 1
	// text/wW:hi: 00680069, aligned to 1
	// i16:-2..1: 2 bytes, little, in [{0 1} {fffe ffff}]
	// ptr:0x1000: 0010000000000000, aligned to 8
	// longest: 8
}

// A program makes patterns of bytes and numbers. Hits are told apart by the patterns'
// names. Compile returns what is wrong with the patterns, and what it would have to know
// of the image.
func ExampleBytes() {
	magic := patterns.Bytes([]byte("\x7fELF"))
	magic.Name = "magic"
	id := patterns.Numbers(4, patterns.ValueRange{Lo: 1000, Hi: 1999})
	id.Name = "user id"
	pats := []patterns.Pattern{magic, id, patterns.Bytes(nil)}

	_, err := patterns.Compile(context.Background(), pats, patterns.Target{})
	fmt.Println(err)

	set, err := patterns.Compile(context.Background(), pats[:2], patterns.Target{OrderKnown: true, Order: addr.Big})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, p := range set.Patterns() {
		value, ok := set.Value(i, []byte{0, 0, 4, 0})
		fmt.Println(p.Name, value, ok)
	}
	// Output:
	// pattern 'hex:': no bytes: want at least one
	// pattern 'user id': the byte order of the image is not known
	// magic  false
	// user id 1024 true
}

// Pointers are words of the image: their size and byte order are those of the Target,
// and a name is that of one of its mappings. An image.Image makes the Target of a dump.
func ExampleParsePointer() {
	p, err := patterns.ParsePointer("[heap]")
	if err != nil {
		fmt.Println(err)
		return
	}
	named := func(name string) ([]addr.Range, error) {
		return map[string][]addr.Range{"[heap]": {{First: 0x1000, Last: 0x2fff}}}[name], nil
	}
	for _, target := range []patterns.Target{
		{WordSize: 4, OrderKnown: true, Mapping: named},
		{WordSize: 4, OrderKnown: true},
		{},
	} {
		set, err := patterns.Compile(context.Background(), []patterns.Pattern{p}, target)
		if err != nil {
			fmt.Println(err)
			continue
		}
		n := set.Needles()[0]
		fmt.Printf("%d bytes, %x, aligned to %d\n", n.Words.Size, n.Words.Ranges, n.Align)
	}
	// Output:
	// 4 bytes, [{1000 2fff}], aligned to 4
	// pattern '[heap]': column 1: @[heap]: the image has no named mappings
	// pattern '[heap]': the word size of the image is not known
	// pattern '[heap]': the byte order of the image is not known
}
