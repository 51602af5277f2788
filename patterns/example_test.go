package patterns_test

import (
	"fmt"
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
	_, err := patterns.ParseFile("sigs.txt", strings.NewReader(`
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
	set, err := patterns.Compile(pats, patterns.Target{WordSize: 8, Order: addr.Little, OrderKnown: true})
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

// Patterns that a program makes: a name tells hits apart, and what is wrong, also
// what is not known of the image, is the error of Compile.
func ExampleBytes() {
	magic := patterns.Bytes([]byte("\x7fELF"))
	magic.Name = "magic"
	id := patterns.Numbers(4, patterns.ValueRange{Lo: 1000, Hi: 1999})
	id.Name = "user id"
	pats := []patterns.Pattern{magic, id, patterns.Bytes(nil)}

	_, err := patterns.Compile(pats, patterns.Target{})
	fmt.Println(err)

	set, err := patterns.Compile(pats[:2], patterns.Target{OrderKnown: true, Order: addr.Big})
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

// Pointers are words of the image: their size and byte order are those of the
// Target, and a name is that of a mapping of it. An image.Image makes the Target
// of a dump.
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
		set, err := patterns.Compile([]patterns.Pattern{p}, target)
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
