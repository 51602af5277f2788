package patterns

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// floatKind is f32: and f64:, a floating-point number of IEEE 754 as memory holds it, in
// the image's byte order or, with le or be behind the type, in that one:
//
//	VALUE       the number of the type that is nearest to it
//	LO..HI      numbers from LO to HI, both included; an end that is left out
//	            is the infinity on that side
//	VALUE~TOL   numbers from VALUE − TOL to VALUE + TOL, both included
//
// Ends are rounded to the nearest number of the type too, so that f32:0.1..0.3 includes
// what is written 0.1 and 0.3 in C. Zero stands for both +0 and −0. nan is any value that
// is no number, and is in no range. inf and -inf are numbers.
var floatKind = kind{
	kind:     KindFloat,
	keywords: []string{"f32", "f32le", "f32be", "f64", "f64le", "f64be"},
	parse:    parseFloat,
}

// float is a type of floating-point numbers.
type float struct {
	name string
	bits int
}

func parseFloat(in input, keyword, _ string) (body, error) {
	name, order, fixed := splitOrder(keyword)
	t := float{name, 32}
	if name == "f64" {
		t.bits = 64
	}
	words, err := t.parse(in.trim())
	if err != nil {
		return nil, err
	}
	return &numberBody{ranges: words, size: t.bits / 8, show: showFloat, order: order, fixed: fixed}, nil
}

// parse reads VALUE, LO..HI or VALUE~TOL.
func (t float) parse(in input) ([]ValueRange, error) {
	const want = "want a number, LO..HI or VALUE~TOL"
	if in.pos == in.end {
		return nil, in.fault(in.pos, "%s, found the end", want)
	}
	if i := strings.Index(in.body(), ".."); i >= 0 {
		lo, hi := in, in
		lo.end, hi.pos = in.pos+i, in.pos+i+2
		return t.parseRange(lo.trim(), hi.trim())
	}
	if i := strings.IndexByte(in.body(), '~'); i >= 0 {
		value, tolerance := in, in
		value.end, tolerance.pos = in.pos+i, in.pos+i+1
		return t.parseAround(value.trim(), tolerance.trim())
	}
	for i := in.pos + 1; i < in.end; i++ {
		if in.text[i] == '+' && !strings.ContainsRune("eEpP", rune(in.text[i-1])) {
			return nil, in.fault(i, "LO+LEN means nothing for %s: %s", t.name, want)
		}
	}
	v, err := t.value(in, t.bits)
	switch {
	case err != nil:
		return nil, err
	case math.IsNaN(v):
		inf, top := t.stored(math.Inf(1)), t.sign()
		return []ValueRange{{inf + 1, top - 1}, {top | (inf + 1), top | (top - 1)}}, nil
	case v == 0 && strings.ContainsAny(mantissa(in.body()), "123456789abcdfABCDF"):
		return nil, in.fault(in.pos, "%s holds nothing that small but 0", t.name)
	}
	return t.storedRanges(v, v), nil
}

func (t float) parseRange(lo, hi input) ([]ValueRange, error) {
	first, last := math.Inf(-1), math.Inf(1)
	for _, end := range []struct {
		in input
		v  *float64
	}{{lo, &first}, {hi, &last}} {
		if end.in.pos == end.in.end {
			continue
		}
		v, err := t.value(end.in, t.bits)
		if err != nil {
			return nil, err
		}
		if math.IsNaN(v) {
			return nil, end.in.fault(end.in.pos, "nan is the end of no range")
		}
		*end.v = v
	}
	if first > last {
		return nil, lo.fault(lo.pos, "range %v..%v: its first value is above its last", first, last)
	}
	return t.storedRanges(first, last), nil
}

func (t float) parseAround(value, tolerance input) ([]ValueRange, error) {
	v, err := t.value(value, 64)
	if err != nil {
		return nil, err
	}
	d, err := t.value(tolerance, 64)
	switch {
	case err != nil:
		return nil, err
	case math.IsNaN(v) || math.IsInf(v, 0):
		return nil, value.fault(value.pos, "a tolerance goes with a finite number")
	case !(d >= 0) || math.IsInf(d, 0):
		return nil, tolerance.fault(tolerance.pos, "want a tolerance that is finite and not negative")
	}
	lo, hi := v-d, v+d
	if t.bits == 32 {
		lo, hi = float64(float32(lo)), float64(float32(hi))
	}
	return t.storedRanges(lo, hi), nil
}

// value reads one number and rounds it to the nearest one of so many bits.
func (t float) value(in input, bits int) (float64, error) {
	if in.pos == in.end {
		return 0, in.fault(in.pos, "want a number, found the end")
	}
	v, err := strconv.ParseFloat(in.body(), bits)
	shown, _ := excerpt(in.body(), 0)
	switch {
	case errors.Is(err, strconv.ErrRange):
		largest := float64(math.MaxFloat32)
		if bits == 64 {
			largest = math.MaxFloat64
		}
		return 0, in.fault(in.pos, "%s is outside f%d, whose largest number is %v: is inf meant?", shown, bits, largest)
	case err != nil:
		return 0, in.fault(in.pos, "want a number, as 1.5, -2e10, inf or nan, found %q", shown)
	}
	return v, nil
}

// mantissa returns the digits of a number without its exponent.
func mantissa(s string) string {
	exponent := "eE"
	if strings.ContainsAny(s, "xX") {
		exponent = "pP"
	}
	if i := strings.IndexAny(s, exponent); i >= 0 {
		return s[:i]
	}
	return s
}

// sign returns the sign bit, the top bit of a number.
func (t float) sign() uint64 { return 1 << (t.bits - 1) }

// stored returns a number as memory holds it.
func (t float) stored(v float64) uint64 {
	if t.bits == 32 {
		return uint64(math.Float32bits(float32(v)))
	}
	return math.Float64bits(v)
}

// storedRanges returns the numbers lo to hi as memory holds them. A number is stored as a
// sign and a magnitude, so negative numbers ascend as they get lower:
//
//	number   −2 −1 −0 +0 1 2          word   +0 1 2      −0 −1 −2
//	          a-----------b      →            a---b       b-----a
func (t float) storedRanges(lo, hi float64) []ValueRange {
	var out []ValueRange
	if hi >= 0 {
		out = append(out, ValueRange{t.stored(math.Abs(max(lo, 0))), t.stored(math.Abs(hi))})
	}
	if lo <= 0 {
		out = append(out, ValueRange{t.sign() | t.stored(math.Abs(min(hi, 0))), t.sign() | t.stored(math.Abs(lo))})
	}
	return out
}
