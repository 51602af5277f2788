package yara

import "math"

// A valueType is the type of a value. The parser knows the type of each operand.
type valueType uint8

const (
	typeUndefined valueType = iota // no value: memory that is not there, a hit that is not
	typeInt                        // 64 bits, signed; arithmetic on it gives such a value too
	typeBool                       // 0 or 1; cannot be an operand of arithmetic and comparisons
	typeFloat
	typeText
	typeRegexp  // cannot be an operand of anything
	typeUnknown // of an operand that is not supported: it goes with any operator
)

// String returns the type as a message has it.
func (k valueType) String() string {
	switch k {
	case typeInt:
		return "an integer"
	case typeBool:
		return "a truth value"
	case typeFloat:
		return "a fraction"
	case typeText:
		return "a text"
	case typeRegexp:
		return "a regular expression"
	}
	return "something"
}

// A value is the value of an operand. Truth values are integers, as in YARA: 0 is false,
// all others are true.
type value struct {
	typ valueType
	i   int64
	f   float64
	s   string
}

var undefined = value{}

func intValue(i int64) value { return value{typ: typeInt, i: i} }

func boolValue(b bool) value {
	if b {
		return intValue(1)
	}
	return intValue(0)
}

func (v value) defined() bool { return v.typ != typeUndefined }

// truth returns the value as a condition. Undefined is not true, and not false either: not
// of it is undefined.
func (v value) truth() bool {
	switch v.typ {
	case typeInt:
		return v.i != 0
	case typeFloat:
		return math.Float64bits(v.f) != 0
	case typeText:
		return v.s != ""
	}
	return false
}

// float returns a number as a fraction.
func (v value) float() float64 {
	if v.typ == typeInt {
		return float64(v.i)
	}
	return v.f
}

// arithmetic returns a op b, as in YARA: integers wrap round. Division by zero, a shift by
// a negative number, and −2^63 divided by −1 are undefined.
func arithmetic(op string, a, b value) value {
	switch {
	case !a.defined() || !b.defined():
		return undefined
	case a.typ == typeInt && b.typ == typeInt:
		return intArithmetic(op, a.i, b.i)
	}
	x, y := a.float(), b.float()
	switch op {
	case "+":
		x += y
	case "-":
		x -= y
	case "*":
		x *= y
	case `\`:
		x /= y
	default:
		return undefined
	}
	return value{typ: typeFloat, f: x}
}

func intArithmetic(op string, a, b int64) value {
	switch op {
	case "+":
		return intValue(a + b)
	case "-":
		return intValue(a - b)
	case "*":
		return intValue(a * b)
	case "&":
		return intValue(a & b)
	case "|":
		return intValue(a | b)
	case "^":
		return intValue(a ^ b)
	}
	switch {
	case op == "<<" && b >= 64, op == ">>" && b >= 64:
		return intValue(0)
	case op == "<<" && b >= 0:
		return intValue(a << b)
	case op == ">>" && b >= 0:
		return intValue(a >> b)
	case b == 0 || a == math.MinInt64 && b == -1:
	case op == `\`:
		return intValue(a / b)
	case op == "%":
		return intValue(a % b)
	}
	return undefined
}

// epsilon is C's DBL_EPSILON: two fractions that are less far apart are equal.
const epsilon = 0x1p-52

// compare returns whether a op b holds. It is undefined if a or b is.
func compare(op string, a, b value) value {
	if !a.defined() || !b.defined() {
		return undefined
	}
	var less, equal bool
	switch {
	case a.typ == typeText || b.typ == typeText:
		less, equal = a.s < b.s, a.s == b.s
	case a.typ == typeInt && b.typ == typeInt:
		less, equal = a.i < b.i, a.i == b.i
	default:
		x, y := a.float(), b.float()
		switch op {
		case "==":
			return boolValue(math.Abs(x-y) < epsilon)
		case "!=":
			return boolValue(math.Abs(x-y) >= epsilon)
		case "<":
			return boolValue(x < y)
		case "<=":
			return boolValue(x <= y)
		case ">":
			return boolValue(x > y)
		}
		return boolValue(x >= y)
	}
	switch op {
	case "==":
		return boolValue(equal)
	case "!=":
		return boolValue(!equal)
	case "<":
		return boolValue(less)
	case "<=":
		return boolValue(less || equal)
	case ">":
		return boolValue(!less && !equal)
	}
	return boolValue(!less)
}
