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
